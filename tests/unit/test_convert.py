"""Values survive the wire, and what is malformed does not become a value."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Signature
from wardnet.question.answer import Participant
from wardnet.sums.arrays import Sums, digest
from wardnet.transport.convert import (
    MAXIMUM_CAUSES,
    causes_from_wire,
    causes_to_wire,
    envelope_from_bytes,
    envelope_from_wire,
    envelope_to_bytes,
    envelope_to_wire,
)
from wardnet.transport.work import (
    Total,
    Work,
    WorkId,
    participants_from_wire,
    participants_to_wire,
    sums_from_wire,
    sums_to_wire,
    total_from_bytes,
    total_to_bytes,
    work_from_wire,
    work_to_wire,
)
from wardnet.wire.v1 import link_pb2

ENVELOPE = Envelope("x/y", b"{}", (Signature((b"leaf", b"issuing"), bytes(64)),))
QUERY = canonical.digest(b"{}")
SUMS: Sums = {
    "n": np.arange(6, dtype=np.int64).reshape(2, 3) - 3,
    "moments": np.array([1 << 250, -(1 << 250), 0], dtype=object),
    "nothing": np.zeros((0, 4), dtype=np.int64),
}
PEOPLE = (Participant(hospital="a", snapshot="1:x"), Participant(hospital="b", snapshot="2:y"))
WORK = Work(
    WorkId(QUERY, 1, 2), ENVELOPE, ("a", "b"), (Total(0, SUMS, PEOPLE), Total(1, SUMS, PEOPLE))
)


def _refused(make: Callable[[], object]) -> str:
    with pytest.raises(WardnetError) as caught:
        make()
    assert caught.value.reason is Reason.MALFORMED
    return caught.value.details["field"]


def test_envelope_survives_wire_and_store() -> None:
    """Type, exact bytes, certificates and signatures."""
    assert envelope_from_wire(envelope_to_wire(ENVELOPE)) == ENVELOPE
    assert envelope_from_bytes(envelope_to_bytes(ENVELOPE)) == ENVELOPE


@pytest.mark.parametrize(
    "envelope",
    [
        replace(ENVELOPE, payload_type=""),
        replace(ENVELOPE, payload=bytes((1 << 20) + 1)),
        replace(ENVELOPE, signatures=()),
        replace(ENVELOPE, signatures=ENVELOPE.signatures * 1025),
        replace(ENVELOPE, signatures=(Signature((bytes(9000),), b""),)),
    ],
    ids=["no type", "long payload", "no signature", "many signatures", "long certificate"],
)
def test_envelope_out_of_bounds_is_malformed(envelope: Envelope) -> None:
    """The contract's bounds hold before anything is verified."""
    assert _refused(lambda: envelope_from_wire(envelope_to_wire(envelope))).startswith("envelope")


@given(st.binary(max_size=300))
def test_random_bytes_never_crash_the_reader(data: bytes) -> None:
    """Stored or received bytes are an envelope or malformed, nothing else."""
    for read in (envelope_from_bytes, total_from_bytes):
        with suppress(WardnetError):
            assert read(data) is not None


def test_total_survives_the_store() -> None:
    """Names, shapes, signs and all 256 bits."""
    total = total_from_bytes(total_to_bytes(WORK.totals[1]))
    assert (total.round, total.participants) == (1, PEOPLE)
    assert digest(total.sums) == digest(SUMS)
    assert {name: array.shape for name, array in total.sums.items()} == {
        name: array.shape for name, array in SUMS.items()
    }


def test_sums_with_a_wrong_length_are_malformed() -> None:
    """The extents decide how many bytes there must be, however large they claim to be."""
    for shape in ([7], [2, 3, 1 << 62], [0]):
        message = sums_to_wire({"n": SUMS["n"]})
        message.arrays[0].ClearField("shape")
        message.arrays[0].shape.extend(shape)
        assert _refused(lambda message=message: sums_from_wire(message)) == "sums"  # type: ignore[misc]


