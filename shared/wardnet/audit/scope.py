"""The scope: which entries of a log an auditor may read."""

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from wardnet.audit.entry import EventType
from wardnet.clock import Moment
from wardnet.question.dictionary import STRICT, Name
from wardnet.question.query import Digest

T = TypeVar("T", str, EventType)


def _in_order(values: tuple[T, ...]) -> tuple[T, ...]:
    if list(values) != sorted(set(values)):
        message = "must be sorted, and nothing may stand twice"
        raise ValueError(message)
    return values


InOrder: TypeAlias = Annotated[tuple[T, ...], AfterValidator(_in_order)]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Scope:
    """State what an auditor may read; what is empty does not narrow.

    Parameters
    ----------
    datasets, studies : tuple of str
        Only entries about these; one about none is not among them. Sorted.
    kinds : tuple of EventType
        Only such entries. Sorted.
    since, until : Moment
        Only entries from the first moment, and before the second.
    patients : bool
        Whether entries may be found by a patient's number.
    answers : bool
        Whether the answers themselves may be read.
    """

    datasets: InOrder[Name] = ()
    studies: InOrder[Digest] = ()
    kinds: InOrder[EventType] = ()
    since: Moment | Literal[""] = ""
    until: Moment | Literal[""] = ""
    patients: bool = False
    answers: bool = False

    @property
    def whole(self) -> bool:
        """Say whether every entry is within it: only then can completeness be proven."""
        return not (self.datasets or self.studies or self.kinds or self.since or self.until)

    @property
    def words(self) -> str:
        """Return it as people write it, e.g. `dataset:heart, patients`."""
        return ", ".join(self._words())

    def _words(self) -> Iterator[str]:
        if self.whole:
            yield "all"
        yield from (f"dataset:{name}" for name in self.datasets)
        yield from (f"study:{digest}" for digest in self.studies)
        yield from (f"kind:{kind}" for kind in self.kinds)
        if self.since:
            yield f"since:{self.since}"
        if self.until:
            yield f"until:{self.until}"
        if self.patients:
            yield "patients"
        if self.answers:
            yield "answers"


EVERYTHING: Final = Scope()
