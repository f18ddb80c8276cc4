"""Answers that only the researcher who asked can open."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wardnet.errors import Reason, WardnetError
from wardnet.sealing.answers import INTERIM, open_sealed, recipient_of, seal

KEY = X25519PrivateKey.generate()
QUERY, OTHER_QUERY = "1" * 64, "2" * 64
SEALED = seal(b"the answer", recipient_of(KEY), query=QUERY, hospital="a")


def test_the_recipient_opens_what_was_sealed() -> None:
    """Whoever holds the private key reads the answer."""
    assert open_sealed(SEALED, KEY, query=QUERY, hospital="a") == b"the answer"


def test_a_report_is_no_answer_and_an_answer_no_report() -> None:
    """Both are sealed to one key, and neither opens as the other."""
    report = seal(b"0.5", recipient_of(KEY), query=QUERY, hospital="a", kind=INTERIM)
    assert open_sealed(report, KEY, query=QUERY, hospital="a", kind=INTERIM) == b"0.5"
    with pytest.raises(WardnetError, match="did not seal this answer"):
        open_sealed(report, KEY, query=QUERY, hospital="a")
    with pytest.raises(WardnetError, match="did not seal this interim report"):
        open_sealed(SEALED, KEY, query=QUERY, hospital="a", kind=INTERIM)


def test_the_answer_does_not_show_in_its_seal() -> None:
    """Nobody between reads it, and sealing twice never gives the same bytes."""
    assert b"answer" not in SEALED
    assert seal(b"the answer", recipient_of(KEY), query=QUERY, hospital="a") != SEALED


@pytest.mark.parametrize(
    ("key", "query", "hospital"),
    [
        (X25519PrivateKey.generate(), QUERY, "a"),
        (KEY, OTHER_QUERY, "a"),
        (KEY, QUERY, "b"),
    ],
    ids=["another key", "another query", "another hospital"],
)
def test_an_answer_opens_only_where_it_was_sealed_for(
    key: X25519PrivateKey, query: str, hospital: str
) -> None:
    """An answer moved to another query or another hospital's name does not open."""
    with pytest.raises(WardnetError) as refused:
        open_sealed(SEALED, key, query=query, hospital=hospital)
    assert refused.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("place", [0, 31, 32, len(SEALED) - 1])
def test_a_changed_byte_is_found(place: int) -> None:
    """Not one byte of the seal can be changed."""
    changed = bytearray(SEALED)
    changed[place] ^= 1
    with pytest.raises(WardnetError) as refused:
        open_sealed(bytes(changed), KEY, query=QUERY, hospital="a")
    assert refused.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "data",
    [b"", SEALED[:10], SEALED[:40], bytes(49)],
    ids=["nothing", "half a key", "no tag", "zeros"],
)
def test_a_torn_seal_is_refused(data: bytes) -> None:
    """What is too short, or sealed with no key at all, is refused like any change."""
    with pytest.raises(WardnetError) as refused:
        open_sealed(data, KEY, query=QUERY, hospital="a")
    assert refused.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("recipient", ["00" * 32, "01" + "00" * 31, "00", "x"])
def test_nothing_is_sealed_to_what_is_no_key(recipient: str) -> None:
    """A key that would make the secret known to everybody is refused, as is no key at all."""
    with pytest.raises(WardnetError) as refused:
        seal(b"the answer", recipient, query=QUERY, hospital="a")
    assert (refused.value.reason, refused.value.details["field"]) == (
        Reason.MALFORMED,
        "recipient",
    )
