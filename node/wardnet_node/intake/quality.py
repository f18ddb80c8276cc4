"""The quality report of a load: counts only, and what changed since the last snapshot.

The report holds counts below ten and therefore stays at the hospital.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.canonical import Json
from wardnet.question.dictionary import STRICT
from wardnet_node.intake.batches import Batch


@dataclass(frozen=True, config=STRICT)
class Drift:
    """State how the share of missing values changed.

    Parameters
    ----------
    before, now : float
        Shares of rows without a value, 0 to 1: in the last snapshot and in this load.
    """

    before: float
    now: float


@dataclass(frozen=True, config=STRICT)
class Quality:
    """State what a load found.

    Parameters
    ----------
    read, stored, rejected : int
        Records of the file, rows that were stored, records that did not fit.
    rejects : dict of str to int
        Cells and records that did not fit, by rule.
    missing : dict of str to int
        Stored rows without a value, by column.
    adjusted : dict of str to dict of str to int
        Values that the dictionary's rules changed, by column and what was done.
    patients : int
        Distinct patients in the snapshot.
    drift : dict of str to Drift
        By column, where there is a snapshot to compare with.
    """

    read: int
    stored: int
    rejected: int
    rejects: dict[str, int]
    missing: dict[str, int]
    adjusted: dict[str, dict[str, int]]
    patients: int
    drift: dict[str, Drift]


_ADAPTER: Final = TypeAdapter(Quality)


class Tally:
    """Add up what batches report."""

    def __init__(self) -> None:
        self.stored = 0
        self.rejected = 0
        self._missing: Counter[str] = Counter()
        self._adjusted: Counter[tuple[str, str]] = Counter()

    def add(self, batch: Batch) -> None:
        """Add one batch."""
        self.stored += batch.rows
        self.rejected += batch.rejected
        self._missing.update(batch.missing)
        self._adjusted.update(batch.adjusted)

    def quality(
        self, *, rejects: Mapping[str, int], patients: int, last: Quality | None
    ) -> Quality:
        """Return the report, compared with that of the last snapshot."""
        adjusted: dict[str, dict[str, int]] = {}
        for (column, what), count in sorted(self._adjusted.items()):
            adjusted.setdefault(column, {})[what] = count
        return Quality(
            read=self.stored + self.rejected,
            stored=self.stored,
            rejected=self.rejected,
            rejects=dict(rejects),
            missing=dict(self._missing),
            adjusted=adjusted,
            patients=patients,
            drift={} if last is None else self._drift(last),
        )

    def _drift(self, last: Quality) -> dict[str, Drift]:
        return {
            column: Drift(last.missing[column] / last.stored, count / self.stored)
            for column, count in self._missing.items()
            if column in last.missing and last.stored and self.stored
        }


def by_column(quality: Quality, *, everything: bool) -> list[dict[str, Json]]:
    """Return the report as a table for people: a record per column.

    Parameters
    ----------
    quality : Quality
        Of one load.
    everything : bool
        Whether columns in which nothing is missing, adjusted or new are listed, too.
    """
    records = list[dict[str, Json]]()
    for column, missing in quality.missing.items():
        adjusted = quality.adjusted.get(column, {})
        drift = quality.drift.get(column)
        if everything or missing or adjusted or (drift and drift.before != drift.now):
            records.append(
                {
                    "column": column,
                    "missing": missing,
                    "share_missing": f"{missing / quality.stored:.1%}" if quality.stored else "",
                    "before": "" if drift is None else f"{drift.before:.1%}",
                    "adjusted": ", ".join(f"{count} {what}" for what, count in adjusted.items()),
                }
            )
    return records


def to_bytes(quality: Quality) -> bytes:
    """Return the canonical bytes that the catalog and the report file hold."""
    return canonical.write(_ADAPTER, quality)


def from_bytes(data: bytes) -> Quality:
    """Read canonical bytes."""
    return canonical.read(_ADAPTER, data)
