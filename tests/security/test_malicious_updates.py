"""Attacker: a hospital that takes part in a training, with an update that no training gives.

It may train on rows that it has invented, and so move the model by as much as the bound on updates
allows. It cannot put in what is no number, another shape, or a step beyond that bound.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial, reduce

import numpy as np
import pytest

from support.examples import ask
from support.people import DIGEST, ROWS_ARE_PATIENTS, made_up
from support.people import without_patients as rows_as_patients
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF
from wardnet.question.answer import Participant
from wardnet.statistics.session import Session
from wardnet.sums import arrays
from wardnet.sums.arrays import PackedArray, Sums
from wardnet_coordinator.course import Course, Part
from wardnet_coordinator.rounds import Received, step

ROWS = {name: rows_as_patients(made_up(seed, rows=90)) for seed, name in enumerate("abc")}
PARTICIPANTS = tuple(Participant(name, "1") for name in ROWS)
CLIP = 8.0
QUESTION = ask("fedavg", {"outcome": "smoker", "features": ["age", "lab"], "clip": CLIP})


def training() -> tuple[Session, Mapping[str, Sums]]:
    """Return a node's view of the first round that trains, and what each hospital sends in it."""
    ours = Session(QUESTION, digest=DIGEST, dictionary=ROWS_ARE_PATIENTS, rules=OFF)
    while True:
        sent = {name: ours.tally.sums(ours.tally.part([rows])) for name, rows in ROWS.items()}
        if "update" in sent["a"]:
            return ours, sent
        ours.advance(reduce(arrays.add, sent.values()), PARTICIPANTS)


def doubles(update: PackedArray, *, number: float) -> PackedArray:
    """Write a double where each integer stands."""
    return replace(update, data=np.full(update.shape, number, "<f8").tobytes())


def integers(update: PackedArray, *, number: float) -> PackedArray:
    """Write a number as updates are written: in units that the bound on them gives."""
    data = np.full(update.shape, int(number * 2.0**44), "<i8").tobytes()
    return replace(update, data=data)


def widened(update: PackedArray) -> PackedArray:
    """Write one weight more than the model has."""
    rows, weights = update.shape
    return replace(update, shape=(rows, weights + 1), data=update.data + bytes(8))


def shortened(update: PackedArray) -> PackedArray:
    """Declare one shape, and send less."""
    return replace(update, data=update.data[:-8])


def go_on(ours: Session, sent: Mapping[str, Sums]) -> None:
    """Add up at the coordinator what hospitals send, and take the total at a node."""
    course = Course("0" * 64, tuple(sent), len(sent), tuple(sent))
    for name, sums in sent.items():
        course = step(course, Received(name, course.work, Part(sums, "1", "t"))).course
    if course.failure is not None:
        raise WardnetError(course.failure.reason, **course.failure.details)
    assert course.total is not None
    ours.advance(course.total.sums, PARTICIPANTS)


def forged(sums: Sums, lie: Callable[[PackedArray], PackedArray]) -> Iterable[PackedArray]:
    """Write sums as the wire carries them, with another update."""
    return [lie(each) if each.name == "update" else each for each in arrays.pack(sums)]


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (partial(doubles, number=np.nan), Reason.IMPLAUSIBLE_TOTAL),
        (partial(doubles, number=np.inf), Reason.IMPLAUSIBLE_TOTAL),
        (partial(doubles, number=-np.inf), Reason.IMPLAUSIBLE_TOTAL),
        (partial(integers, number=1e5), Reason.IMPLAUSIBLE_TOTAL),
        (partial(integers, number=3 * CLIP), Reason.IMPLAUSIBLE_TOTAL),
        (widened, Reason.IMPLAUSIBLE_TOTAL),
        (shortened, Reason.MALFORMED),
    ],
    ids=["nan", "infinity", "minus infinity", "huge", "three bounds", "wider", "shorter"],
)
def test_an_update_that_no_training_gives_ends_the_query_by_name(
    lie: Callable[[PackedArray], PackedArray], reason: Reason
) -> None:
    """At the coordinator or, where it lets one pass, at every other hospital."""
    ours, sent = training()
    before = ours.round
    with pytest.raises(WardnetError) as refusal:
        go_on(ours, {**sent, "c": arrays.unpack(forged(sent["c"], lie))})
    assert refusal.value.reason is reason
    assert (ours.round, ours.answer) == (before, None)


def test_the_same_round_with_honest_updates_goes_on() -> None:
    """What is refused above is refused for the lie."""
    ours, sent = training()
    before = ours.round
    go_on(ours, sent)
    assert (ours.round, ours.answer) == (before + 1, None)
