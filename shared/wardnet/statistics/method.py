"""The contract that every method fulfils, so that it runs anywhere and equals the pooled answer.

    bind(parameters, dictionary) -> parameters     types and ranges, before any data
    guards(question)             -> Guard ...      which counts the disclosure rules need
    cells(question, rows)        -> index          which guard cell each row falls in
    start(question, guards)      -> State          after the rules saw the guard totals
    arrays(state)                -> ArraySpec ...  what a round's sums look like, and their limits
    local(state, rows)           -> Part           at a hospital, per batch; parts only ever add
    finish(state, part)          -> Sums           once per hospital
    step(state, total)           -> State | Table  the total is all it ever sees
    interim(state)               -> name, number   what will stand in the answer, come what may
    model(parameters, table)     -> Model          what predicts, where the answer is a model

`start` and `step` run at every hospital on the same totals and must give the same bits: they use
integers, Fraction or elementwise IEEE operations only. The first round is always the guard round,
run by `session.py`; a method never sees a cell that the rules withhold.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from wardnet.once import Once
from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Table, no_model
from wardnet.question.cohort import Cohort
from wardnet.question.dictionary import Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics.model import Model
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index, Members

P = TypeVar("P")
S = TypeVar("S")

Part: TypeAlias = Mapping[str, NDArray[np.int64] | Members]
"""One hospital's unfinished sums: integers and members, joined by `+`."""

Settled: TypeAlias = Mapping[str, NDArray[np.int64]]
"""A part whose members are counted."""


@dataclass(frozen=True)
class Question(Once, Generic[P]):
    """Hold a query that fits its dictionary and method.

    Parameters
    ----------
    dictionary : Dictionary
        What the columns mean.
    cohort : Cohort
        Whose rows.
    parameters : P
        The method's own parameters, checked.
    """

    dictionary: Dictionary
    cohort: Cohort
    parameters: P


class Method(ABC, Generic[P, S]):
    """Define one statistic with all its halves; see the module's table for the order of calls."""

    name: ClassVar[str]
    version: ClassVar[int]
    maximum_rounds: ClassVar[int]
    """Most rounds after the guard round."""
    output: ClassVar[Output]
    whole: ClassVar[bool] = False
    """Whether `local` needs all rows of a hospital at once, in their order, and not in batches."""

    @abstractmethod
    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> P:
        """Check parameters against the dictionary.

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID` or `COLUMN_UNAVAILABLE`.
        """

    @abstractmethod
    def columns(self, parameters: P) -> frozenset[str]:
        """Return the columns that `cells` and `local` look at, without those of the cohort."""

    @abstractmethod
    def guards(self, question: Question[P]) -> Mapping[str, Guard]:
        """Declare the cells whose patients are counted first; every array names one guard."""

    @abstractmethod
    def cells(self, question: Question[P], rows: Rows) -> Mapping[str, Index]:
        """Return each guard's cell per row, shape (rows.size,); -1 for rows in no cell.

        `rows` are already filtered to the cohort.
        """

    @abstractmethod
    def start(
        self, question: Question[P], guards: GuardTotals, rules: DisclosureRules
    ) -> S | Table:
        """Return the first state (or an answer at once, where the guard totals are the answer)."""

    @abstractmethod
    def arrays(self, state: S) -> Sequence[ArraySpec]:
        """Declare the sums of the round that `state` asks for."""

    @abstractmethod
    def local(self, state: S, rows: Rows) -> Part:
        """Return one batch's part; `rows` are already filtered to the cohort and may be none."""

    def finish(self, state: S, part: Part) -> Sums:
        """Return the hospital's sums, as `arrays` declares them."""
        return settle(part)

    @abstractmethod
    def step(self, state: S, total: Sums) -> S | Table:
        """Return the next state, or the result."""

    def interim(self, state: S) -> Mapping[str, float]:
        """Return the newest numbers that the answer will hold, whatever the rounds to come bring.

        They may be told to the researcher before the answer is there: no other numbers, and none
        that a rule could still withhold. A name stands for one number in all rounds.
        """
        del state
        return {}

    def model(self, parameters: P, table: Table) -> Model:
        """Return what predicts, as an answer states it.

        Raises
        ------
        WardnetError
            `NO_MODEL` where the method, or this answer of it, gives none; `MALFORMED` for a table
            that the method did not make.
        """
        del parameters
        raise no_model(self.name, table)

    def personal(self, parameters: P) -> bool:
        """Say whether each hospital has weights of the model for itself (see `Model.fitted`)."""
        del parameters
        return False


def join(left: Part, right: Part) -> Part:
    """Return two parts of one hospital as one."""
    return {name: _plus(value, right[name]) for name, value in left.items()}


def _plus(
    left: NDArray[np.int64] | Members, right: NDArray[np.int64] | Members
) -> NDArray[np.int64] | Members:
    match left, right:
        case Members(), Members():
            return left + right
        case np.ndarray(), np.ndarray():
            return left + right
        case _:
            message = "two parts of different rounds"
            raise TypeError(message)


def settle(part: Part) -> Settled:
    """Return a part with its members counted."""
    return {
        name: value.total() if isinstance(value, Members) else value for name, value in part.items()
    }
