"""The table of the demonstration and how it is dealt out over hospitals."""

import codecs
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

PATIENT: Final = "patient"
"""The column that numbers the rows: here every row is a patient of its own."""

DELIMITERS: Final = (",", ";", "\t", "|")

MOST_HOSPITALS: Final = 12

SHARES: Final = {"north": 0.50, "east": 0.28, "south": 0.15, "west": 0.07}
"""How unevenly the bundled table is dealt."""


@dataclass(frozen=True, slots=True)
class Table:
    """Hold the pooled rows and each hospital's part, as text, exactly as the CSV files hold them.

    Parameters
    ----------
    name : str
        Of the dataset.
    pooled : DataFrame
        All rows.
    hospitals : dict of str to DataFrame
        The same rows, dealt out.
    delimiter : str
        Of the CSV files.
    """

    name: str
    pooled: pd.DataFrame
    hospitals: dict[str, pd.DataFrame]
    delimiter: str = ","

    def write(self, folder: Path) -> tuple[Path, dict[str, Path]]:
        """Write the pooled file and one file per hospital; return their paths."""
        pooled = folder / f"{self.name}.csv"
        self.pooled.to_csv(pooled, index=False, sep=self.delimiter)
        parts = {hospital: folder / f"{hospital}.csv" for hospital in self.hospitals}
        for hospital, part in self.hospitals.items():
            part.to_csv(parts[hospital], index=False, sep=self.delimiter)
        return pooled, parts


def bundled() -> Table:
    """Return scikit-learn's breast cancer table (569 biopsies, UCI), dealt over four hospitals.

    The measurements are as published. Two columns of categories stand beside them: the diagnosis
    by name, and the size of the nuclei, cut from the mean radius at 12 and 16.
    """
    data = load_breast_cancer(as_frame=True)
    measured = data.data.astype(str)
    diagnosis = data.target.map(dict(enumerate(data.target_names)))
    size = pd.cut(data.data["mean radius"], [0, 12, 16, 40], labels=["small", "medium", "large"])
    frame = _numbered(measured.assign(diagnosis=diagnosis, size=size.astype(str)))
    order = np.random.default_rng(1).permutation(len(frame))
    ends = (np.cumsum(list(SHARES.values())) * len(frame)).round().astype(int)
    parts = np.split(order, ends[:-1])
    return Table(
        "tumours", frame, {name: frame.iloc[part] for name, part in zip(SHARES, parts, strict=True)}
    )


def from_csv(path: Path, site: str) -> Table:
    """Return any table, dealt out by the column that names the hospital.

    Parameters
    ----------
    path : Path
        A CSV file with a header: UTF-8, UTF-16 or Windows-1252, parted by one of `DELIMITERS`.
    site : str
        Its column that names the hospital; it is left out of what the hospitals load.
    """
    text = _text(path)
    header = text.lstrip("\n").split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=header.count)
    try:
        frame = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, sep=delimiter)
    except ValueError as error:
        words = " ".join(str(error).split())
        sys.exit(f"{path} cannot be read as CSV: {words}")
    if site not in frame.columns:
        sys.exit(f"{path} has no column {site}; it has {', '.join(frame.columns)}")
    if not 1 <= frame[site].nunique() <= MOST_HOSPITALS:
        sys.exit(
            f"The column {site} of {path} names {frame[site].nunique()} hospitals; name one with "
            f"1 to {MOST_HOSPITALS}, since each becomes a process on this machine"
        )
    ids: dict[str, str] = {}
    for name in frame[site].unique():
        plain = _identifier(name)
        ids[name] = plain if plain not in ids.values() else f"{plain}-{len(ids)}"
    sites = frame[site].map(ids)
    table = _numbered(frame.drop(columns=site))
    return Table(
        _identifier(path.stem).replace("-", "_").replace(".", "_"),
        table,
        {hospital: table[sites == hospital] for hospital in sorted(ids.values())},
        delimiter,
    )


def _text(path: Path) -> str:
    """Read a file in the first encoding that has all its bytes; Windows-1252 has almost any."""
    try:
        data = path.read_bytes()
    except OSError as error:
        sys.exit(f"{path} cannot be read: {error.strerror}")
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf_16 else ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return data.decode(encoding).replace("\r\n", "\n")
    sys.exit(f"{path} is no text in UTF-8, UTF-16 or Windows-1252; save it as CSV in UTF-8")


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    numbered = frame.copy()
    numbered.insert(0, PATIENT, [str(number) for number in range(1, len(frame) + 1)])
    return numbered


def _identifier(text: str) -> str:
    """Write a name as an id of a network: lower case, digits, dots, dashes; a letter first."""
    plain = re.sub(r"[^a-z0-9.-]+", "-", text.lower()).strip("-.")
    return plain if plain[:1].isalpha() else f"site-{plain}".strip("-")
