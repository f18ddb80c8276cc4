"""The course of one query: an event in, the next course and what may now be acknowledged out.

Nothing here reads a clock, draws a random number or does I/O, so every order of events can be
tested. The caller makes a step durable *before* it acknowledges anything or sends the next work.

    all parts in        -> add them, next round
    all answers in      -> answered
    a refusal           -> failed
    the deadline passed -> the next attempt without the missing hospitals, or failed
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NoReturn, TypeAlias

import numpy as np

from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Participant
from wardnet.sums.arrays import MAXIMUM_HOSPITALS, NARROW_BITS, WIDE_BITS, Sums, add
from wardnet.transport.work import Total, WorkId
from wardnet_coordinator.course import Course, Failure, Outcome, Part, Refusal, Sealed


@dataclass(frozen=True, slots=True)
class Received:
    """A hospital has sent its result of a round."""

    hospital: str
    work: WorkId
    result: Part | Sealed | Refusal


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """The time for a round is over."""

    work: WorkId


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The researcher wants no answer any more."""


Event: TypeAlias = Received | DeadlinePassed | Cancelled


@dataclass(frozen=True, slots=True)
class Step:
    """Hold what an event leads to.

    Parameters
    ----------
    course : Course
        What holds from now on.
    acknowledge : tuple of (str, WorkId)
        Hospitals whose results are no longer needed, once `course` is durable.
    durable : bool
        Whether `course` must be stored before anything else is done.
    """

    course: Course
    acknowledge: tuple[tuple[str, WorkId], ...] = ()
    durable: bool = False


def step(course: Course, event: Event) -> Step:
    """Return what an event makes of a course; deterministic."""
    match event:
        case Received():
            return _receive(course, event)
        case DeadlinePassed(work=work):
            return _move(course, _lose(course)) if _is_open(course, work) else Step(course)
        case Cancelled():
            after = _end(course, Outcome.CANCELLED, Failure(Reason.QUERY_CANCELLED, {}))
            return _move(course, after) if course.running else Step(course)


def _receive(course: Course, event: Received) -> Step:
    # 1. A result of a round that is over, or from a hospital that is out, changes nothing.
    if not _is_open(course, event.work) or event.hospital not in course.hospitals:
        return Step(course, ((event.hospital, event.work),))
    # 2. A repeated result is the same one: the hospital sends it until it is acknowledged.
    if event.hospital in course.results:
        return Step(course)
    # 3. A refusal is a veto.
    if isinstance(event.result, Refusal):
        return _move(course, _refuse(course, event.hospital, event.result), event.hospital)
    # 4. A part is added at once, while others still compute.
    bare = replace(event.result, sums={}) if isinstance(event.result, Part) else event.result
    results = {**course.results, event.hospital: bare}
    try:
        after = replace(_added(course, event.hospital, event.result), results=results)
    except WardnetError as error:
        return _move(course, _failed(course, error), event.hospital)
    # 5. The last one closes the round.
    if len(after.results) < len(after.hospitals):
        return Step(after)
    return _move(after, _close(after))


def _is_open(course: Course, work: WorkId) -> bool:
    return course.running and work == course.work


def _move(before: Course, after: Course, *more: str) -> Step:
    """Leave the present round: nobody needs to keep a result of it any longer."""
    senders = sorted({*before.results, *more})
    return Step(
        replace(after, results={}, sums=None),
        tuple((hospital, before.work) for hospital in senders),
        durable=True,
    )


def _added(course: Course, hospital: str, result: Part | Sealed) -> Course:
    """Add a part to those that have come in, unless it is none.

    Raises
    ------
    WardnetError
        `ROUNDS_DIVERGED` or `IMPLAUSIBLE_TOTAL`.
    """
    if not isinstance(result, Part):
        return course
    # 1. All hospitals saw the same totals.
    others = [got for got in course.results.values() if isinstance(got, Part)]
    if any(other.transcript != result.transcript for other in others):
        _diverge("they saw different totals")
    # 2. Nobody changed its data on the way.
    own = Participant(hospital=hospital, snapshot=result.snapshot)
    if course.total is not None and own not in course.total.participants:
        _diverge("a hospital changed its snapshot between rounds")
    # 3. No sum can wrap.
    _check_range(result.sums, hospital)
    sums = result.sums if course.sums is None else add(course.sums, result.sums)
    return replace(course, sums=sums)


def _close(course: Course) -> Course:
    parts = {name: got for name, got in course.results.items() if isinstance(got, Part)}
    answers = {name: got.data for name, got in course.results.items() if isinstance(got, Sealed)}
    if answers:
        if not parts:
            return _answer(course, answers)
        rule = f"{_names(answers)} reached the end and {_names(parts)} did not"
        return _failed(course, WardnetError(Reason.ROUNDS_DIVERGED, rule=rule))
    participants = tuple(
        Participant(hospital=name, snapshot=parts[name].snapshot) for name in course.hospitals
    )
    total = Total(course.round, course.sums or {}, participants)
    return replace(course, round=course.round + 1, total=total)


def _failed(course: Course, error: WardnetError) -> Course:
    return _end(course, Outcome.FAILED, Failure.of(error))


_BITS: Final = {
    True: NARROW_BITS - (MAXIMUM_HOSPITALS - 1).bit_length(),
    False: WIDE_BITS - (MAXIMUM_HOSPITALS - 1).bit_length(),
}
"""Bits of the largest entry that one hospital may send: 64-bit arrays (True), 256-bit ones."""


def _check_range(sums: Sums, hospital: str) -> None:
    for name, array in sums.items():
        bound = 1 << _BITS[array.dtype == np.int64]
        if array.size and not (-bound < array.min() and array.max() < bound):
            rule = f"{name} of {hospital} is larger than sums allow"
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule=rule)


def _answer(course: Course, answers: Mapping[str, bytes]) -> Course:
    # Whether the hospitals give the same answer only the researcher can see.
    return replace(course, outcome=Outcome.ANSWERED, answers=answers, total=None)


def _lose(course: Course) -> Course:
    survivors = tuple(name for name in course.hospitals if name in course.results)
    after = replace(course, hospitals=survivors)
    if len(survivors) < course.minimum:
        details = {"hospitals": ", ".join(after.lost)}
        return _end(after, Outcome.FAILED, Failure(Reason.HOSPITALS_LOST, details))
    return replace(after, attempt=course.attempt + 1, round=0, total=None)


def _refuse(course: Course, hospital: str, refusal: Refusal) -> Course:
    sentences = " ".join(str(cause.error) for cause in refusal.causes)
    failure = Failure(Reason.HOSPITAL_REFUSED, {"hospital": hospital, "rule": sentences})
    after = replace(course, refusals={**course.refusals, hospital: refusal})
    return _end(after, Outcome.FAILED, failure)


def _end(course: Course, outcome: Outcome, failure: Failure) -> Course:
    return replace(course, outcome=outcome, failure=failure, total=None)


def _diverge(rule: str) -> NoReturn:
    raise WardnetError(Reason.ROUNDS_DIVERGED, rule=rule)


def _names(hospitals: Iterable[str]) -> str:
    return ", ".join(sorted(hospitals))
