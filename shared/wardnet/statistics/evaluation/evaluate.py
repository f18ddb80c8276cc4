"""How well a model predicts: discrimination, calibration and hits, on any cohort."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Table
from wardnet.question.dictionary import NUMBERS, STRICT, Dictionary, Name
from wardnet.question.rows import Rows, no_rows
from wardnet.statistics import parameters as read
from wardnet.statistics.evaluation import calibration, curve
from wardnet.statistics.evaluation.asked import TWO, Asked
from wardnet.statistics.evaluation.bins import MOST_BINS
from wardnet.statistics.evaluation.concordance import concordance, numbers
from wardnet.statistics.evaluation.distances import Distances
from wardnet.statistics.evaluation.hits import Hits
from wardnet.statistics.evaluation.inquiry import KEYS, VALUES, Inquiry
from wardnet.statistics.evaluation.losses import Losses
from wardnet.statistics.evaluation.order import Order
from wardnet.statistics.evaluation.tenths import PARTS, Tenths
from wardnet.statistics.evaluation.withholding import (
    cells_of,
    guards_of,
    hidden_hits,
    hidden_times,
    measures_of,
    refusal,
    shown_bins,
)
from wardnet.statistics.method import Method, Part, Question, settle
from wardnet.statistics.tables import Line, table
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index

LARGEST_MODEL: Final = canonical.MAXIMUM_BYTES - (64 << 10)
"""Bytes of a model and its proof in a question, which has to hold more than these."""

MOST_CLASSES: Final = 20


@checked(frozen=True, config=STRICT)
class Fitted:
    """Hold a model as an answer states it.

    Parameters
    ----------
    method, version : str, int
        What fitted it.
    parameters : dict
        Of its question.
    table : Table
        Of its answer.
    """

    method: Name
    version: int
    parameters: dict[str, JsonValue]
    table: Table


@checked(frozen=True, config=STRICT)
class Parameters:
    """Hold what `evaluate` takes.

    Parameters
    ----------
    model : Fitted
        What is evaluated.
    threshold : float
        Above 0 and below 1: from which probability on the second of two classes is predicted.
    time, event : str or None
        The column of numbers that holds a time, and the one of two levels that says whether the
        event was then, or had not been until then: the concordance index of the predictions, as
        risks, is told as well. Both or neither.
    proof : dict or None
        What shows that hospitals have answered with the model, which a node verifies before it
        accepts the question; a simulation has none.
    """

    model: Fitted
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    time: Name | None = None
    event: Name | None = None
    proof: dict[str, JsonValue] | None = None


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class State:
    """Hold what is being found out.

    Parameters
    ----------
    asked : Asked
        What is evaluated.
    inquiries : tuple of Inquiry
        Side by side.
    """

    asked: Asked
    inquiries: tuple[Inquiry, ...]


class Evaluate(Method[Asked, State]):
    """Tell how well a model predicts the rows of a cohort, which may be others than it learnt from.

    Notes
    -----
    Every hospital reads the model from the question, predicts its rows and adds up. Of two classes
    the second is the one whose probability is looked at.

    Examples
    --------
    Parameters: ``{"model": {"method": "glm", "version": 1, "parameters": {...}, "table": {...}}}``.

    References
    ----------
    Van Calster et al. (2019), Calibration: the Achilles heel of predictive analytics.
    """

    name: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 1
    maximum_rounds: ClassVar[int] = curve.MOST_ROUNDS + 2
    output: ClassVar[Output] = Output.EVALUATION

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary, and read the model."""
        given = read.read(self.name, _ADAPTER, parameters)
        written = canonical.encode(parameters["model"])
        if len(written) + len(canonical.encode(given.proof)) > LARGEST_MODEL:
            size = f"is larger than {LARGEST_MODEL >> 10} KiB"
            smaller = "fit a smaller one: fewer trees, or smaller layers"
            read.refuse(self.name, "model", f"{size}; {smaller}")
        method = _method(given.model)
        model = method.model(method.bind(given.model.parameters, dictionary), given.model.table)
        if not model.outcome:
            read.refuse(self.name, "model", "predicts no column that it could be compared with")
        column, digest = dictionary.column(model.outcome), canonical.digest(written)
        time = self._time(given, dictionary)
        asked = Asked(model, column, given.threshold, digest, time)
        if len(asked.classes) > MOST_CLASSES:
            read.refuse(self.name, "model", f"tells more than {MOST_CLASSES} classes apart")
        if not asked.classes and asked.column.type not in NUMBERS:
            read.refuse(self.name, "model", "predicts numbers of a column that holds none")
        if time is not None and len(asked.classes) > TWO:
            read.refuse(self.name, "time", "needs a model that predicts a number or two classes")
        try:
            asked.judge(no_rows(dictionary, self.columns(asked)))
        except OverflowError:
            read.refuse(self.name, "model", "holds numbers that are too large to compute with")
        return asked

    def _time(self, given: Parameters, dictionary: Dictionary) -> Order | None:
        """Return the columns of times and events, if they are given."""
        if given.time is None and given.event is None:
            return None
        if given.time is None or given.event is None:
            missing = "time" if given.time is None else "event"
            read.refuse(self.name, missing, "is needed: times and events go together")
        (time,) = read.numbers(self.name, "time", (given.time,), dictionary)
        (event,) = read.grouping(self.name, "event", (given.event,), dictionary)
        if len(event.labels) != TWO:
            read.refuse(self.name, "event", f"needs two levels; {event.name} has others")
        return Order(time, event)

    def columns(self, parameters: Asked) -> frozenset[str]:
        """Return the model's columns, its outcome, and those of times and events."""
        times = () if parameters.time is None else parameters.time.columns
        named = (
            *parameters.model.columns,
            *(column.name for column in (parameters.column, *times)),
        )
        return frozenset(named)

    def guards(self, question: Question[Asked]) -> Mapping[str, Guard]:
        """Declare complete rows, and of classes also who is predicted how."""
        return guards_of(question.parameters)

    def cells(self, question: Question[Asked], rows: Rows) -> Mapping[str, Index]:
        """Return each guard's cell per row; -1 without an outcome or a prediction."""
        known, judged = question.parameters.judge(rows)
        index = {name: np.full(rows.size, -1, np.int64) for name in self.guards(question)}
        for name, cells in cells_of(question.parameters, judged):
            index[name][known] = cells
        return index

    def start(
        self, question: Question[Asked], guards: GuardTotals, rules: DisclosureRules
    ) -> State | Table:
        """Begin everything that the rules let through."""
        asked = question.parameters
        rule = refusal(asked, guards, rules)
        if rule:
            hidden = dict.fromkeys(VALUES, rule)
            nothing = (None,) * len(VALUES)
            return _table(Line(label, nothing, hidden) for label in measures_of(asked))
        return State(asked, tuple(_inquiries(asked, guards, rules)))

    def arrays(self, state: State) -> Sequence[ArraySpec]:
        """Declare what is added up side by side."""
        return [spec for inquiry in state.inquiries for spec in inquiry.arrays()]

    def local(self, state: State, rows: Rows) -> Part:
        """Judge a batch's rows once for all."""
        _, judged = state.asked.judge(rows)
        parts = [inquiry.local(judged) for inquiry in state.inquiries]
        return {name: value for part in parts for name, value in part.items()}

    def finish(self, state: State, part: Part) -> Sums:
        """Return the hospital's sums."""
        settled = settle(part)
        finished = [
            inquiry.finish({spec.name: settled[spec.name] for spec in inquiry.arrays()})
            for inquiry in state.inquiries
        ]
        return {name: array for sums in finished for name, array in sums.items()}

    def step(self, state: State, total: Sums) -> State | Table:
        """Go on until everything is known."""
        inquiries = tuple(inquiry.step(total) for inquiry in state.inquiries)
        after = State(state.asked, inquiries)
        return after if self.arrays(after) else _table(_lines(inquiries))


