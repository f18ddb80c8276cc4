"""How `wardnet audit` writes entries, proofs and reports for people; JSON keeps every value."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from wardnet import canonical
from wardnet.audit import checkpoint, note, tree
from wardnet.audit.bundle import Bundle, Proved
from wardnet.audit.entry import Entry
from wardnet.audit.export.row import row
from wardnet.audit.tree import Proof, leaf_hash
from wardnet.canonical import Json
from wardnet.client.printing.sheet import plain
from wardnet.command import shortened
from wardnet.errors import WardnetError

_WIDTH: Final = 100


def listed(entry: Entry) -> dict[str, Json]:
    """Return an entry as a line of a list."""
    cells: dict[str, str | None] = {
        "time": entry.time,
        "type": entry.type,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "who": entry.actor.subject,
        "operation": entry.operation,
        "dataset": entry.dataset,
        "study": entry.study,
    }
    return {
        "seq": entry.seq,
        **{name: plain(shortened(text or "")) for name, text in cells.items()},
    }


def described(entry: Entry) -> Iterator[str]:
    """Yield the lines of one entry whole: every field that says something."""
    fields = {name: value for name, value in row(entry).items() if value not in (None, "")}
    width = max(map(len, fields))
    for name, value in fields.items():
        text = f"{value}"
        if name == "time":
            text = text.replace("T", " ").replace("Z", " UTC")
        for number, line in enumerate(_lines(text)):
            yield f"{name if number == 0 else '':<{width}}  {plain(line)}".rstrip()


def path(bundle: Bundle, proved: Proved) -> Iterator[str]:
    """Yield the lines of the way from one entry of a verified bundle up to the signed root."""
    signed = checkpoint.parse(note.parse(bundle.checkpoint).text)
    proof = inclusion(bundle, proved)
    sides = tree.sides(proved.seq - 1, signed.size)
    yield f"Entry {proved.seq} of {signed.size}, and what stands beside it on the way up (SHA-256):"
    yield f"  entry  {leaf_hash(proved.data).hex()}"
    for side, neighbour in zip(sides, proof, strict=True):
        yield f"  {side:<5}  {neighbour.hex()}"
    yield f"  root   {signed.root.hex()}"
    yield f"Hashed was a zero byte and the entry's {len(proved.data)} bytes, which --json prints."
    yield "Upwards it is the byte 1, the left hash and the right one (RFC 9162, 2.1.1)."
    yield "The root is the one that the log has signed."


def inclusion(bundle: Bundle, proved: Proved) -> Proof:
    """Return the inclusion proof of one entry, computed where a complete bundle carries none."""
    if not bundle.complete:
        return proved.proof
    nodes: dict[tuple[int, int], bytes] = {}

    def read(level: int, position: int) -> bytes:
        return nodes[level, position]

    count = 0
    for count, item in enumerate(bundle.entries, start=1):
        leaf = nodes[0, count - 1] = leaf_hash(item.data)
        for level, position, made in tree.completed(read, count - 1, leaf):
            nodes[level, position] = made
    return tree.inclusion_proof(read, proved.seq - 1, count)


def tabled(columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> list[dict[str, Json]]:
    """Return the rows of a report as lines of a table, without the columns that say nothing."""
    said = [place for place in range(len(columns)) if any(line[place] != "" for line in rows)]
    return [
        {
            columns[place]: cell if isinstance(cell := line[place], int) else plain(shortened(cell))
            for place in said
        }
        for line in rows
    ]


def _lines(text: str) -> list[str]:
    """Break a long text; what is JSON, one name per line."""
    try:
        value = canonical.decode(text.encode()) if text.startswith(("{", "[")) else None
    except WardnetError:
        value = None
    if value is not None:
        text = json.dumps(value, indent=1, ensure_ascii=False)
    wrapped = (textwrap.wrap(line, _WIDTH, subsequent_indent=" ") for line in text.split("\n"))
    return [piece for lines in wrapped for piece in (lines or [""])]
