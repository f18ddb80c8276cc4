"""A dictionary in a new version: whoever is left behind by it is told, wherever people look."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from support.coordinator import SECONDS, serving
from support.coordinator import run as run_scenario
from support.hospital import Hospital
from support.pki import PASSPHRASE, TestNetwork
from support.questions import DICTIONARY
from wardnet import logs
from wardnet.audit.entry import EventType
from wardnet.errors import CATALOGUE, Reason
from wardnet.question.dictionary import Dictionary
from wardnet_node import published
from wardnet_node.cli import main
from wardnet_node.intake import dictionary_file, local_part
from wardnet_node.intake.local_part import LocalPart

NEXT = replace(DICTIONARY, version=2, label="with a label")

Run = Callable[..., Result]


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which holds version 1."""
    hospital = Hospital(network, tmp_path / "a")
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    return hospital


@pytest.fixture
def run(hospital: Hospital) -> Run:
    """Return what runs the command on the hospital's home."""

    def run(*arguments: str | Path, code: int = 0, given: str = "") -> Result:
        file = hospital.home.parent / "passphrase"
        options = ["--home", str(hospital.home), "--passphrase-file", str(file)]
        result = CliRunner().invoke(main, [*options, *map(str, arguments)], input=given)
        assert result.exit_code == code, result.output
        return result

    return run


def at(hospital: Hospital, address: str) -> None:
    """Tell the hospital's node where its coordinator listens."""
    (hospital.home / "settings.toml").write_text(f'address = "{address}"\n')


def drafted(folder: Path, dictionary: Dictionary) -> Path:
    """Return a file with a shared part."""
    path = folder / f"{dictionary.version}.toml"
    path.write_text(dictionary_file.write(dictionary))
    return path


def test_publishing_over_a_version_is_confirmed_and_logged(
    network: TestNetwork, hospital: Hospital, run: Run, tmp_path: Path
) -> None:
    """The question names who is left behind; the first version, and the same again, need none."""
    first, second = drafted(tmp_path, DICTIONARY), drafted(tmp_path, NEXT)

    async def scenario() -> None:
        async with serving(network, tmp_path / "c") as address:
            at(hospital, address)
            for _ in range(2):
                await asyncio.to_thread(run, "dataset", "publish", first)
            async with hospital.serving(address):
                await until(lambda: held(hospital, address) == ("a",))
                asked = await asyncio.to_thread(run, "dataset", "publish", second, code=1)
                assert "version 1, held by a." in asked.stderr
                assert "studies and agreements made for version 1" in asked.stderr
                await asyncio.to_thread(run, "dataset", "publish", second, given="y\n")
            await asyncio.to_thread(run, "dataset", "publish", second, "--yes")

    run_scenario(scenario())
    entries = [e for e in hospital.entries() if e.type is EventType.DICTIONARY_PUBLISHED]
    assert [entry.operation for entry in entries] == ["version 1"] * 2 + ["version 2"] * 2
    assert entries[-1].parameter_digest == NEXT.digest


def held(hospital: Hospital, address: str) -> tuple[str, ...]:
    """Return who holds cardiology, as the coordinator lists it."""
    return published.listed(credentials=hospital.credentials, address=address)[
        DICTIONARY.name
    ].hospitals


def test_a_hospital_that_is_left_behind_is_told_so(
    network: TestNetwork,
    hospital: Hospital,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the list, before a load, in the daemon's log; and again until the file was loaded."""
    first, second = drafted(tmp_path, DICTIONARY), drafted(tmp_path, NEXT)
    table = tmp_path / "table.csv"
    table.write_text("sex,age\n" + "female,40\n" * 50)
    logs.configure("wardnet-node")
    seen = set[str]()

    async def scenario() -> None:
        async with serving(network, tmp_path / "c") as address:
            at(hospital, address)
            await asyncio.to_thread(run, "dataset", "publish", first)
            said = await asyncio.to_thread(run, "dataset", "list")
            assert said.stderr == ""
            await asyncio.to_thread(run, "dataset", "publish", second, "--yes")
            for command in (["list"], ["load", "cardiology", table]):
                said = await asyncio.to_thread(run, "dataset", *command)
                assert "has version 2 of cardiology; adopt it with" in said.stderr
            async with hospital.serving(address):
                await until(lambda: "dictionary_outdated" in logged(capsys, seen))
            await asyncio.to_thread(run, "dataset", "adopt", "cardiology")
            said = await asyncio.to_thread(run, "dataset", "list")
            assert "its rows were loaded under version 1; load the file again" in said.stderr
            await asyncio.to_thread(run, "dataset", "load", "cardiology", table)
            said = await asyncio.to_thread(run, "dataset", "list")
            assert said.stderr == ""

    run_scenario(scenario())


def logged(capsys: pytest.CaptureFixture[str], seen: set[str]) -> set[str]:
    """Add every event that was logged meanwhile to those that were seen, and return them."""
    seen |= {json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()}
    return seen


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that must become true."""
    async with asyncio.timeout(SECONDS):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.05)


def test_a_list_needs_no_coordinator(hospital: Hospital, run: Run) -> None:
    """What the network has is left open then, and said to be."""
    at(hospital, "127.0.0.1:1")
    said = run("dataset", "list")
    assert "cardiology" in said.stdout
    assert "newer versions is not known" in said.stderr


def test_a_local_part_is_not_lost_by_an_adoption(
    network: TestNetwork, hospital: Hospital, run: Run, tmp_path: Path
) -> None:
    """It is kept, replaced or given up only when somebody says so."""
    own = LocalPart(delimiter=";")
    file, shared = tmp_path / "own.toml", drafted(tmp_path, DICTIONARY)
    file.write_text(local_part.write(own))
    code = CATALOGUE[Reason.LOCAL_PART_LOST].exit_code

    def part() -> Any:  # noqa: ANN401 - compared only
        with hospital.vault() as vault:
            return vault.adopted("cardiology").local

    async def scenario() -> None:
        async with serving(network, tmp_path / "c") as address:
            at(hospital, address)
            adopt = ("dataset", "adopt", "cardiology")
            await asyncio.to_thread(run, "dataset", "publish", shared)
            await asyncio.to_thread(run, *adopt, "--local", file)
            refused = await asyncio.to_thread(run, *adopt, code=code)
            assert "--keep-local" in refused.stderr
            assert part() == own
            await asyncio.to_thread(run, *adopt, "--keep-local")
            assert part() == own
            await asyncio.to_thread(run, *adopt, "--keep-local", "--plain", code=2)
            await asyncio.to_thread(run, *adopt, "--plain")
            assert part() == LocalPart()
            await asyncio.to_thread(run, *adopt)

    run_scenario(scenario())