def _method(given: Fitted) -> Method[Any, Any]:
    from wardnet.statistics.methods import METHODS  # noqa: PLC0415 - this method is one of them

    method = METHODS.get(given.method)
    if method is None or method.version != given.version:
        raise WardnetError(Reason.METHOD_UNKNOWN, method=given.method, version=given.version)
    return method


def _inquiries(asked: Asked, guards: GuardTotals, rules: DisclosureRules) -> Iterator[Inquiry]:
    if asked.classes:
        yield from _of_classes(asked, guards, rules)
    else:
        yield Distances(asked, guards)
    for of, order in asked.orders.items():
        hidden = hidden_times(guards, rules) if order.event else ""
        edges = curve.chances() if asked.classes else numbers(asked.column)
        yield concordance(order, of=of, rising=order.event is None, edges=edges, hidden=hidden)


def _of_classes(asked: Asked, guards: GuardTotals, rules: DisclosureRules) -> Iterator[Inquiry]:
    rule = f"a class in a bin, or in those that are withheld, with {rules.cell_rule}"
    yield Losses(asked, guards, shown_bins(asked, guards, rules), rule)
    yield Hits(asked, hidden_hits(asked, guards, rules))
    if asked.two:
        yield Tenths(curve.curve(1, of="", budget=MOST_BINS, cuts=PARTS), rules)
        yield calibration.slope()
        yield calibration.in_the_large()
        return
    budget = MOST_BINS // len(asked.classes)
    for place, name in enumerate(asked.classes):
        yield curve.curve(place, of=name, budget=budget, cuts=0)


def _lines(inquiries: Sequence[Inquiry]) -> Iterator[Line]:
    """Yield single numbers first, then tables."""
    yield from chain.from_iterable(inquiry.lines() for inquiry in inquiries)
    yield from chain.from_iterable(inquiry.details() for inquiry in reversed(inquiries))


def _table(lines: Iterator[Line]) -> Table:
    return table(keys=KEYS, values=VALUES, lines=lines)
