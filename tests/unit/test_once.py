"""Values that a program's own processes are sent once."""

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler

import pytest

from wardnet import once
from wardnet.once import Once

LONG = "x" * 10_000


@dataclass(frozen=True)
class Inner(Once):
    """Hold something long."""

    text: str


@dataclass(frozen=True)
class Outer(Once):
    """Hold another one."""

    inner: Inner
    number: int


@pytest.fixture(autouse=True)
def reader() -> Iterator[None]:
    """Begin as a process that was sent nothing."""
    once.forget()
    yield
    once.forget()


def written(value: object, names: set[bytes] | None) -> bytes:
    """Return what is sent to a process that has some values."""
    with once.known(names):
        return bytes(ForkingPickler.dumps(value))


def test_a_value_is_sent_once_and_then_named() -> None:
    """Read again, it is the same object."""
    names: set[bytes] = set()
    first, again = (written([Inner(LONG), number], names) for number in range(2))
    assert len(first) > len(LONG) > len(again)
    assert ForkingPickler.loads(first) == [Inner(LONG), 0]
    assert ForkingPickler.loads(again)[0] is ForkingPickler.loads(again)[0]
    assert ForkingPickler.loads(again) == [Inner(LONG), 1]


@dataclass(frozen=True)
class Other(Once):
    """Hold what an `Inner` holds."""

    text: str


def test_values_of_two_types_are_two_though_they_hold_the_same() -> None:
    """A name tells the type, too."""
    both = [Inner(LONG), Other(LONG)]
    assert ForkingPickler.loads(written(both, set())) == both


def test_what_one_process_has_no_other_one_is_taken_to_have() -> None:
    """A value inside another one comes along with it, whoever was sent it before."""
    inner = Inner(LONG)
    outer = Outer(inner, 1)
    other: set[bytes] = set()
    written(inner, other)
    written(outer, other)
    for names in (set[bytes](), None):
        data = written(outer, names)
        once.forget()
        assert ForkingPickler.loads(data) == outer


def test_a_process_that_has_forgotten_is_sent_everything_again() -> None:
    """Naming would not do."""
    names: set[bytes] = set()
    written(Inner(LONG), names)
    once.forget()
    with pytest.raises(KeyError):
        ForkingPickler.loads(written(Inner(LONG), names))
    names.clear()
    assert ForkingPickler.loads(written(Inner(LONG), names)) == Inner(LONG)
