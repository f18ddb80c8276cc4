"""What a steward waits for: the preview of a large dataset; and what making its parcel takes."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np

from benchmarks.figures import REPEATS, Figure, once, seconds
from benchmarks.storage import DICTIONARY, QUICK_ROWS, ROWS, _columns
from wardnet import clock
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.audit.tags import in_batches
from wardnet.identity.member import Member, Role
from wardnet.question.conditions import Compare
from wardnet.sharing.deidentification import (
    Band,
    ColumnRule,
    Deidentification,
    Keep,
    Patient,
)
from wardnet_node.desk.events import by_operator
from wardnet_node.sharing.giving.deidentify import Deidentifier
from wardnet_node.sharing.giving.extract import Extract, Selection
from wardnet_node.sharing.giving.grant_secret import GrantSecret
from wardnet_node.sharing.giving.make import make
from wardnet_node.sharing.giving.patients import present
from wardnet_node.sharing.giving.preview import preview
from wardnet_node.vault import segments
from wardnet_node.vault.catalog import FILE_NAME, Catalog
from wardnet_node.vault.load import SEGMENT_ROWS
from wardnet_node.vault.patients import StoredPatients, tags_of
from wardnet_node.vault.snapshot import PATIENT, SegmentRef, Snapshot

_PLACE: Final = "network|node|benchmark"
_KEY: Final = bytes(32)
_OBJECTED: Final = 1000
TAGGED: Final = 100_000
"""Patients whose rows leave at once."""

_BANDS: Final = {"age": Band("5", high="90"), "lab_1": Band("1000")}
RULES: Final = Deidentification(
    Patient.PSEUDONYM,
    tuple(
        ColumnRule(column.name, _BANDS.get(column.name, Keep()))
        for column in sorted(DICTIONARY.columns, key=lambda column: column.name)
        if column.name != DICTIONARY.patient
    ),
    quasi_identifiers=("age", "code_1", "lab_1"),
    minimum_group=5,
)


class _Nowhere:
    """Take bytes and forget them."""

    closed = False

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None:
        pass


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure a preview over all rows, and the memory that making takes at two sizes."""
    rows = QUICK_ROWS if quick else ROWS
    write(folder, rows=rows)
    repeats = 1 if quick else REPEATS
    taken = seconds(lambda: preview(extract(folder)), repeats=repeats)
    how = f"{rows:,} rows of {rows // 2:,} patients, a filter, {len(RULES.quasi_identifiers)} "
    how += (
        f"quasi-identifiers, {_OBJECTED:,} objections, three rows of {len(RULES.columns)} columns"
    )
    yield Figure("preview of a share", taken, "s", 1, how)
    made = once(lambda: make(extract(folder), cast("BinaryIO", _Nowhere())))
    yield Figure("making a parcel's rows", made, "s", 60, f"{rows:,} rows, shuffled, unsealed")
    named = tagged(folder, TAGGED)
    how = f"{TAGGED:,} patients by their tags, the fifth such share of a log"
    yield Figure("naming patients in the log", named, "s", 3, how)
    yield Figure(
        "memory of making",
        _memory(folder),
        "MB",
        600,
        f"peak of a process that makes {rows:,} rows, interpreter included",
    )


def tagged(folder: Path, patients: int) -> float:
    """Return how long it takes to name patients in the log of a node that has done so before."""
    random, key = np.random.default_rng(1), bytes(64)
    member = Member("benchmark", Role.NODE, "a")
    event = by_operator(member, EventType.SHARE_READY)
    catalog = Catalog(folder / "tagged" / FILE_NAME, _KEY)

    def run() -> None:
        drawn = random.integers(0, 1 << 63, (patients, 2), dtype=np.uint64)
        named = tags_of(drawn, key, tag_key=_KEY)
        with catalog.transaction() as connection:
            for each in in_batches(event, named):
                log.append(connection, each, at=clock.now())

    taken = [once(run) for _ in range(5)]
    catalog.close()
    return taken[-1]


def write(folder: Path, *, rows: int) -> None:
    """Write the segments of a dataset of two rows per patient, and note what opens them."""
    random = np.random.default_rng(0)
    refs = []
    for start in range(0, rows, SEGMENT_ROWS):
        columns = _columns(start, rows=min(SEGMENT_ROWS, rows - start))
        columns[PATIENT] //= 2
        refs.append(_written(folder, columns))
    halves = random.integers(0, 1 << 63, (2, rows // 2), dtype=np.uint64)
    patients = _written(folder, {"pseudonym_1": halves[0], "pseudonym_2": halves[1]})
    np.save(folder / "objected.npy", halves[:, :_OBJECTED].T)
    (folder / "refs").write_text(repr([_named(ref) for ref in (*refs, patients)]))


def extract(folder: Path) -> Extract:
    """Open what `write` wrote as a preview does, the list of objections included."""
    *refs, patients = (
        SegmentRef(Path(path), *rest)
        for path, *rest in ast.literal_eval((folder / "refs").read_text())
    )
    rows = sum(ref.rows for ref in refs)
    snapshot = Snapshot("benchmark", 1, "1:0", DICTIONARY, tuple(refs), rows, rows // 2)
    stored = StoredPatients("benchmark", _KEY, (patients,))
    secret = GrantSecret.throwaway()
    return Extract(
        selection=Selection("benchmark", Compare("age", ">=", "18"), (), RULES),
        snapshot=snapshot,
        stored=stored,
        deidentifier=Deidentifier(DICTIONARY, RULES, secret),
        secret=secret,
        listed=None,
        allowed=~present(np.load(folder / "objected.npy"), stored),
        consent=None,
    )


def _written(folder: Path, columns: dict[str, np.ndarray]) -> SegmentRef:
    written = segments.write(columns, folder, place=_PLACE, schema="1")
    path = segments.path_of(folder, written.id)
    return SegmentRef(path, written.key, written.aad.encode(), written.rows)


def _named(ref: SegmentRef) -> tuple[str, bytes, bytes, int]:
    return str(ref.path), ref.key, ref.aad, ref.rows


_CHILD: Final = """
import re, sys
from pathlib import Path
from benchmarks.sharing import _Nowhere, extract, make
make(extract(Path(sys.argv[1])), _Nowhere())
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def _memory(folder: Path) -> float:
    """Return the peak memory of making in a process of its own, in MB (Linux)."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1024
