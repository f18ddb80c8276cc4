"""The result of a query as a person uses it: printed, as a pandas frame, as JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from wardnet.canonical import Json
from wardnet.client.models.fitted import Fitted
from wardnet.client.printing.sheet import UNDEFINED, Sheet, numerals
from wardnet.client.printing.tables import facts, printed
from wardnet.client.queries.ask import describe, where_of
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.question.answer import Answer, Cell, Table
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query
from wardnet.statistics.methods import METHODS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

COUNTS: Final = frozenset({"n", "missing", "rows", "patients", "splits"})
"""Statistics that are whole numbers."""

Marks: TypeAlias = Sequence[Sequence[str]]
"""Per row and column of a table: the mark of a withheld entry, or an empty text."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Name a hospital that was asked and did not take part.

    Parameters
    ----------
    hospital : str
        Its id.
    why : str
        One sentence.
    """

    hospital: str
    why: str


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """Hold what the hospitals answered; prints as a table.

    Parameters
    ----------
    question : Query
        What was asked.
    answer : Answer
        What all participating hospitals state; its outcome is `released`.
    table : Table
        The answer's table.
    dictionary : callable
        Returns what the columns mean.
    absent : tuple of Absent
        Hospitals that were asked and did not take part.
    envelope : Envelope or None
        The answer with the hospitals' signatures, verified; None in a simulation.
    asked : Envelope or None
        The question as its researcher signed it; None in a simulation.
    """

    question: Query
    answer: Answer
    table: Table
    dictionary: Callable[[], Dictionary] = field(compare=False)
    absent: tuple[Absent, ...] = ()
    envelope: Envelope | None = None
    asked: Envelope | None = None

    @property
    def query(self) -> str:
        """Return the query's id: the digest of its signed bytes, hexadecimal."""
        return self.answer.query

    @property
    def hospitals(self) -> tuple[str, ...]:
        """Return the ids of the hospitals that took part, sorted."""
        return tuple(participant.hospital for participant in self.answer.participants)

    @property
    def model(self) -> Fitted:
        """Return the fitted model, which predicts from tables.

        Raises
        ------
        WardnetError
            `NO_MODEL` where the answer holds none; `METHOD_UNKNOWN` where this version does not
            know the method as it was; `DICTIONARY_OUTDATED` where the network has another
            dictionary by now.
        """
        method = METHODS.get(self.answer.method)
        if method is None or method.version != self.answer.method_version:
            raise WardnetError(
                Reason.METHOD_UNKNOWN, method=self.answer.method, version=self.answer.method_version
            )
        dictionary = self.dictionary()
        asked = method.bind(self.question.parameters, dictionary)
        return Fitted(method.model(asked, self.table), dictionary, self.table, method.name)

    def plot(self, *, importances: bool = False, space: "Result | None" = None) -> "Figure":
        """Return a picture of a model, its evaluation, components or clusters; never of a row.

        `plot().savefig("model.png")` writes it; a notebook shows it.

        Parameters
        ----------
        importances : bool
            Whether the importance of a model's columns is drawn instead of what is usual for it.
        space : Result or None
            Of `pca`: the plane that clusters of the same columns are drawn on.

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID` for an answer that has no picture; `EXTRA_MISSING` without
            matplotlib; `NO_MODEL`, `DICTIONARY_OUTDATED`.
        """
        from wardnet.client.plots.picture import picture  # noqa: PLC0415 - it draws results

        return picture(self, importances=importances, space=space)

    def to_frame(self) -> "pd.DataFrame":
        """Return the table as a pandas frame: keys and statistics as columns, withheld as NA.

        Counts are whole numbers (Int64) and other statistics doubles (Float64), whatever is
        withheld.
        """
        import pandas as pd  # noqa: PLC0415 - slow to load, and most commands do without

        frame = pd.DataFrame(self.table.rows, columns=pd.Index(self._names), dtype="object")
        statistics = self._names[len(self.table.keys) :]
        kinds = ("Int64" if value in COUNTS else "Float64" for value in self.table.values)
        return frame.astype(dict(zip(statistics, kinds, strict=True)))

    def to_dict(self) -> dict[str, Json]:
        """Return everything as JSON; `docs/researcher.md` describes the layout."""
        return {
            "query": self.query,
            "dataset": self.question.dataset,
            "dictionary": self.question.dictionary,
            "method": self.answer.method,
            "method_version": self.answer.method_version,
            "parameters": dict(self.question.parameters),
            "where": where_of(self.question),
            "keys": list(self._names[: len(self.table.keys)]),
            "values": list(self._names[len(self.table.keys) :]),
            "rows": [dict(zip(self._names, row, strict=True)) for row in self.table.rows],
            "withheld": [
                {"cell": dict(held.cell), "columns": list(held.columns), "rule": held.rule}
                for held in self.table.withheld
            ],
            "hospitals": [
                {"hospital": participant.hospital, "snapshot": participant.snapshot}
                for participant in self.answer.participants
            ],
            "absent": [{"hospital": absent.hospital, "why": absent.why} for absent in self.absent],
            "rules": list(self.answer.rules),
            "rounds": self.answer.rounds,
        }

    def __repr__(self) -> str:
        """Return the table as text, as wide as the terminal."""
        return self.sheet().text()

    def _repr_html_(self) -> str:
        return self.sheet().html()

    def sheet(self) -> Sheet:
        """Return the table as a person sees it, with what must be known beside it."""
        table = printed(self.table, method=self.answer.method)
        rules = list(dict.fromkeys(held.rule for held in table.withheld))
        marks = _marks(table, rules)
        columns = [
            numerals(column, withheld=mark)
            for column, mark in zip(
                zip(*table.rows, strict=True), zip(*marks, strict=True), strict=True
            )
        ]
        return Sheet(
            describe(self.question),
            (*table.keys, *table.values),
            tuple(zip(*columns, strict=True)),
            keys=len(table.keys),
            notes=(*_legend(table, marks, rules), *self._facts(), *self._notes()),
        )

    def _facts(self) -> list[tuple[str, str]]:
        told = facts(self.table, method=self.answer.method, asked=self.question.parameters)
        return [("fit", told)] if told else []

    def _notes(self) -> list[tuple[str, str]]:
        return [
            ("hospitals", ", ".join(self.hospitals)),
            *(("absent", f"{absent.hospital}: {absent.why}") for absent in self.absent),
            *(("rules", rule) for rule in self.answer.rules or ("none: switched off",)),
            ("query", self.query if self.envelope else "simulated, without signatures"),
        ]

    @property
    def _names(self) -> Sequence[str]:
        """Return unique column names: a statistic that is called like a key gets prefixes."""
        names = list(self.table.keys)
        for value in self.table.values:
            name = value
            while name in names:
                name = f"{self.answer.method}_{name}"
            names.append(name)
        return names


