"""The keystore keeps secrets under a passphrase or a recovery key."""

from pathlib import Path

import pytest

from support.pki import CHEAP, PASSPHRASE
from wardnet.errors import Reason, WardnetError
from wardnet.identity import keystore as module
from wardnet.identity.keystore import Cost, Keystore


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make passphrases cheap to try."""
    monkeypatch.setattr(module, "COST", CHEAP)


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    """Return a new keystore."""
    return Keystore.create(tmp_path, PASSPHRASE)


def test_passphrase_opens_what_create_made(keystore: Keystore, tmp_path: Path) -> None:
    """The same passphrase gives the same keys."""
    assert Keystore.unlock(tmp_path, PASSPHRASE).derive("catalog") == keystore.derive("catalog")


def test_purposes_give_independent_keys(keystore: Keystore) -> None:
    """No two purposes share a key."""
    purposes = ("catalog", "wrapping", "pseudonym", "identity")
    keys = {keystore.derive(purpose) for purpose in purposes}
    assert len(keys) == len(purposes)
    assert {len(key) for key in keys} == {32}


def test_two_keystores_share_no_key(keystore: Keystore, tmp_path: Path) -> None:
    """The root key is random, not made from the passphrase."""
    other = Keystore.create(tmp_path / "other", PASSPHRASE)
    assert other.derive("catalog") != keystore.derive("catalog")


def test_sealed_secret_comes_back(keystore: Keystore, tmp_path: Path) -> None:
    """What was sealed is there after the next unlock, and the newest value wins."""
    keystore.seal("tls", b"older")
    keystore.seal("tls", b"newer")
    keystore.seal("signing", b"")
    opened = Keystore.unlock(tmp_path, PASSPHRASE)
    assert opened.open("tls") == b"newer"
    assert opened.open("signing") == b""


def test_secret_that_was_never_sealed_is_not_there(keystore: Keystore) -> None:
    """Asking for an unknown name says that nothing is there yet."""
    with pytest.raises(WardnetError) as caught:
        keystore.open("tls")
    assert caught.value.reason is Reason.NOT_INITIALISED


def test_every_recovery_key_opens_it(keystore: Keystore, tmp_path: Path) -> None:
    """Two recovery keys work side by side, in any case and grouping."""
    first, second = keystore.add_recovery_key(), keystore.add_recovery_key()
    assert first != second
    for key in (first, second.upper(), second.replace("-", " "), f"  {first}\n"):
        assert Keystore.recover(tmp_path, key).root_key == keystore.root_key


def test_a_recovery_key_is_named_only_where_there_is_one(
    keystore: Keystore, tmp_path: Path
) -> None:
    """Only a node's keystore has one; nobody else is sent to look for it."""
    for mentioned in (False, True):
        with pytest.raises(WardnetError) as caught:
            Keystore.unlock(tmp_path, "another long passphrase")
        assert caught.value.reason is Reason.PASSPHRASE_WRONG
        assert ("recovery key" in str(caught.value)) is mentioned
        keystore.add_recovery_key()


def test_new_passphrase_replaces_the_old_one(keystore: Keystore, tmp_path: Path) -> None:
    """After a recovery only the new passphrase opens, and recovery keys stay good."""
    key = keystore.add_recovery_key()
    keystore.seal("tls", b"secret")
    Keystore.recover(tmp_path, key).set_passphrase("another long passphrase")
    with pytest.raises(WardnetError) as caught:
        Keystore.unlock(tmp_path, PASSPHRASE)
    assert caught.value.reason is Reason.PASSPHRASE_WRONG
    assert Keystore.unlock(tmp_path, "another long passphrase").open("tls") == b"secret"
    assert Keystore.recover(tmp_path, key).open("tls") == b"secret"


def test_passphrase_is_the_same_however_its_letters_are_composed(tmp_path: Path) -> None:
    """One keyboard sends ä as one character, another as two."""
    made = Keystore.create(tmp_path, "ka\u0308se und brot und wein")
    assert Keystore.unlock(tmp_path, "k\u00e4se und brot und wein").root_key == made.root_key


def test_short_passphrase_is_refused_and_makes_nothing(tmp_path: Path) -> None:
    """Under twelve characters no keystore is made."""
    with pytest.raises(WardnetError) as caught:
        Keystore.create(tmp_path / "home", "elf zeichen")
    assert caught.value.reason is Reason.PASSPHRASE_WEAK
    assert not (tmp_path / "home").exists()


def test_existing_keystore_is_never_overwritten(keystore: Keystore, tmp_path: Path) -> None:
    """A second create would destroy the first root key."""
    before = keystore.path.read_bytes()
    with pytest.raises(WardnetError) as caught:
        Keystore.create(tmp_path, PASSPHRASE)
    assert caught.value.reason is Reason.ALREADY_EXISTS
    assert keystore.path.read_bytes() == before


def test_home_without_keystore_is_named(tmp_path: Path) -> None:
    """An empty home says that nothing is there yet."""
    with pytest.raises(WardnetError) as caught:
        Keystore.unlock(tmp_path, PASSPHRASE)
    assert caught.value.reason is Reason.NOT_INITIALISED


def test_writing_leaves_no_second_file(keystore: Keystore, tmp_path: Path) -> None:
    """The temporary file is gone after every write."""
    keystore.seal("tls", b"secret")
    assert [path.name for path in tmp_path.iterdir()] == ["keystore.json"]


def test_printed_keystore_shows_no_key(keystore: Keystore) -> None:
    """A keystore in a message or traceback gives nothing away."""
    assert keystore.root_key.hex() not in repr(keystore)
    assert repr(keystore.root_key) not in repr(keystore)


def test_default_cost_is_the_one_of_the_rfc(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9106, section 4, second recommended option: 64 MiB, 3 passes, 4 lanes."""
    monkeypatch.undo()
    assert Cost(memory=64 * 1024, passes=3, lanes=4) == module.COST
