"""Errors survive the wire: the other side sees the same reason and the same sentence."""

import grpc
import grpc.aio
import pytest

from wardnet.errors import CATALOGUE, Reason, WardnetError
from wardnet.transport.status import (
    METADATA_KEY,
    error_from_reason,
    error_from_rpc,
    error_to_status,
    status_code,
)

ADDRESS = "coordinator.example:7443"


def _rpc_error(
    code: grpc.StatusCode, text: str = "", status: bytes | None = None
) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata()
    if status is not None:
        trailing.add(METADATA_KEY, status)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details=text)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_error_survives_the_wire(reason: Reason) -> None:
    """Reason, details and sentence come back, under the status of the catalogue."""
    error = WardnetError(reason, **{name: f"some {name}" for name in CATALOGUE[reason].fields})
    code = status_code(error)
    back = error_from_rpc(_rpc_error(code, status=error_to_status(error)), ADDRESS)
    assert (back.reason, back.details, str(back)) == (reason, error.details, str(error))
    assert code.name == CATALOGUE[reason].status.value


@pytest.mark.parametrize(
    ("code", "text", "reason", "words"),
    [
        (
            "UNAVAILABLE",
            "Failed to connect: Connection refused",
            "coordinator_away",
            "nothing listens",
        ),
        (
            "UNAVAILABLE",
            "errors resolving x: Domain name not found",
            "coordinator_away",
            "its name",
        ),
        ("UNAVAILABLE", "Tls handshake failed (TSI_PROTOCOL_FAILURE)", "coordinator_away", "TLS"),
        ("UNAVAILABLE", "Socket closed", "coordinator_away", "connection broke"),
        ("DEADLINE_EXCEEDED", "", "coordinator_away", "in time"),
        ("CANCELLED", "", "coordinator_away", "connection broke"),
        ("INTERNAL", "RST_STREAM", "coordinator_away", "connection broke"),
        ("UNKNOWN", "Stream removed", "coordinator_away", "connection broke"),
        ("RESOURCE_EXHAUSTED", "too large", "message_too_large", "4 MiB"),
        ("UNIMPLEMENTED", "Method not found!", "malformed", "not known"),
    ],
)
def test_statuses_of_grpc_itself_are_put_into_words(
    code: str, text: str, reason: str, words: str
) -> None:
    """A person reads what to look at, not a status code."""
    error = error_from_rpc(_rpc_error(grpc.StatusCode[code], text), ADDRESS)
    assert error.reason == reason
    assert words in str(error)


@pytest.mark.parametrize("status", [b"", b"\xff\xff", b"not a status", b"\x08\x05"])
def test_status_that_cannot_be_read_is_passed_over(status: bytes) -> None:
    """Garbage in the metadata does not hide that the call failed."""
    error = error_from_rpc(_rpc_error(grpc.StatusCode.UNAVAILABLE, status=status), ADDRESS)
    assert error.reason is Reason.COORDINATOR_AWAY


def test_reason_of_a_newer_version_is_malformed() -> None:
    """What this version does not know is named as such; missing details too."""
    for reason, details in (("from_the_future", {}), ("coordinator_away", {"rule": "x"})):
        with pytest.raises(WardnetError) as caught:
            error_from_reason(reason, details)
        assert caught.value.reason is Reason.MALFORMED


def test_text_of_the_other_side_cannot_drive_the_terminal() -> None:
    """Escape sequences and floods in details arrive as harmless text."""
    error = error_from_reason(
        "hospital_refused",
        {"hospital": "\x1b[2Jclinic\n", "rule": "x" * 10_000, "value": "P-4711"},
    )
    assert str(error).isprintable()
    assert len(str(error)) < 2_000
    assert "value" not in error.details
