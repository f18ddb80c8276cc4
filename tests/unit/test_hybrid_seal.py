"""Letters and parcels: sealed with ML-KEM-768 and X25519 together."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardnet.errors import Reason, WardnetError
from wardnet.sealing import hpke
from wardnet.sealing.hpke import HybridKey

KEY = HybridKey.generate()
PUBLIC = hpke.public_key(KEY)
INFO = "wardnet test v1"
SEALED = hpke.seal_hybrid(b"the letter", PUBLIC, info=INFO)


def _open(data: bytes, key: X25519PrivateKey | HybridKey = KEY, *, info: str = INFO) -> bytes:
    return hpke.open_sealed(data, key, info=info, rule="no")


def test_the_recipient_opens_what_was_sealed() -> None:
    """Whoever holds both halves of the private key reads the letter."""
    assert _open(SEALED) == b"the letter"


def test_the_seal_has_the_documented_length() -> None:
    """An encapsulation of 1088 + 32 bytes and a tag of 16; the key is 1184 + 32 bytes."""
    assert len(SEALED) == len(b"the letter") + 1136
    assert len(bytes.fromhex(PUBLIC)) == 1216


def test_a_kept_key_opens_what_it_opened_before() -> None:
    """The 96 bytes that are kept are the whole key, and show nowhere in its name."""
    secret = KEY.to_bytes()
    again = HybridKey.from_bytes(secret)
    assert (len(secret), hpke.public_key(again)) == (96, PUBLIC)
    assert _open(SEALED, again) == b"the letter"
    assert secret.hex() not in repr(KEY)


@pytest.mark.parametrize(
    "key",
    [
        HybridKey.generate(),
        HybridKey(KEY.mlkem, X25519PrivateKey.generate()),
        HybridKey(HybridKey.generate().mlkem, KEY.x25519),
        KEY.x25519,
    ],
    ids=["another key", "half a key: ML-KEM", "half a key: X25519", "X25519 alone"],
)
def test_either_half_alone_opens_nothing(key: X25519PrivateKey | HybridKey) -> None:
    """It stays closed to whoever breaks only one of the two."""
    with pytest.raises(WardnetError) as refused:
        _open(SEALED, key)
    assert refused.value.reason is Reason.SIGNATURE_INVALID


def test_it_opens_only_for_its_purpose() -> None:
    """A letter is no parcel."""
    with pytest.raises(WardnetError) as refused:
        _open(SEALED, info="wardnet other v1")
    assert refused.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("place", [0, 1087, 1088, 1119, 1120, len(SEALED) - 1])
def test_a_changed_byte_is_found(place: int) -> None:
    """Neither encapsulation, nor text, nor tag can be changed."""
    changed = bytearray(SEALED)
    changed[place] ^= 1
    with pytest.raises(WardnetError) as refused:
        _open(bytes(changed))
    assert refused.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("data", [b"", SEALED[:1088], SEALED[:1135], bytes(1136)])
def test_a_torn_seal_is_refused(data: bytes) -> None:
    """What is too short, or no seal at all, is refused like any change."""
    with pytest.raises(WardnetError) as refused:
        _open(data)
    assert refused.value.reason is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "recipient",
    [
        hpke.public_key(X25519PrivateKey.generate()),
        PUBLIC[:-2],
        PUBLIC + "00",
        PUBLIC[:-64] + "00" * 32,
        "ff" * 1216,
        "",
        "x",
    ],
    ids=["X25519 alone", "short", "long", "a point known to all", "no polynomial", "none", "text"],
)
def test_nothing_is_sealed_to_what_is_no_hybrid_key(recipient: str) -> None:
    """A request that names a weaker key is refused, never served with the weaker seal."""
    with pytest.raises(WardnetError) as refused:
        hpke.seal_hybrid(b"the letter", recipient, info=INFO)
    assert (refused.value.reason, refused.value.details["field"]) == (
        Reason.MALFORMED,
        "recipient",
    )


@pytest.mark.parametrize(
    "secret", [b"", KEY.to_bytes()[:-1], KEY.to_bytes() + b"\0"], ids=["none", "short", "long"]
)
def test_what_is_no_private_key_is_refused(secret: bytes) -> None:
    """A torn key is told apart from a letter that does not open."""
    with pytest.raises(WardnetError) as refused:
        HybridKey.from_bytes(secret)
    assert refused.value.reason is Reason.MALFORMED


def _labelled_extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    """RFC 9180, section 4."""
    return hmac.digest(salt, b"HPKE-v1" + suite + label + secret, "sha256")


def _labelled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """RFC 9180, section 4, for at most 32 bytes."""
    text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\1"
    return hmac.digest(key, text, "sha256")[:length]


def test_a_second_implementation_opens_the_seal() -> None:
    """The combiner of X-Wing and the key schedule of RFC 9180, written down from their texts."""
    # 1. The two halves, and the combiner (draft-connolly-cfrg-xwing-kem).
    mlkem, x25519, text = SEALED[:1088], SEALED[1088:1120], SEALED[1120:]
    own = KEY.x25519.public_key().public_bytes_raw()
    shared = KEY.x25519.exchange(X25519PublicKey.from_public_bytes(x25519))
    combined = KEY.mlkem.decapsulate(mlkem) + shared + x25519 + own + rb"\.//^" + b"\\"
    secret = hashlib.sha3_256(combined).digest()
    # 2. Base mode: no preshared key (RFC 9180, 5.1).
    suite = b"HPKE" + bytes.fromhex("647a 0001 0002")
    context = b"\0" + _labelled_extract(suite, b"", b"psk_id_hash", b"")
    context += _labelled_extract(suite, b"", b"info_hash", INFO.encode())
    schedule = _labelled_extract(suite, secret, b"secret", b"")
    key = _labelled_expand(suite, schedule, b"key", context, 32)
    nonce = _labelled_expand(suite, schedule, b"base_nonce", context, 12)
    assert AESGCM(key).decrypt(nonce, text, None) == b"the letter"
