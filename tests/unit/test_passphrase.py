"""A passphrase comes from a file, a systemd credential or a terminal, and never from a default."""

import sys
from pathlib import Path

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.identity import passphrase as module
from wardnet.identity.keystore import read_passphrase

KEYSTORE = Path("keystore.json")


@pytest.fixture(autouse=True)
def nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take terminal and credentials away."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def _answers(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    typed = iter(answers)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(module, "getpass", lambda _: next(typed))


def _private(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_first_line_of_the_file_is_the_passphrase(tmp_path: Path) -> None:
    """Line endings and later lines do not belong to it; blanks do."""
    file = _private(tmp_path / "secret", b" long enough phrase \r\nsecond line\n")
    assert read_passphrase(KEYSTORE, file) == " long enough phrase "


def test_file_wins_over_the_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operator named explicitly counts."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "wardnet-passphrase").write_text("from the credential")
    assert read_passphrase(KEYSTORE) == "from the credential"
    file = _private(tmp_path / "secret", b"from the file")
    assert read_passphrase(KEYSTORE, file) == "from the file"


def test_terminal_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the person types it, a new one twice."""
    _answers(monkeypatch, "typed by hand")
    assert read_passphrase(KEYSTORE) == "typed by hand"
    _answers(monkeypatch, "typed by hand", "typed by hand")
    assert read_passphrase(KEYSTORE, confirm=True) == "typed by hand"


def test_new_passphrase_typed_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip of the finger must not lock the owner out."""
    _answers(monkeypatch, "typed by hand", "typed by hamd")
    with pytest.raises(WardnetError) as caught:
        read_passphrase(KEYSTORE, confirm=True)
    assert caught.value.reason is Reason.PASSPHRASES_DIFFER


@pytest.mark.parametrize("data", [b"", b"\n", b"\nsecond line", b"\xff\xfe broken"])
def test_file_without_a_readable_first_line_is_none(data: bytes, tmp_path: Path) -> None:
    """An empty passphrase is no passphrase."""
    with pytest.raises(WardnetError) as caught:
        read_passphrase(KEYSTORE, _private(tmp_path / "secret", data))
    assert caught.value.reason is Reason.PASSPHRASE_MISSING


def test_without_any_source_it_is_missing() -> None:
    """A daemon without a source says which option to use."""
    with pytest.raises(WardnetError) as caught:
        read_passphrase(KEYSTORE)
    assert caught.value.reason is Reason.PASSPHRASE_MISSING
    assert "--passphrase-file" in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A path that does not exist is not taken for a missing passphrase."""
    with pytest.raises(WardnetError) as caught:
        read_passphrase(KEYSTORE, tmp_path / "nowhere")
    assert caught.value.reason is Reason.FILE_UNREADABLE


def test_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A passphrase for everybody is none."""
    file = _private(tmp_path / "secret", b"long enough phrase")
    file.chmod(0o640)
    with pytest.raises(WardnetError) as caught:
        read_passphrase(KEYSTORE, file)
    assert caught.value.reason is Reason.FILE_MODE
