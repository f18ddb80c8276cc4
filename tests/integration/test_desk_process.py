"""The stewards' page as `wardnet-node serve` serves it, and the commands beside it."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from support.desk import Browser, DeskHome
from support.pki import PASSPHRASE, TestNetwork
from wardnet_node.cli import main
from wardnet_node.desk.web import certificate

PROGRAM = Path(sys.executable).parent / "wardnet-node"


@pytest.fixture
def home(tmp_path: Path) -> DeskHome:
    """Give a hospital with its passphrase in a file."""
    folder = tmp_path / "home"
    folder.mkdir()
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    return DeskHome(TestNetwork(), folder)


def environment(home: DeskHome, **settings: str) -> dict[str, str]:
    """Return the variables under which a command works on a home."""
    return {
        "WARDNET_NODE_HOME": str(home.home),
        "WARDNET_NODE_PASSPHRASE_FILE": str(home.home.parent / "passphrase"),
        "WARDNET_NODE_ADDRESS": "127.0.0.1:1",
        "WARDNET_NODE_WORKERS": "1",
        **settings,
    }


@contextmanager
def serving(home: DeskHome, listen: str) -> Iterator[Mapping[str, str]]:
    """Run `wardnet-node serve` while the block runs, and give what it says about the page."""
    process = subprocess.Popen(
        [PROGRAM, "serve"],
        env=os.environ | environment(home, WARDNET_NODE_DESK_LISTEN=listen),
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        lines = (json.loads(line) for line in process.stderr)
        yield next((line for line in lines if line["event"] in {"desk", "away"}), {})
    finally:
        process.terminate()
        process.communicate()


def run(home: DeskHome, *words: str) -> str:
    """Run a command of the node and return what it prints."""
    result = CliRunner().invoke(main, words, env=environment(home))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_daemon_serves_the_page_and_tells_its_fingerprint(home: DeskHome) -> None:
    """While the coordinator is away the page is there, under the fingerprint that is told."""
    with serving(home, "127.0.0.1:0") as told:
        assert told["event"] == "desk"
        trust = ssl.create_default_context(cafile=home.home / certificate.FILE_NAME)
        with httpx.Client(base_url=told["address"], verify=trust) as client:
            browser = Browser(client)
            browser.follow(browser.sign_in())
            assert "Not connected to the coordinator" in browser.open("/health")
    shown = json.loads(run(home, "desk", "fingerprint", "--json"))
    assert shown["fingerprint"] == told["fingerprint"]


def test_no_page_is_served_unless_it_is_asked_for(home: DeskHome) -> None:
    """Without the setting, nothing listens and no certificate is made."""
    with serving(home, "") as told:
        assert told["event"] == "away"
    assert not (home.home / certificate.FILE_NAME).exists()


def refusal(home: DeskHome, listen: str) -> str:
    """Return why `wardnet-node serve` does not serve a page there."""
    done = subprocess.run(
        [PROGRAM, "serve"],
        env=os.environ | environment(home, WARDNET_NODE_DESK_LISTEN=listen),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr.decode()


def test_an_address_that_is_taken_is_named(home: DeskHome) -> None:
    """The daemon does not run without the page that was asked for."""
    with home.serving() as address:
        listen = address.removeprefix("https://")
        said = refusal(home, listen)
    assert f"{listen} is in use by another process" in said


def test_an_address_of_another_machine_is_not_said_to_be_in_use(home: DeskHome) -> None:
    """The sentence names the setting, where it stands, and what is wrong with it."""
    said = refusal(home, "192.0.2.1:8443")
    assert "desk_listen" in said
    assert "WARDNET_NODE_DESK_LISTEN" in said
    assert "this machine does not have that address" in said
    assert "in use" not in said


def test_the_command_searches_the_log_too(home: DeskHome) -> None:
    """What the page finds, the command finds."""
    found = json.loads(run(home, "log", "search", "--type", "book_changed", "--json"))
    assert [entry["type"] for entry in found] == ["book_changed", "book_changed"]
    assert found[0]["seq"] > found[1]["seq"]
    assert json.loads(run(home, "log", "search", "--until", "2001-01-01", "--json")) == []


def test_a_daemon_without_the_page_does_not_load_its_framework() -> None:
    """Only where `desk_listen` is set does a start pay for it."""
    script = (
        "import sys, wardnet_node.server;"
        "print({'fastapi', 'starlette', 'uvicorn', 'jinja2'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
