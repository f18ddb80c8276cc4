"""How `wardnet audit` writes entries, proofs and reports for people; JSON keeps every value."""

import json
import re
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
from wardnet.client.sheet import plain
from wardnet.errors import WardnetError

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)\.\d{3}Z")
_MEMBER: Final = re.compile(r"wardnet://[^/\s]+/(?=[a-z]+/\S)")
_DIGEST: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_KEY: Final = re.compile(r"\b[0-9a-f]{64}\b")
_WIDTH: Final = 100


def shortened(text: str) -> str:
    """Return a cell of a table: moments to the second, members without their network, short ids.

    Examples
    --------
    >>> shortened("2026-01-31T08:15:00.123Z"), shortened("wardnet://heartnet/node/north")
    ('2026-01-31 08:15:00 UTC', 'node/north')
    >>> shortened("ab" * 32)
    'abababababab…'
    """
    bare = _MEMBER.sub("", _MOMENT.sub(r"\1 \2 UTC", text))
    return plain(_DIGEST.sub("\\1\N{HORIZONTAL ELLIPSIS}", bare))


def grouped(text: str) -> str:
    """Write every fingerprint in a text in groups of four, as people read them to each other.

    Examples
    --------
    >>> grouped("compare " + "ab12" * 16)[:22]
    'compare ab12-ab12-ab12'
    """
    return _KEY.sub(lambda found: "-".join(textwrap.wrap(found[0], 4)), text)


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
    return {"seq": entry.seq, **{name: shortened(text or "") for name, text in cells.items()}}


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
            columns[place]: cell if isinstance(cell := line[place], int) else shortened(cell)
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
