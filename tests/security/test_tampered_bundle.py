"""Threat: the evidence in an auditor's hands was changed, or its log rewritten behind her back."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from support.logs import EVENT, KEYS, ORIGIN, PINS, append, filled, signed
from wardnet.audit import bundle, log
from wardnet.audit.tree import completed, leaf_hash
from wardnet.client import cli
from wardnet.client.trust.pins import Pins
from wardnet.errors import CATALOGUE, Reason

ALONE: Final = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"wardnet_node", "wardnet_coordinator"}:
            raise ModuleNotFoundError(f"{name} is blocked")

def hook(event, arguments):
    if event.startswith("socket.") and event != "socket.__new__":
        raise RuntimeError(f"{event} is blocked")

sys.meta_path.insert(0, Blocked())
sys.addaudithook(hook)
import grpc
grpc.secure_channel = grpc.insecure_channel = None
from wardnet.client.cli import main
try:
    import wardnet_node
except ModuleNotFoundError:
    main()
"""


def saved(connection: sqlite3.Connection, path: Path, seqs: tuple[int, ...] | None = None) -> Path:
    """Write a bundle of a log, under a checkpoint of now, as its owner would."""
    signed(connection)
    with path.open("wb") as stream:
        bundle.write(bundle.gather(connection, seqs, keys=KEYS), stream)
    return path


def verify(home: Path, *words: str | Path) -> Result:
    """Run `wardnet audit verify`."""
    return CliRunner().invoke(cli.main, ["--home", str(home), "audit", "verify", *map(str, words)])


def assert_refused(done: Result, reason: Reason, named: str) -> None:
    """Hold what the command said against the catalogue of errors."""
    assert done.exit_code == CATALOGUE[reason].exit_code, done.output
    assert named in done.output


