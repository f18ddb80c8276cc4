"""Threat: somebody holds the keystore file, changes it, or puts another in its place."""

import json
import resource
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.pki import PASSPHRASE, cheap_keystore
from wardnet import canonical
from wardnet.client.cli import main as wardnet
from wardnet.command import Command
from wardnet.errors import Reason, WardnetError
from wardnet.identity.keystore import Keystore
from wardnet_coordinator.cli import main as coordinator
from wardnet_node.cli import main as wardnet_node

SECRET = b"a private key that must never be readable"


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    """Return a keystore with a sealed secret."""
    keystore = cheap_keystore(tmp_path)
    keystore.seal("tls", SECRET)
    return keystore


def _edit(keystore: Keystore, *path: str | int, value: object) -> None:
    """Change one field as an attacker does, who sets the checksum right."""
    file = json.loads(keystore.path.read_bytes())
    place = file["content"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    file["checksum"] = canonical.digest(canonical.encode(file["content"]))
    keystore.path.write_bytes(canonical.encode(file))


def _content(keystore: Keystore) -> dict[str, dict[str, str]]:
    content: dict[str, dict[str, str]] = json.loads(keystore.path.read_bytes())["content"]
    return content


@pytest.mark.usefixtures("keystore")
def test_wrong_passphrase_opens_nothing(tmp_path: Path) -> None:
    """Not even a passphrase that differs in one blank."""
    for wrong in (PASSPHRASE + " ", PASSPHRASE.upper(), "", "another long passphrase"):
        with pytest.raises(WardnetError) as caught:
            Keystore.unlock(tmp_path, wrong)
        assert caught.value.reason is Reason.PASSPHRASE_WRONG


def test_wrong_recovery_key_opens_nothing(keystore: Keystore, tmp_path: Path) -> None:
    """A typing error and a key of another keystore are told apart; neither opens."""
    key = keystore.add_recovery_key()
    typo = ("b" if key[0] == "a" else "a") + key[1:]
    foreign = cheap_keystore(tmp_path / "other").add_recovery_key()
    for wrong, rule in ((typo, "mistyped"), (key[:-1], "mistyped"), (foreign, "another keystore")):
        with pytest.raises(WardnetError, match=rule) as caught:
            Keystore.recover(tmp_path, wrong)
        assert caught.value.reason is Reason.RECOVERY_KEY_WRONG


def test_secret_is_not_in_the_file(keystore: Keystore) -> None:
    """The disk holds ciphertext only: no secret, no root key."""
    data = keystore.path.read_bytes()
    assert SECRET not in data
    assert SECRET.hex().encode() not in data
    assert keystore.root_key.hex().encode() not in data


def test_file_is_for_its_owner_only(keystore: Keystore) -> None:
    """Also after it was written again."""
    keystore.seal("signing", b"another")
    assert keystore.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_file_that_others_can_open_is_refused(
    mode: int, keystore: Keystore, tmp_path: Path
) -> None:
    """Who could read it may have copied it: the owner must hear of it."""
    keystore.path.chmod(mode)
    with pytest.raises(WardnetError) as caught:
        Keystore.unlock(tmp_path, PASSPHRASE)
    assert caught.value.reason is Reason.FILE_MODE


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_flipped_bit_anywhere_is_noticed(
    place: int, bit: int, keystore: Keystore, tmp_path: Path
) -> None:
    """A bad disk never gives a wrong key, and is not taken for a wrong passphrase."""
    original = keystore.path.read_bytes()
    changed = bytearray(original)
    changed[place % len(original)] ^= 1 << bit
    keystore.path.write_bytes(bytes(changed))
    try:
        with pytest.raises(WardnetError) as caught:
            Keystore.unlock(tmp_path, PASSPHRASE).open("tls")
        assert caught.value.reason is Reason.STATE_DAMAGED
    finally:
        keystore.path.write_bytes(original)


@pytest.mark.parametrize("length", [0, 1, 100])
def test_cut_file_is_damaged(length: int, keystore: Keystore, tmp_path: Path) -> None:
    """A file that ends early is no keystore."""
    keystore.path.write_bytes(keystore.path.read_bytes()[:length])
    with pytest.raises(WardnetError) as caught:
        Keystore.unlock(tmp_path, PASSPHRASE)
    assert caught.value.reason is Reason.STATE_DAMAGED


def test_secret_under_another_name_is_refused(keystore: Keystore) -> None:
    """The name is bound to the ciphertext: secrets cannot be swapped."""
    keystore.seal("signing", b"another")
    swapped = _content(keystore)["secrets"]
    _edit(keystore, "secrets", value={"tls": swapped["signing"], "signing": swapped["tls"]})
    with pytest.raises(WardnetError) as caught:
        keystore.open("tls")
    assert caught.value.reason is Reason.STATE_DAMAGED


def test_secret_of_another_keystore_is_refused(keystore: Keystore, tmp_path: Path) -> None:
    """A secret only opens under the root key that sealed it."""
    other = cheap_keystore(tmp_path / "other")
    other.seal("tls", b"planted")
    _edit(keystore, "secrets", "tls", value=_content(other)["secrets"]["tls"])
    with pytest.raises(WardnetError) as caught:
        keystore.open("tls")
    assert caught.value.reason is Reason.STATE_DAMAGED


@pytest.mark.parametrize(
    ("name", "value"), [("memory", 1 << 30), ("passes", 1 << 20), ("lanes", 0), ("memory", True)]
)
def test_absurd_cost_is_refused_before_it_is_paid(
    name: str, value: int, keystore: Keystore, tmp_path: Path
) -> None:
    """A changed cost must not make us use all memory or run for days."""
    _edit(keystore, "slots", 0, "cost", name, value=value)
    with pytest.raises(WardnetError) as caught:
        Keystore.unlock(tmp_path, PASSPHRASE)
    assert caught.value.reason is Reason.STATE_DAMAGED


def test_slot_of_one_kind_is_no_slot_of_the_other(keystore: Keystore, tmp_path: Path) -> None:
    """The kind is bound to the wrapped key."""
    key = keystore.add_recovery_key()
    _edit(keystore, "slots", 1, "kind", value="passphrase")
    with pytest.raises(WardnetError):
        Keystore.recover(tmp_path, key)


@pytest.mark.parametrize("program", [coordinator, wardnet, wardnet_node])
def test_no_crash_writes_a_core_file(program: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are in the memory of every command that unlocks a keystore, not of daemons only."""
    limits: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda *limit: limits.append(limit))
    CliRunner().invoke(program, ["config"], catch_exceptions=False)
    assert limits == [(resource.RLIMIT_CORE, (0, 0))]