def released(
    question: Query,
    answer: Answer,
    *,
    dictionary: Callable[[], Dictionary],
    absent: tuple[Absent, ...] = (),
    envelope: Envelope | None = None,
    asked: Envelope | None = None,
) -> Result:
    """Return the result of an answer.

    Parameters
    ----------
    dictionary : callable
        Returns what the columns mean.

    Raises
    ------
    WardnetError
        The reason of the answer's refusal, when a disclosure rule refused the total.
    """
    if answer.table is None:
        raise WardnetError(Reason(answer.reason))
    return Result(question, answer, answer.table, dictionary, absent, envelope, asked)


def _marks(table: Table, rules: Sequence[str]) -> Marks:
    """Mark every withheld entry; with several rules the mark names its rule by number."""
    marks = [[""] * len(row) for row in table.rows]
    for held in table.withheld:
        mark = "withheld" if len(rules) == 1 else f"withheld ({rules.index(held.rule) + 1})"
        places = [len(table.keys) + table.values.index(name) for name in held.columns]
        for row, row_marks in zip(table.rows, marks, strict=True):
            if _matches(table.keys, row, held.cell):
                for place in places:
                    row_marks[place] = mark
    return marks


def _matches(keys: Sequence[str], row: Sequence[Cell], cell: Mapping[str, str]) -> bool:
    about = dict(zip(keys, row, strict=False))
    return all(about.get(name) == text for name, text in cell.items())


def _legend(table: Table, marks: Marks, rules: Sequence[str]) -> list[tuple[str, str]]:
    """Explain the marks that stand in the table."""
    legend = [
        ("withheld" if len(rules) == 1 else f"withheld ({number})", rule)
        for number, rule in enumerate(rules, start=1)
    ]
    undefined = any(
        cell is None and not mark
        for row, row_marks in zip(table.rows, marks, strict=True)
        for cell, mark in zip(row, row_marks, strict=True)
    )
    return [*legend, (UNDEFINED, "not defined for so few or such values")] if undefined else legend
