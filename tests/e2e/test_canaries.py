"""What must never leave RAM in clear is planted at a hospital, and looked for everywhere."""

import re
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.member import Member
from support.network import Network

DATASET = "admissions"
NAME = "Zebulon Quackenbush"
RECORD = "MRN-7391826455"
RARE = 7331.739
"""A name, a record number and a measurement that only one patient has."""

CANARIES = {
    "name": [NAME.encode(), b"Quackenbush", NAME.encode("utf-16-le")],
    "record number": [RECORD.encode(), b"7391826455", RECORD.encode("utf-16-le")],
    "rare value": [b"7331.739", b"7331,739", struct.pack("<d", RARE)],
}

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True)
class Bench:
    """Hold a network whose hospital has loaded the canaries, and where everything was written."""

    network: Network
    node: Member
    folder: Path
    sources: Path
    outputs: list[str]


def table(rows: int, *, seed: int) -> pd.DataFrame:
    """Return made-up rows; the one in the middle holds the canaries."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "record": [f"MRN-{number:010d}" for number in random.permutation(10**6)[:rows]],
            "name": [f"Patient {number}" for number in range(rows)],
            "sex": random.choice(["f", "m"], rows),
            "marker": random.uniform(0, 9000, rows).round(3),
        }
    )
    frame.loc[rows // 2, "record"] = RECORD
    frame.loc[rows // 2, "name"] = NAME
    frame.loc[rows // 2, "marker"] = RARE
    return frame


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Load, ask, fail and kill; all of it with temporary files below the same folder."""
    folder = tmp_path_factory.mktemp("network")
    sources = tmp_path_factory.mktemp("sources")  # the hospital's own export: not ours to search
    outputs: list[str] = []
    with pytest.MonkeyPatch.context() as patch, Network(folder) as network:
        (folder / "tmp").mkdir()
        patch.setenv("TMPDIR", str(folder / "tmp"))
        good = sources / "good.csv"
        table(3000, seed=1).to_csv(good, index=False)
        node = network.start(
            {"north": good}, dataset=DATASET, table=good, patient="record", out=folder
        )
        outputs += _questions(network)
        outputs += _mistakes(node, sources)
        _killed_load(node, sources)
        outputs += [_words(node.run("log", "show")), _words(node.run("dataset", "show", DATASET))]
        network.nodes["north"].kill()
        network.coordinator.kill()
        yield Bench(network, node, folder, sources, outputs)


def _questions(network: Network) -> list[str]:
    ada = network.enrol_researcher("ada")
    network.agree(ada, DATASET)
    asked: list[tuple[str, ...]] = [
        ("summary", DATASET, "marker", "--by", "sex"),
        ("quantiles", DATASET, "marker"),
        ("histogram", DATASET, "marker", "--bins", "50"),
        ("count", DATASET, "--where", "marker between 7331 and 7332"),
    ]
    return [_words(ada.run("query", *arguments, check=False)) for arguments in asked]


def _mistakes(node: Member, sources: Path) -> list[str]:
    """Load files that are wrong exactly where the canaries stand."""
    good = table(200, seed=2)
    text = good.to_csv(index=False)
    wrong = {
        "number": text.replace(str(RARE), f"{RARE}x"),
        "bound": text.replace(str(RARE), "7331739.5"),
        "level": re.sub(rf"{NAME},[fm]", f"{NAME},{NAME}", text),
        "width": text.replace(NAME, f"{NAME},{RECORD}"),
        "torn": text[: text.index(NAME) + 30] + '"',
        "header": text.replace("marker", NAME, 1),
    }
    said = []
    for what, content in wrong.items():
        path = sources / f"{what}.csv"
        path.write_text(content)
        done = node.run("dataset", "load", DATASET, path, "--replace", check=False)
        assert done.returncode != 0, what
        said.append(_words(done))
    (sources / "bytes.csv").write_bytes(
        text.encode().replace(NAME.encode(), b"\xff" + RECORD.encode())
    )
    done = node.run("dataset", "load", DATASET, sources / "bytes.csv", "--replace", check=False)
    assert done.returncode != 0
    return [*said, _words(done)]


def _killed_load(node: Member, sources: Path) -> None:
    """Kill loads at several moments, so that whatever they had written stays."""
    path = sources / "large.csv"
    table(100_000, seed=3).to_csv(path, index=False)
    for seconds in (0.8, 1.4, 2.2):
        load = node.start("dataset", "load", DATASET, path, "--replace")
        time.sleep(seconds)
        load.kill()
        load.wait()


def _words(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


@pytest.mark.parametrize("canary", CANARIES)
def test_no_file_holds_a_canary(bench: Bench, canary: str) -> None:
    """Vault, catalog, logs, reports, temporary files, the coordinator's disk: all searched."""
    files = [path for path in bench.folder.rglob("*") if path.is_file()]
    files += [path for path in bench.sources.iterdir() if path.suffix != ".csv"]
    assert any(path.suffix == ".log" for path in files)
    holding = {
        str(path)
        for path in files
        for spelling in CANARIES[canary]
        if spelling in path.read_bytes()
    }
    assert holding == set()


@pytest.mark.parametrize("canary", CANARIES)
def test_no_output_holds_a_canary(bench: Bench, canary: str) -> None:
    """Answers, error messages and listings name columns and lines, never what stands there."""
    spellings = [spelling.decode("latin-1") for spelling in CANARIES[canary]]
    assert [text for text in bench.outputs if any(word in text for word in spellings)] == []


def test_the_search_would_find_them(bench: Bench) -> None:
    """The canaries are in the hospital's own file, spelled as the search spells them."""
    source = (bench.sources / "good.csv").read_bytes()
    assert all(spellings[0] in source for spellings in CANARIES.values())
