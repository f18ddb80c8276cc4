"""Settings say what is in force and where it came from, and refuse whatever they do not know."""

import os
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict

from wardnet.errors import Reason, WardnetError
from wardnet.settings import FILE_NAME, Settings, effective, load


class NodeSettings(Settings):
    """Stand for a node's settings."""

    model_config = SettingsConfigDict(env_prefix="WARDNET_NODE_")

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    peers: tuple[str, ...] = ()
    address: str = "coordinator.example:7443"


class ClientSettings(Settings):
    """Stand for a researcher's settings."""

    coordinator: str = "coordinator.example:7443"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the developer's own shell sets."""
    for name in os.environ:
        if name.upper().startswith("WARDNET"):
            monkeypatch.delenv(name)


def _write(home: Path, text: str) -> None:
    (home / FILE_NAME).write_text(text, encoding="utf-8")


def _refused(kind: type[Settings], home: Path) -> WardnetError:
    with pytest.raises(WardnetError) as caught:
        load(kind, home)
    assert caught.value.reason is Reason.WRONG_SETTING
    return caught.value


def test_defaults_hold_in_an_empty_home(tmp_path: Path) -> None:
    """No file, no variables: the declared defaults."""
    assert load(NodeSettings, tmp_path) == NodeSettings()


def test_a_home_that_nobody_began_is_said_to_be_empty(tmp_path: Path) -> None:
    """Not that a setting is missing, which its beginning writes; afterwards it is that."""

    class Enrolled(Settings):
        model_config = SettingsConfigDict(env_prefix="WARDNET_NODE_")
        address: str

    with pytest.raises(WardnetError) as caught:
        load(Enrolled, tmp_path)
    assert caught.value.reason is Reason.NOT_INITIALISED
    assert "`wardnet-node init`" in str(caught.value)
    _write(tmp_path, "")
    assert _refused(Enrolled, tmp_path).details["setting"] == "address"


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value is shown with its source, in the order of declaration."""
    _write(tmp_path, 'workers = 3\npeers = ["a"]\n')
    monkeypatch.setenv("WARDNET_NODE_WORKERS", "4")
    rows = [(row.name, row.value, row.source) for row in effective(load(NodeSettings, tmp_path))]
    assert rows == [
        ("workers", 4, "environment"),
        ("peers", ["a"], "file"),
        ("address", "coordinator.example:7443", "default"),
    ]


def test_list_in_the_environment_is_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list stands in one variable; anything else names the variable."""
    monkeypatch.setenv("WARDNET_NODE_PEERS", '["a", "b"]')
    assert load(NodeSettings, tmp_path).peers == ("a", "b")
    monkeypatch.setenv("WARDNET_NODE_PEERS", "a,b")
    error = _refused(NodeSettings, tmp_path)
    assert error.details["setting"] == "peers"
    assert "WARDNET_NODE_PEERS" in error.details["path"]


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    """What a program started with stays."""
    settings = load(NodeSettings, tmp_path)
    with pytest.raises(ValidationError):
        settings.workers = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("workerz = 3", "workerz"),
        ("workers = 0", "workers"),
        ('workers = "many"', "workers"),
        ("[workers]\na = 1", "workers"),
        ("_env_file = '/etc/passwd'", "_env_file"),
        ("home = '/elsewhere'", "home"),
        ("workers = ", FILE_NAME),
    ],
)
def test_wrong_line_in_the_file_is_named(text: str, setting: str, tmp_path: Path) -> None:
    """The message says which setting, in which file."""
    _write(tmp_path, text)
    error = _refused(NodeSettings, tmp_path)
    assert error.details["setting"] == setting
    assert error.details["path"] == str(tmp_path / FILE_NAME)


def test_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    """TOML is UTF-8."""
    (tmp_path / FILE_NAME).write_bytes("address = 'käse'".encode("latin-1"))
    assert "UTF-8" in _refused(NodeSettings, tmp_path).details["rule"]


def test_unknown_variable_of_our_own_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typing error must not leave a default in force unnoticed."""
    monkeypatch.setenv("WARDNET_NODE_WORKERZ", "4")
    assert _refused(NodeSettings, tmp_path).details["setting"] == "WARDNET_NODE_WORKERZ"


def test_wrong_value_in_the_environment_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The value itself is not repeated."""
    monkeypatch.setenv("WARDNET_NODE_WORKERS", "P-4711x")
    error = _refused(NodeSettings, tmp_path)
    assert "WARDNET_NODE_WORKERS" in str(error)
    assert "P-4711x" not in str(error)


def test_variables_of_other_programs_and_options_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three programs share a beginning of their prefixes; options of commands are no settings."""
    for name in (
        "WARDNET_HOME",
        "WARDNET_PASSPHRASE_FILE",
        "WARDNET_NODE_HOME",
        "WARDNET_NODE_PASSPHRASE_FILE",
        "WARDNET_COORDINATOR_LISTEN",
    ):
        monkeypatch.setenv(name, "x")
    assert load(ClientSettings, tmp_path) == ClientSettings()
    assert load(NodeSettings, tmp_path) == NodeSettings()
    monkeypatch.setenv("WARDNET_COORDINATOR", "other.example:1")
    assert load(ClientSettings, tmp_path).coordinator == "other.example:1"
    monkeypatch.setenv("WARDNET_COORDINATR", "other.example:1")
    _refused(ClientSettings, tmp_path)
