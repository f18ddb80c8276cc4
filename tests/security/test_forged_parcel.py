"""A member of the network who knows the recipient's key cannot pass a parcel off as another's."""

import random
from dataclasses import replace
from typing import Any

import pytest

from support.parcels import SNAPSHOT, Exchange
from support.pki import TestNetwork
from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Signer, key_of
from wardnet.sealing import header as headers
from wardnet.sealing import hpke
from wardnet.sealing.header import Header, open_header, seal_header

TWO = Exchange()
KEY = bytes(range(32))
PUBLIC = hpke.public_key(TWO.key)
INFO = TWO.label().info
HEADER = Header(
    version=1,
    label=TWO.label(),
    snapshot=SNAPSHOT,
    parts=(
        headers.Part(name="rows.parquet", media_type="a/b", offset=0, length=10),
        headers.Part(name="a.pdf", media_type="application/pdf", offset=10, length=5),
    ),
    frames=1,
    length=15,
    digest="3" * 64,
    key_hash=canonical.digest(KEY),
    made="2026-01-31T08:15:00.000Z",
)


def signer(name: str = "a") -> Signer:
    """Return a node's signer."""
    return TWO.network.node(name).signer


def forged(header: Header = HEADER, *, key: bytes = KEY, by: Signer | None = None) -> bytes:
    """Return a sealed header."""
    return seal_header(header, key, recipient=PUBLIC, signer=by or signer())


def opened(data: bytes, *, pinned: Signer | None = None) -> tuple[Header, bytes]:
    """Open a header as hospital `b` does, who has written down one key of `a`, or another one."""
    return open_header(
        data,
        TWO.key,
        label=TWO.label(),
        digest=HEADER.digest,
        nodes={key_of((pinned or signer()).certificates[0])},
        trust=TWO.network.trust,
        at=TWO.network.at,
    )


def refused(data: bytes, *, pinned: Signer | None = None) -> WardnetError:
    """Return why a header is refused."""
    with pytest.raises(WardnetError) as raised:
        opened(data, pinned=pinned)
    return raised.value


def test_the_header_itself_opens() -> None:
    """What the tests below change one thing of is in order."""
    assert opened(forged()) == (HEADER, KEY)


@pytest.mark.parametrize(
    "other", [signer("c"), TWO.network.researcher("a").signer], ids=["node c", "researcher a"]
)
def test_nobody_signs_for_another(other: Signer) -> None:
    """Hospital `c`, or a researcher whose name is `a`, whatever keys are written down."""
    for pinned in (None, other):
        assert refused(forged(by=other), pinned=pinned).reason is Reason.PARCEL_REFUSED


def test_a_certificate_alone_is_not_believed() -> None:
    """The coordinator can issue a certificate for `a`; the key is not in the address book."""
    issued = TWO.network.issue(TWO.network.node("a").member).signer
    error = refused(forged(by=issued))
    assert error.reason is Reason.PARCEL_REFUSED
    assert "address book" in str(error)


def test_another_network_has_no_say() -> None:
    """The same names under another root."""
    error = refused(forged(by=TestNetwork().node("a").signer))
    assert error.reason is Reason.SIGNATURE_INVALID


def test_what_was_signed_is_what_counts() -> None:
    """The owner's signature of one header under another header's text."""
    sealed = hpke.open_sealed(forged(), TWO.key, info=INFO, rule="")
    changed = sealed.replace(b"a.pdf", b"b.pdf")
    assert changed != sealed
    data = hpke.seal_hybrid(changed, PUBLIC, info=INFO)
    assert refused(data).reason is Reason.SIGNATURE_INVALID


def test_a_recipient_cannot_pass_its_parcel_on_as_the_owners() -> None:
    """`b` seals what `a` has signed for it to `c`: the label inside names `b`."""
    sealed = hpke.open_sealed(forged(), TWO.key, info=INFO, rule="")
    label, key = TWO.label(recipient="c"), hpke.HybridKey.generate()
    data = hpke.seal_hybrid(sealed, hpke.public_key(key), info=label.info)
    with pytest.raises(WardnetError) as raised:
        open_header(
            data,
            key,
            label=label,
            digest=HEADER.digest,
            nodes={key_of(signer().certificates[0])},
            trust=TWO.network.trust,
            at=TWO.network.at,
        )
    assert raised.value.reason is Reason.PARCEL_REFUSED


def test_another_key_than_the_signed_one_is_refused() -> None:
    """A body made to open under two keys shows one content only: the key is signed too."""
    assert refused(forged(key=bytes(32))).reason is Reason.PARCEL_REFUSED


def part(name: str, offset: int, length: int) -> dict[str, Any]:
    """Return a part as the header's JSON writes it."""
    return {"length": length, "media_type": "a/b", "name": name, "offset": offset}


ROWS = part("rows.parquet", 0, 10)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": []},
        {"parts": [ROWS]},
        {"parts": [ROWS, part("a.pdf", 9, 5)]},
        {"parts": [ROWS, part("a.pdf", 9, 6)]},
        {"parts": [ROWS, part("a.pdf", 11, 4)]},
        {"parts": [ROWS, part("a.pdf", 0, 15)]},
        {"parts": [part("a.pdf", 0, 15)]},
        {"parts": [ROWS, part("a.pdf", 10, 1 << 52)]},
        {"parts": [ROWS, part("a.pdf", 10, -5)]},
        {"parts": [ROWS, *(part(f"{n}", 10, 0) for n in range(2000))]},
        {"length": 16},
        {"length": 15.5},
        {"frames": 2},
        {"frames": 0},
        {"version": 2},
        {"version": True},
        {"digest": "3" * 63},
        {"made": "yesterday"},
        {"snapshot": "a\nb"},
        {"more": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_dishonest_owner_cannot_sign_nonsense(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """Parts that overlap, leave gaps or lie outside, and other fields out of their bounds."""
    fields = canonical.decode(headers.to_bytes(HEADER))
    assert isinstance(fields, dict)
    monkeypatch.setattr(headers, "to_bytes", lambda _: canonical.encode(fields | change))
    assert refused(forged()).reason is Reason.MALFORMED


def test_a_dishonest_owner_cannot_name_an_attachment_to_mislead() -> None:
    """Names are checked where they are opened, whatever the sender has checked."""
    for name in ("../../etc/cron.d/x", "a\0.pdf", "ROWS.parquet", "r\u0435port.pdf"):
        parts = (HEADER.parts[0], replace(HEADER.parts[1], name=name))
        data = forged(replace(HEADER, parts=parts))
        error = refused(data)
        assert error.reason is Reason.ATTACHMENT_NAME
        assert name not in str(error)


def test_random_bytes_inside_a_true_seal_are_refused_in_words() -> None:
    """Whoever knows the key can put anything into the seal: no parser is surprised by it."""
    chance, good = random.Random(1), hpke.open_sealed(forged(), TWO.key, info=INFO, rule="")
    for _ in range(300):
        data = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        cut = bytes(data[: chance.randint(1, 2 * len(data))])
        error = refused(hpke.seal_hybrid(cut, PUBLIC, info=INFO))
        assert error.reason in {Reason.MALFORMED, Reason.SIGNATURE_INVALID}
