"""Vaults and files for them, without enrolment or slow keys."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from wardnet.identity.keystore import FILE_NAME, Keystore
from wardnet.identity.member import Member, Role
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.scan import scan
from wardnet_node.vault.snapshot import Snapshot
from wardnet_node.vault.vault import Vault

NORTH = Member("heartnet", Role.NODE, "north")

VISITS = Dictionary(
    name="visits",
    version=1,
    patient="record",
    columns=(
        Column(name="record", type=ColumnType.IDENTIFIER),
        Column(name="note", type=ColumnType.TEXT),
        Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male")),
        Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120"),
        Column(name="mass", type=ColumnType.REAL, minimum="0", maximum="300", resolution="0.1"),
        Column(name="score", type=ColumnType.REAL, minimum="-9", maximum="9"),
        Column(name="seen", type=ColumnType.DATE, minimum="2000-01-01", maximum="2030-12-31"),
    ),
)
"""One column of each kind that a vault treats in its own way."""


class Home:
    """A node's home folder with a key that is nowhere on disk.

    Parameters
    ----------
    folder : Path
        New or used before by the same object.
    """

    def __init__(self, folder: Path, *, member: Member = NORTH) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.member = member
        self.keystore = Keystore(folder / FILE_NAME, secrets.token_bytes(32))
        Catalog.create(folder, self.keystore).close()

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """Open the catalog, as a process does."""
        catalog = Catalog.open(self.folder, self.keystore)
        try:
            yield catalog
        finally:
            catalog.close()

    @contextmanager
    def vault(self) -> Iterator[Vault]:
        """Open the vault, as a process does."""
        with self.catalog() as catalog:
            yield Vault(self.folder, self.keystore, catalog, member=self.member)

    @property
    def segments(self) -> list[Path]:
        """Return all files where segments lie."""
        return sorted((self.folder / "vault" / "seg").iterdir())


def visits(rows: int, *, seed: int = 0, patients: int | None = None) -> pd.DataFrame:
    """Return made-up rows for `VISITS`."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "record": [f"R{number:06d}" for number in random.integers(0, patients or rows, rows)],
            "note": [f"note {number}" for number in range(rows)],
            "sex": random.choice(["female", "male"], rows),
            "age": random.integers(0, 121, rows).astype(float),
            "mass": random.uniform(0, 300, rows).round(1),
            "score": random.uniform(-9, 9, rows),
            "seen": pd.to_datetime(random.integers(10_957, 22_000, rows), unit="D").strftime(
                "%Y-%m-%d"
            ),
        }
    )
    frame.loc[random.random(rows) < 0.1, ["age", "mass"]] = None
    return frame


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table as a plain CSV file."""
    frame.to_csv(path, index=False)
    return path


def table(snapshot: Snapshot, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a snapshot's codes and floats, and the patients, as one table."""
    names = columns or [
        column.name
        for column in snapshot.dictionary.columns
        if column.type not in {ColumnType.IDENTIFIER, ColumnType.TEXT}
    ]
    batches = scan(snapshot.segments, names, dictionary=snapshot.dictionary, with_patient=True)
    frames = [pd.DataFrame({**rows.columns, "patient": rows.patient}) for rows in batches]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(names))


def adopt(home: Home, dictionary: Dictionary = VISITS, local: LocalPart | None = None) -> None:
    """Adopt a dictionary."""
    with home.vault() as vault:
        vault.adopt(dictionary, local or LocalPart())