def test_a_bundle_is_verified_without_node_coordinator_or_network(tmp_path: Path) -> None:
    """An auditor needs the package, the file, and nobody: here all else is blocked."""
    with filled(5) as connection:
        path = saved(connection, tmp_path / "a.bundle")
    words = ["--home", str(tmp_path / "empty"), "audit", "verify", str(path), "--json"]
    command = [sys.executable, "-c", ALONE, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout)
    assert (verdict["origin"], verdict["count"]) == (ORIGIN, 5)
    path.write_bytes(
        path.read_bytes().replace(b'"dataset":"cardiology"', b'"dataset":"carDiology"', 1)
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == CATALOGUE[Reason.BUNDLE_REWRITTEN].exit_code
    assert "Traceback" not in done.stderr


HEADER: Final = (Reason.BUNDLE_MALFORMED, "the header was changed")
ENTRY: Final = (Reason.PROOF_REFUSED, "Entry 2")
LINE: Final = (Reason.BUNDLE_MALFORMED, "line 2: it is not an entry")


@pytest.mark.parametrize(
    ("place", "reason", "named"),
    [
        (rb'("complete")(:)', Reason.BUNDLE_MALFORMED, "line 1"),
        (rb"(clinic-)(a)", *HEADER),
        (rb'("keys":{")(w)', *HEADER),
        (rb'("dataset":")(c)', *ENTRY),
        (rb'("salt":")(.)', *ENTRY),
        (rb'(,"proof":\[")(.)', *ENTRY),
        (rb'(,"proof)(")', *LINE),
        (rb'(,"seq":)(2)(?=\}\n)', *LINE),
        (rb'(\{"header":")(.)', Reason.BUNDLE_MALFORMED, "line 5"),
    ],
    ids=["form", "checkpoint", "key", "name", "salt", "proof", "line", "number", "trailer"],
)
def test_one_changed_byte_is_named_by_its_place(
    place: bytes, reason: Reason, named: str, tmp_path: Path
) -> None:
    """In every part of the file: the line that cannot be read, or the entry that is not proven."""
    with filled(7) as connection:
        path = saved(connection, tmp_path / "a.bundle", (2, 3, 7))

    def other(found: re.Match[bytes]) -> bytes:
        return found[1] + (b"1" if found[2] == b"0" else b"0")

    changed, times = re.subn(place, other, path.read_bytes(), count=1)
    assert times == 1
    path.write_bytes(changed)
    assert_refused(verify(tmp_path, path), reason, named)


def test_a_header_that_was_sealed_anew_fails_by_its_signature(tmp_path: Path) -> None:
    """The last line only tells accidents; the checkpoint carries the log's own signature."""
    with filled(7) as connection:
        path = saved(connection, tmp_path / "a.bundle", (2, 3, 7))
    with path.open("rb") as stream:
        read = bundle.read(stream)
        kept = replace(read, entries=tuple(read.entries))
    forged = replace(kept, checkpoint=kept.checkpoint.replace("\n7\n", "\n8\n"))
    with path.open("wb") as stream:
        bundle.write(forged, stream)
    assert_refused(verify(tmp_path, path), Reason.CHECKPOINT_UNSIGNED, ORIGIN)


def test_a_bundle_that_was_cut_off_says_where(tmp_path: Path) -> None:
    """Within a line, and between two."""
    with filled(7) as connection:
        path = saved(connection, tmp_path / "a.bundle")
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    for cut, line in ((data[:-5], 9), (b"".join(lines[:4]), 5), (lines[0][:40], 1)):
        path.write_bytes(cut)
        assert_refused(verify(tmp_path, path), Reason.BUNDLE_MALFORMED, f"line {line}")


def rewrite(connection: sqlite3.Connection) -> None:
    """Edit entry 3 and hash all anew: alone, the log hangs together again."""
    edited = log.data(connection, 3).replace(b"researcher/ada", b"researcher/eve")
    connection.execute(
        "UPDATE access_log SET entry = ?, leaf = ? WHERE seq = 3", (edited, leaf_hash(edited))
    )
    for table in ("access_log_tree", "checkpoints"):
        connection.execute(f"DELETE FROM {table}")
    nodes: dict[tuple[int, int], bytes] = {}
    for seq, leaf in connection.execute("SELECT seq, leaf FROM access_log ORDER BY seq").fetchall():
        nodes[0, seq - 1] = leaf
        for level, position, made in completed(lambda *at: nodes[at], seq - 1, leaf):
            nodes[level, position] = made
            row = (level, position, made)
            connection.execute("INSERT INTO access_log_tree VALUES (?, ?, ?)", row)
    log.verify(connection)


def cut_off(connection: sqlite3.Connection) -> None:
    """Take the tail off, and write other entries in its place."""
    connection.execute("DELETE FROM access_log WHERE seq > 2")
    for table in ("access_log_tree", "checkpoints"):
        connection.execute(f"DELETE FROM {table}")
    leaves = connection.execute("SELECT leaf FROM access_log ORDER BY seq").fetchall()
    nodes = {(0, place): bytes(leaf) for place, (leaf,) in enumerate(leaves)}
    for row in completed(lambda *at: nodes[at], 1, nodes[0, 1]):
        connection.execute("INSERT INTO access_log_tree VALUES (?, ?, ?)", row)
    append(connection, [EVENT] * 8)
    log.verify(connection)


@pytest.mark.parametrize("attack", [rewrite, cut_off])
def test_a_log_that_was_rewritten_whole_shows_against_a_kept_bundle(
    attack: Callable[[sqlite3.Connection], None], tmp_path: Path
) -> None:
    """By itself the new one holds; beside the kept one the first other entry is named."""
    Pins(tmp_path).add(ORIGIN, PINS[ORIGIN])
    with filled(7) as connection:
        kept = saved(connection, tmp_path / "kept.bundle")
        honest = saved(connection, tmp_path / "honest.bundle")
        attack(connection)
        later = saved(connection, tmp_path / "later.bundle")
    assert verify(tmp_path, later).exit_code == 0
    same = verify(tmp_path, honest, "--against", kept)
    assert "1 checkpoint is held by others, of this same history." in same.output
    assert_refused(verify(tmp_path, later, "--against", kept), Reason.PROOF_REFUSED, "ntry 3")


def test_a_log_that_was_rewritten_whole_shows_against_what_she_saw(tmp_path: Path) -> None:
    """Her home remembers the newest checkpoint that she was shown; nobody is asked."""
    with filled(7) as connection:
        Pins(tmp_path).see(ORIGIN, signed(connection))
        rewrite(connection)
        append(connection, [EVENT])
        later = saved(connection, tmp_path / "later.bundle")
    assert_refused(verify(tmp_path, later), Reason.LOG_FORKED, ORIGIN)


def test_a_kept_bundle_that_is_broken_itself_says_nothing(tmp_path: Path) -> None:
    """It is refused before anything is held against it."""
    with filled(3) as connection:
        path = saved(connection, tmp_path / "a.bundle")
    broken = tmp_path / "broken.bundle"
    broken.write_bytes(path.read_bytes().replace(b"cardiology", b"carDiology", 1))
    done = verify(tmp_path, path, "--against", broken)
    assert_refused(done, Reason.BUNDLE_REWRITTEN, "size 3")


def test_what_is_no_bundle_is_named(tmp_path: Path) -> None:
    """Whatever somebody sends instead."""
    path = tmp_path / "a.bundle"
    for data in (b"", b"\n", b"{}\n", b"\x00" * 99):
        path.write_bytes(data)
        assert_refused(verify(tmp_path, path), Reason.BUNDLE_MALFORMED, "line 1")
