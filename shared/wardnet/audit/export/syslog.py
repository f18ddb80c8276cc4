"""Entries as syslog messages (RFC 5424): each field is a parameter of structured data.

A message is for watching, the bundle is for proving: salt and sealed detail stay out, a value is
cut at 512 characters, and control characters are written as escapes, so that no value can begin a
line of its own at a receiver that writes lines.

References
----------
R. Gerhards, RFC 5424, 2009. RFC 5612: 32473 is the enterprise number for documentation; this
product has none of its own.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.export.row import row

FACILITY: Final = 13
"""Log audit."""

ELEMENT: Final = "wardnet@32473"
LONGEST_VALUE: Final = 512
"""Characters; so a message is far below the 65 507 bytes of a datagram."""

_CRITICAL: Final = 2
_ERROR: Final = 3
_WARNING: Final = 4
_NOTICE: Final = 5
_INFORMATIONAL: Final = 6
_SEVERITIES: Final = {Outcome.REFUSED: _WARNING, Outcome.FAILED: _ERROR}
_NOTABLE: Final = {
    EventType.KEY_REVOKED,
    EventType.STEWARD_REMOVED,
    EventType.PASSWORD_CHANGED,
    EventType.AUDITOR_GRANTED,
    EventType.DETAIL_ERASED,
}
"""Who may do what has changed, or what was known is gone."""

_NOT_SENT: Final = {"salt", "sealed_detail"}
_ESCAPED: Final = str.maketrans({'"': '\\"', "\\": "\\\\", "]": "\\]"})
_LARGEST_SEQUENCE: Final = 2**31 - 1
_BOM: Final = "\ufeff"


def message(entry: Entry) -> bytes:
    """Return an entry as one message, without a frame.

    Examples
    --------
    `<110>1 2026-01-31T08:15:00.000Z north wardnet - query_answer [wardnet@32473 seq="7" ...]`
    """
    header = (
        f"<{FACILITY * 8 + _severity(entry)}>1 {entry.time} {_printable(entry.node)} wardnet - "
        f"{entry.type.value[:32]}"
    )
    return f"{header} {_structured(entry)} {_BOM}{_sentence(entry)}".encode()


def write(entries: Iterable[Entry], stream: BinaryIO) -> None:
    """Write one message per line; none holds a line break."""
    stream.writelines(line + b"\n" for line in map(message, entries))


def _severity(entry: Entry) -> int:
    """Return how much it matters to whoever watches; of broken glass every attempt does."""
    if entry.type is EventType.BREAK_GLASS:
        return _CRITICAL
    usual = _NOTICE if entry.type in _NOTABLE else _INFORMATIONAL
    return usual if entry.outcome is None else _SEVERITIES.get(entry.outcome, usual)


def _structured(entry: Entry) -> str:
    turn = (entry.seq - 1) % _LARGEST_SEQUENCE + 1  # RFC 5424, 7.3.1: begins again after 2**31 - 1
    software, _, version = _value(entry.software_version).partition(" ")
    origin = f'[origin software="{software}" swVersion="{version}"]'
    return f'[{ELEMENT} {" ".join(_parameters(entry))}][meta sequenceId="{turn}"]{origin}'


def _parameters(entry: Entry) -> Iterator[str]:
    for name, value in row(entry).items():
        if value is not None and name not in _NOT_SENT:
            yield f'{name}="{_value(str(value))}"'


def _value(text: str) -> str:
    """Cut and escape the value of a parameter (RFC 5424, 6.3.3)."""
    cut = text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
    return _on_one_line(cut).translate(_ESCAPED)


def _sentence(entry: Entry) -> str:
    ending = " ".join(str(part) for part in (entry.outcome, entry.reason) if part)
    about = f" about {entry.dataset}" if entry.dataset else ""
    text = f"{entry.type.value.replace('_', ' ')} by {entry.actor.subject}{about}: {ending}"
    return _on_one_line(text[:LONGEST_VALUE].removesuffix(": "))


def _on_one_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _printable(uri: str) -> str:
    """Return who speaks: the member's id, in the printable ASCII that a host name may hold."""
    name = uri.rsplit("/", 1)[-1]
    return "".join(char for char in name if "!" <= char <= "~")[:255] or "-"
