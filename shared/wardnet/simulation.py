"""A whole network in one process: same questions, maths and rules; the test bench of everything.

>>> import pandas as pd
>>> frame = pd.DataFrame({"age": range(40, 80), "sex": ["female", "male"] * 20})
>>> network = simulate({"mercy": frame[:15], "charity": frame[15:]}, dataset="patients")
>>> network.summary("patients", "age", by="sex").to_frame()["mean"].tolist()
[59.0, 60.0]
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from wardnet import canonical
from wardnet.agreement.purpose import VOCABULARY, Permission, Purpose
from wardnet.client.commands.display import simulated
from wardnet.client.models.fitted import Fitted
from wardnet.client.network import Network
from wardnet.client.printing import listing
from wardnet.client.printing.listing import Columns, Dataset, Hospital, Listing
from wardnet.client.queries.ask import Ask, Asker, to_query
from wardnet.client.queries.result import Result, released
from wardnet.client.studies.grant import Grant, Permit
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF, STANDARD, DisclosureRules
from wardnet.question import answer as answers
from wardnet.question import query as queries
from wardnet.question.dictionary import NEVER_SHARED, Column, Dictionary, Name
from wardnet.question.query import Id
from wardnet.question.rows import Rows
from wardnet.statistics.fitting import weights
from wardnet.statistics.session import Session, run

if TYPE_CHECKING:
    import pandas as pd

_ASKER: Final = Asker(
    network="simulation",
    researcher="simulation",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    nonce="0" * 32,
    recipient="0" * 64,
)
"""Always the same, so that equal questions to equal data give equal bytes."""

_LONE_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")

_NOTHING: Final = "0" * 64
_PERMIT: Final = Permit(
    _NOTHING, Purpose(VOCABULARY, Permission.NRES, (), ()), STANDARD.minimum_patients
)
"""A simulation does without a study and agreements."""


class SimulatedNetwork(Network):
    """Answer from tables in memory; made by `simulate`."""

    def __init__(
        self, dictionary: Dictionary, rows: Mapping[str, Rows], *, rules: DisclosureRules
    ) -> None:
        self._dictionary = dictionary
        self._rows = rows
        self._rules = rules
        self._grant = Grant(_NOTHING, dict.fromkeys(rows, _PERMIT))

    def datasets(self) -> Listing[Dataset]:
        """Return the one dataset."""
        dictionary = self._dictionary
        return listing.datasets(
            [
                Dataset(
                    name=dictionary.name,
                    label=dictionary.label,
                    version=dictionary.version,
                    dictionary=dictionary.digest,
                    hospitals=tuple(sorted(self._rows)),
                )
            ]
        )

    def dictionary(self, dataset: str) -> Columns:
        """Return the columns that questions may name."""
        if dataset != self._dictionary.name:
            raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=dataset)
        return Columns(self._dictionary)

    def hospitals(self) -> Listing[Hospital]:
        """Return the simulated hospitals."""
        return listing.hospitals(Hospital(name, connected=True) for name in sorted(self._rows))

    def ask(self, ask: Ask) -> Result:
        """Ask the hospitals of the question, all in this process; on a terminal, show how far."""
        dictionary = self.dictionary(ask.dataset).dictionary
        query = to_query(ask, asker=_ASKER, dictionary=dictionary, grant=self._grant)
        with simulated(query) as shown:
            answer = run(
                query,
                digest=canonical.digest(queries.to_bytes(query)),
                dictionary=dictionary,
                hospitals={name: self.batches(name) for name in query.hospitals},
                rules=self._rules,
                progress=shown,
            )
        travelled = answers.from_bytes(answers.to_bytes(answer))
        return released(query, travelled, dictionary=lambda: dictionary)

    def own_model(self, result: Result, hospital: str) -> Fitted:
        """Return the model of a result as one hospital has it: with weights of its own.

        That is what `wardnet-node predict` uses there. Only without rules: these weights are
        fitted to the rows of one hospital, and never leave it in a network.

        Parameters
        ----------
        result : Result
            Of `learn.fedavg` with `personal`, asked here.
        hospital : str
            That took part; one that could fit none has the shared weights.

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID` under the rules, for a hospital that took no part, and for a model
            that shares all its weights; those of `Result.model`.
        """
        if self._rules is not OFF:
            _refuse("the weights of one hospital", "never leave it; simulate with rules=False")
        if hospital not in result.hospitals:
            _refuse(f"the hospital {hospital}", "took no part in the result")
        session = Session(result.question, digest=result.query, dictionary=self._dictionary)
        fitting, fitted = session.fitting(result.answer), result.model
        if fitting is None:
            _refuse("the model", "shares all its weights; learn it with personal='intercept'")
        own = weights(fitting.sums(fitting.part(self.batches(hospital)())))
        return replace(fitted, model=fitted.model.personal(own)) if own.size else fitted

    def batches(self, hospital: str) -> Callable[[], Sequence[Rows]]:
        """Return what yields the rows of a hospital."""
        return lambda: (self._rows[hospital],)


def simulate(
    frames: "Mapping[str, pd.DataFrame] | Sequence[pd.DataFrame]",
    *,
    dataset: str = "data",
    dictionary: Dictionary | None = None,
    patient: str | None = None,
    rules: bool = True,
) -> SimulatedNetwork:
    """Make a network of tables in memory.

    Parameters
    ----------
    frames : mapping of str to DataFrame, or sequence of DataFrame
        One table per hospital, all with the same columns. In a sequence the hospitals are called
        `hospital-1`, `hospital-2` and so on.
    dataset : str
        Name of the dataset, where no dictionary names it.
    dictionary : Dictionary or None
        What the columns mean; drafted from all tables together when None.
    patient : str or None
        The column that names the patient, where no dictionary does; None when every row is a
        patient of its own.
    rules : bool
        Whether the disclosure rules are applied. They can be switched off only here.

    Returns
    -------
    SimulatedNetwork
        Answers like the real network, without signatures.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` for what is no table, naming hospital, column and row where a value does
        not fit.
    """
    tables = _named(frames)
    if dictionary is None:
        dictionary, sources = _draft(tables, dataset, patient)
    else:
        sources = {column.name: column.name for column in dictionary.columns}
    rows = {name: _rows(name, table, dictionary, sources) for name, table in tables.items()}
    return SimulatedNetwork(dictionary, rows, rules=STANDARD if rules else OFF)


def _named(
    frames: "Mapping[str, pd.DataFrame] | Sequence[pd.DataFrame]",
) -> "Mapping[str, pd.DataFrame]":
    if isinstance(frames, str) or not isinstance(frames, Mapping | Sequence):
        _refuse("the tables", 'are one per hospital: simulate({"north": table, "south": other})')
    if not isinstance(frames, Mapping):
        frames = {f"hospital-{number}": frame for number, frame in enumerate(frames, start=1)}
    if not frames:
        _refuse("the hospitals", "are missing; give at least one table")
    for name, table in frames.items():
        _check(
            TypeAdapter(Id), name, "hospital", "1 to 63 lower case letters, digits, dots and dashes"
        )
        _check_table(name, table)
    return frames


def _check_table(hospital: str, table: "pd.DataFrame") -> None:
    import pandas as pd  # noqa: PLC0415 - slow to load, and the daemons do without

    if not isinstance(table, pd.DataFrame):
        _refuse(f"the table of {hospital}", "is no pandas DataFrame")
    if not len(table.columns):
        _refuse(f"the table of {hospital}", "has no columns")
    names = [str(column) for column in table.columns]
    for name in names:
        if not _is_text(name):
            _refuse(f"the table of {hospital}", "has a column whose name is not valid Unicode")
        if names.count(name) > 1:
            _refuse(f"the table of {hospital}", f"has two columns named {name}")
    for name, column in zip(names, table.columns, strict=True):
        if table[column].dtype == object or isinstance(table[column].dtype, pd.CategoricalDtype):
            broken = [not _is_text(value) for value in table[column]]
            if any(broken):
                _refuse_row(hospital, name, np.array(broken), "is not valid Unicode")
        elif table[column].dtype.kind == "f" and (endless := np.isinf(table[column])).any():
            rule = "is infinite; leave it empty where it is missing"
            _refuse_row(hospital, name, endless.to_numpy(), rule)


def _is_text(value: object) -> bool:
    """Say whether a text can be written as UTF-8: a lone half of a surrogate pair cannot."""
    return not (isinstance(value, str) and _LONE_SURROGATE.search(value))


def _draft(
    tables: "Mapping[str, pd.DataFrame]", dataset: str, patient: str | None
) -> tuple[Dictionary, Mapping[str, str]]:
    import pandas as pd  # noqa: PLC0415 - slow to load, and the daemons do without

    from wardnet.question.draft import draft  # noqa: PLC0415 - as above

    _check(TypeAdapter(Name), dataset, "dataset", "a letter, then up to 62 letters, digits and _")
    (first, reference), *others = tables.items()
    for name, table in others:
        for column in reference.columns.symmetric_difference(table.columns):
            _refuse(f"the column {column}", f"stands in only one of the tables {first} and {name}")
    if patient is not None and patient not in reference.columns:
        _refuse(f"the patient's column {patient}", "stands in no table")
    for column in reference.columns:
        _check_numbers({name: table[column] for name, table in tables.items()})
    pooled = pd.concat(list(tables.values()), ignore_index=True)
    return draft(pooled, dataset, patient=patient, keep_rare=True)


def _check_numbers(column: "Mapping[str, pd.Series]") -> None:
    """Refuse words in a column that holds fractions elsewhere: it is no category, but a mistake."""
    import pandas as pd  # noqa: PLC0415 - slow to load, and the daemons do without

    measured = [
        name
        for name, values in column.items()
        if values.dtype.kind == "f" and _has_fractions(values)
    ]
    for name, values in column.items() if measured else ():
        words = pd.to_numeric(values.astype(object), errors="coerce").isna() & values.notna()
        if values.dtype.kind not in "biufM" and words.any():
            rule = f"is no number, as those of {measured[0]} are"
            _refuse_row(name, str(values.name), words.to_numpy(), rule)


def _has_fractions(values: "pd.Series") -> bool:
    numbers = values.to_numpy(np.float64, na_value=np.nan)
    return bool(np.any(numbers > np.floor(numbers)))


def _rows(
    hospital: str,
    table: "pd.DataFrame",
    dictionary: Dictionary,
    sources: Mapping[str, str],
) -> Rows:
    table = table.rename(columns=str)
    shared = [column for column in dictionary.columns if column.type not in NEVER_SHARED]
    patient = dictionary.patient
    for name in [*(column.name for column in shared), *([patient] if patient else [])]:
        if sources[name] not in table.columns:
            _refuse(f"the table of {hospital}", f"has no column {sources[name]}")
    columns = {
        column.name: _encoded(hospital, column, table[sources[column.name]]) for column in shared
    }
    index = None if patient is None else _index(hospital, table[sources[patient]])
    return Rows(len(table), columns, index)


def _encoded(hospital: str, column: Column, values: "pd.Series") -> NDArray[np.generic]:
    from wardnet.question.values import encode  # noqa: PLC0415 - loads pandas

    encoded = encode(column, values)
    for problem in encoded.problems:
        _refuse_row(hospital, column.name, problem.mask, problem.rule)
    return encoded.values


def _index(hospital: str, patients: "pd.Series") -> NDArray[np.uint32]:
    """Return numbers for the patients of one hospital; elsewhere the same person is another."""
    codes, _ = patients.factorize()
    if np.any(codes < 0):
        _refuse_row(hospital, str(patients.name), codes < 0, "names no patient")
    return codes.astype(np.uint32)


def _refuse_row(hospital: str, column: str, mask: NDArray[np.bool_], rule: str) -> None:
    row = int(np.flatnonzero(mask)[0]) + 1
    _refuse(f"the value of {column} in row {row} of {hospital}", rule)


def _check(adapter: "TypeAdapter[str]", name: object, what: str, rule: str) -> None:
    try:
        adapter.validate_python(name, strict=True)
    except ValidationError:
        _refuse(f"the {what} name {name!r}", f"must be {rule}")


def _refuse(parameter: str, rule: str) -> NoReturn:
    raise WardnetError(Reason.PARAMETER_INVALID, method="simulate", parameter=parameter, rule=rule)
