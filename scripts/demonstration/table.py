"""The table of the demonstration and how it is dealt out over hospitals."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

PATIENT: Final = "patient"
"""The column that numbers the rows: here every row is a patient of its own."""

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
    """

    name: str
    pooled: pd.DataFrame
    hospitals: dict[str, pd.DataFrame]

    def write(self, folder: Path) -> tuple[Path, dict[str, Path]]:
        """Write the pooled file and one file per hospital; return their paths."""
        pooled = folder / f"{self.name}.csv"
        self.pooled.to_csv(pooled, index=False)
        parts = {hospital: folder / f"{hospital}.csv" for hospital in self.hospitals}
        for hospital, part in self.hospitals.items():
            part.to_csv(parts[hospital], index=False)
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
        A CSV file with a header.
    site : str
        Its column that names the hospital; it is left out of what the hospitals load.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read as CSV: {error}"
        raise SystemExit(message) from error
    if site not in frame.columns:
        message = f"{path} has no column {site}; it has {', '.join(frame.columns)}"
        raise SystemExit(message)
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
    )


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    numbered = frame.copy()
    numbered.insert(0, PATIENT, [str(number) for number in range(1, len(frame) + 1)])
    return numbered


def _identifier(text: str) -> str:
    """Write a name as an id of a network: lower case, digits, dots, dashes; a letter first."""
    plain = re.sub(r"[^a-z0-9.-]+", "-", text.lower()).strip("-.")
    return plain if plain[:1].isalpha() else f"site-{plain}".strip("-")
