"""Keys of datasets are wrapped, bound to their place, and destroyed for good."""

import secrets
from pathlib import Path

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.identity.keystore import Keystore
from wardnet_node.vault.keys import Keyring

CONTEXT = "v1|heartnet|north|visits|segment|schema"
KEY = bytes(range(32))


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """Return a keyring with two datasets."""
    keyring = Keyring(tmp_path, Keystore(tmp_path / "keystore.json", secrets.token_bytes(32)))
    keyring.create("one")
    keyring.create("two")
    return keyring


def refused(keyring: Keyring, dataset: str, wrapped: bytes, context: str) -> None:
    """Check that a key does not unwrap."""
    with pytest.raises(WardnetError) as raised:
        keyring.key(dataset).unwrap(wrapped, context)
    assert raised.value.reason is Reason.VAULT_DAMAGED


def test_a_wrapped_key_opens_in_its_place_only(keyring: Keyring) -> None:
    """Another dataset, another context, or a changed byte: refused."""
    wrapped = keyring.key("one").wrap(KEY, CONTEXT)
    assert keyring.key("one").unwrap(wrapped, CONTEXT) == KEY
    refused(keyring, "two", wrapped, CONTEXT)
    refused(keyring, "one", wrapped, CONTEXT.replace("north", "south"))
    refused(keyring, "one", bytes([wrapped[0] ^ 1]) + wrapped[1:], CONTEXT)
    refused(keyring, "one", wrapped[:8], CONTEXT)


def test_a_destroyed_key_is_gone_from_the_file(keyring: Keyring, tmp_path: Path) -> None:
    """The other dataset's key stays; destroying twice is the same as once."""
    wrapped = keyring.key("one").wrap(KEY, CONTEXT)
    kept = keyring.key("two").wrap(KEY, CONTEXT)
    keyring.destroy("one")
    keyring.destroy("one")
    assert '"one"' not in (tmp_path / "keyring.json").read_text()
    refused(keyring, "one", wrapped, CONTEXT)
    assert keyring.key("two").unwrap(kept, CONTEXT) == KEY


def test_another_keystore_does_not_open_the_keyring(keyring: Keyring, tmp_path: Path) -> None:
    """The wrapping key comes from the root key alone."""
    wrapped = keyring.key("one").wrap(KEY, CONTEXT)
    stranger = Keyring(tmp_path, Keystore(tmp_path / "keystore.json", secrets.token_bytes(32)))
    refused(stranger, "one", wrapped, CONTEXT)


def test_keys_are_not_printed(keyring: Keyring) -> None:
    """The printed form of a key does not hold it."""
    key = keyring.key("one")
    assert repr(key.key) not in repr(key)


def test_a_keyring_that_others_can_read_is_refused(keyring: Keyring, tmp_path: Path) -> None:
    """The file's rights are checked each time."""
    (tmp_path / "keyring.json").chmod(0o644)
    with pytest.raises(WardnetError) as raised:
        keyring.key("one")
    assert raised.value.reason is Reason.FILE_MODE
