"""The datasets, and what their last load found."""

from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet.question.dictionary import Dictionary
from wardnet_node.desk import words
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.web import Visitor
from wardnet_node.vault.tables import SnapshotRecord

router = APIRouter()


@dataclass(frozen=True, slots=True)
class ColumnQuality:
    """Show one column and what the last load found in it.

    Parameters
    ----------
    name, label, holds : str
        What it is.
    missing : int or None
        Rows without a value; None where it is not counted.
    share, before : float or None
        Share of such rows, 0 to 1: in this load and in the one before.
    adjusted : int
        Values that the dictionary's rules have changed.
    """

    name: str
    label: str
    holds: str
    missing: int | None
    share: float | None
    before: float | None
    adjusted: int


@router.get("/datasets")
async def datasets(visitor: Visitor) -> Response:
    """Show all datasets."""
    shown = await visitor.web.do(
        lambda room: [
            (item, dictionary.label if (dictionary := room.dictionary(item.name)) else "")
            for item in room.vault.datasets()
        ]
    )
    return visitor.page("datasets.html", datasets=shown)


@router.get("/datasets/{name}")
async def dataset(visitor: Visitor, name: str) -> Response:
    """Show one dataset with the quality report of its present snapshot."""
    dictionary, last, damage = await visitor.web.do(lambda room: _look(room, name))
    columns = tuple(_column(column.name, dictionary, last) for column in dictionary.columns)
    return visitor.page(
        "dataset.html", dictionary=dictionary, last=last, columns=columns, damage=damage
    )


def _look(room: Room, name: str) -> tuple[Dictionary, SnapshotRecord | None, str]:
    dictionary = room.vault.adopted(name).dictionary
    snapshots = room.vault.snapshots(name)
    damage = next((item.damage for item in room.vault.datasets() if item.name == name), "")
    return dictionary, snapshots[-1] if snapshots else None, damage


def _column(name: str, dictionary: Dictionary, last: SnapshotRecord | None) -> ColumnQuality:
    column = next(item for item in dictionary.columns if item.name == name)
    quality = last.quality if last else None
    missing = quality.missing.get(name) if quality else None
    drift = quality.drift.get(name) if quality else None
    return ColumnQuality(
        name=name,
        label=column.label,
        holds=words.column(column),
        missing=missing,
        share=_share(missing, quality.stored) if quality else None,
        before=drift.before if drift else None,
        adjusted=sum(quality.adjusted.get(name, {}).values()) if quality else 0,
    )


def _share(number: int | None, of: int) -> float | None:
    return None if number is None or not of else number / of