@pytest.mark.parametrize(
    "people",
    [PEOPLE[::-1], PEOPLE[:1] * 2],
    ids=["unsorted", "repeated"],
)
def test_participants_out_of_order_are_malformed(people: tuple[Participant, ...]) -> None:
    """One order, nobody twice: all hospitals hash the same list."""
    assert _refused(lambda: participants_from_wire(participants_to_wire(people))) == "participants"


def test_participant_without_a_proper_id_is_malformed() -> None:
    """An id is what a certificate could carry."""
    messages = participants_to_wire(PEOPLE)
    messages[0].hospital = "A/B"
    _refused(lambda: participants_from_wire(messages))


def test_work_survives_the_wire() -> None:
    """Id, query, hospitals and totals."""
    work = work_from_wire(work_to_wire(WORK))
    assert (work.id, work.query, work.hospitals) == (WORK.id, WORK.query, WORK.hospitals)
    assert [total.round for total in work.totals] == [0, 1]


def _change(**changes: object) -> Callable[[link_pb2.Work], None]:
    def change(message: link_pb2.Work) -> None:
        for name, value in changes.items():
            if isinstance(value, tuple):
                message.ClearField(name)
                getattr(message, name).extend(value)
            else:
                setattr(message, name, value)

    return change


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_change(work_id="x"), "work_id"),
        (_change(work_id=f"{QUERY}/1/02"), "work_id"),
        (_change(work_id=f"{QUERY}/0/2", attempt=0), "work_id"),
        (_change(work_id=f"{QUERY}/1/2\n"), "work_id"),
        (_change(work_id=f"{'0' * 64}/1/2"), "work_id"),
        (_change(round=3), "work_id"),
        (_change(attempt=2), "work_id"),
        (_change(hospitals=("b", "a")), "hospitals"),
        (_change(hospitals=("a", "a")), "hospitals"),
        (_change(totals=tuple(work_to_wire(WORK).totals[:1])), "totals"),
        (_change(totals=tuple(reversed(work_to_wire(WORK).totals))), "totals"),
        (_change(totals=(*work_to_wire(WORK).totals, *work_to_wire(WORK).totals)), "totals"),
    ],
)
def test_work_that_contradicts_itself_is_malformed(
    change: Callable[[link_pb2.Work], None], field: str
) -> None:
    """Id, query, order of hospitals and of totals must agree."""
    message = work_to_wire(WORK)
    change(message)
    assert _refused(lambda: work_from_wire(message)) == field


def test_later_totals_alone_are_enough() -> None:
    """On an unbroken stream only the newest total travels."""
    message = work_to_wire(replace(WORK, totals=WORK.totals[1:]))
    assert [total.round for total in work_from_wire(message).totals] == [1]


def test_causes_survive_the_wire() -> None:
    """Every reason with its details, in order."""
    errors = (
        WardnetError(Reason.QUOTA_USED_UP, hospital="a"),
        WardnetError(Reason.OUTSIDE_AGREEMENT, hospital="a", field="columns", rule="not age"),
    )
    read = causes_from_wire(causes_to_wire(errors))
    assert [str(error) for error in read] == [str(error) for error in errors]


def test_an_unknown_cause_hides_no_other() -> None:
    """A hospital with a newer version names a reason that we do not know."""
    known = WardnetError(Reason.QUERY_EXPIRED)
    messages = [link_pb2.Cause(reason="of_tomorrow"), *causes_to_wire([known])]
    assert [error.reason for error in causes_from_wire(messages)] == [
        Reason.MALFORMED,
        Reason.QUERY_EXPIRED,
    ]


def test_causes_are_bounded() -> None:
    """We send the first ones only, and take no more."""
    sent = causes_to_wire([WardnetError(Reason.QUERY_EXPIRED)] * (MAXIMUM_CAUSES + 1))
    assert len(sent) == MAXIMUM_CAUSES
    assert _refused(lambda: causes_from_wire([*sent, *sent])) == "causes"
