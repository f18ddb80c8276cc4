"""A study as a TOML file that researchers fill in, with a word on every field."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Final, TypeAlias

from pydantic import ValidationError

from wardnet import clock
from wardnet.agreement.purpose import LABELS, VOCABULARY, Modifier, Permission
from wardnet.agreement.study import ADAPTER, Study
from wardnet.errors import Reason, WardnetError

Toml: TypeAlias = "int | str | Sequence[str] | Mapping[str, Toml] | Sequence[Mapping[str, Toml]]"
"""What is written."""

_Loaded: TypeAlias = "str | float | datetime | date | time | list[_Loaded] | dict[str, _Loaded]"
"""What is read."""

_HEADER: Final = """\
# A study: what you propose to the hospitals, ordered by the Five Safes.
#
# Fill in what is empty and shorten what you do not need: stewards, who are no researchers, read
# this file and decide on it. Each may accept it, narrow it or decline. The order within a list
# does not matter.
"""


def _codes(codes: type[Permission] | type[Modifier]) -> str:
    return "\n".join(f"  {code}  {code.name:4}  {LABELS[code]}" for code in codes)


NOTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "version": "Of this file's layout.",
        "network": "Whose hospitals are asked.",
        "not_after": "When the study ends: nothing is asked from then on. A date, or a moment.",
        "project": "SAFE PROJECT: what you want to find out, and why.",
        "project.title": "One line.",
        "project.summary": "In plain language: who does what, why, and what it is good for.",
        "project.ethics": (
            "Reference of the ethics approval; empty only where none is needed.\n"
            f"It is needed where the purpose holds {Modifier.IRB}."
        ),
        "project.purpose": (
            f"In the words of GA4GH's Data Use Ontology (DUO), release {VOCABULARY}."
        ),
        "project.purpose.vocabulary": "Release of the ontology.",
        "project.purpose.permission": f"One of\n{_codes(Permission)}",
        "project.purpose.diseases": (
            f"For {Permission.DS} only: which diseases, as in "
            '["MONDO:0005267"]. Kinds of a disease are\nnamed one by one.'
        ),
        "project.purpose.modifiers": f"Restrictions and duties that you take on, any of\n"
        f"{_codes(Modifier)}",
        "people": (
            "SAFE PEOPLE: everybody who may ask. A person's organisation answers for them; the\n"
            "key is the fingerprint of their signing key."
        ),
        "people.id": "Within the network.",
        "people.organisation": "Its id within the network.",
        "people.key": "SHA-256 of the public key, 64 hexadecimal characters.",
        "data": "SAFE DATA: what you look at. Ask for no more than you need.",
        "data.dataset": "Which table.",
        "data.dictionary": "Digest of the dictionary that you have read.",
        "data.columns": "All columns that your queries look at, those of cohorts included.",
        "setting": "SAFE SETTING: where it is computed.",
        "setting.mode": 'How sums travel: "clear" is the only mode of this version.',
        "setting.hospitals": "Whom you ask to take part.",
        "setting.minimum_hospitals": (
            "Fewest hospitals that an answer may rest on. Fewer than all means that the part of\n"
            "one can be told from the difference of two answers; hospitals may ask for more."
        ),
        "output": "SAFE OUTPUT: what comes out.",
        "output.methods": "How answers are computed.",
        "output.methods.name": "As in `wardnet query --help`.",
        "output.methods.version": "Of the method.",
        "output.minimum_patients": "Fewest patients that an answer describes, at least 10.",
        "output.quota": "Most queries.",
    }
)
"""What a person should know about each field, by its place."""


_EMPTY: Final = "it is empty; fill it in"


def write(study: Study) -> str:
    """Return a study as a file."""
    return write_draft(ADAPTER.dump_python(study, mode="json"))


def write_draft(draft: Mapping[str, Toml]) -> str:
    """Return a file to fill in.

    Parameters
    ----------
    draft : Mapping
        The fields of a study as in its JSON; what the researcher must fill in is empty text, which
        `read` refuses.
    """
    return "\n".join([_HEADER, *_lines(draft, "")]) + "\n"


def read(text: str, *, path: str) -> Study:
    """Read a file.

    Parameters
    ----------
    text : str
        Its content.
    path : str
        Its name, for messages.

    Raises
    ------
    WardnetError
        `STUDY_INVALID`, naming the file, the field and the rule.
    """
    try:
        document = _in_order(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, OverflowError, RecursionError) as error:
        raise _invalid(path, "the document", str(error)) from None
    try:
        return ADAPTER.validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        rule = _EMPTY if first["input"] == "" else first["msg"]
        raise _invalid(path, _field(document, first["loc"]), rule) from None


def _lines(table: Mapping[str, Toml], place: str) -> Iterator[str]:
    """Yield plain values first, then a section per table and per list entry."""
    for key, value in table.items():
        if _is_plain(value):
            yield from _note(place + key)
            yield f"{key} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from ("", *_note(place + key), f"[{place}{key}]")
            yield from _lines(value, f"{place}{key}.")
        elif not _is_plain(value) and isinstance(value, Sequence):
            yield from ("", *_note(place + key))
            yield from _entries(value, place + key)


def _entries(entries: Sequence[str | Mapping[str, Toml]], place: str) -> Iterator[str]:
    """Yield the tables of a list, explaining their fields once."""
    for number, entry in enumerate(entries):
        if not isinstance(entry, str):
            lines = _lines(entry, f"{place}.")
            yield f"[[{place}]]"
            yield from lines if number == 0 else (line for line in lines if line[0] != "#")


def _note(place: str) -> list[str]:
    return [f"# {line}" for line in NOTES.get(place, "").splitlines()]


def _is_plain(value: Toml) -> bool:
    if isinstance(value, str | int):
        return True
    return not isinstance(value, Mapping) and all(isinstance(entry, str) for entry in value)


def _value(value: Toml) -> str:
    """Write a value; a JSON string is a TOML basic string once DEL is escaped."""
    if isinstance(value, str) and "\n" in value:
        return '"""\n' + "\n".join(_text(line)[1:-1] for line in value.split("\n")) + '"""'
    return _text(value)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _in_order(value: "_Loaded") -> "_Loaded":
    """Return a TOML value as JSON holds it: lists in their one order, times as moments."""
    match value:
        case dict():
            return {key: _in_order(inner) for key, inner in value.items()}
        case list():
            return sorted((_in_order(entry) for entry in value), key=_key)
        case datetime():
            return clock.to_moment(value if value.tzinfo else value.replace(tzinfo=UTC))
        case date():
            return clock.to_moment(datetime.combine(value, time(), UTC))
        case time():
            return value.isoformat()
        case _:
            return value


_ORDER: Final = ("id", "organisation", "name", "key", "version")
"""Fields by which tables in a list are sorted."""


def _key(entry: "_Loaded") -> tuple[str, ...]:
    if not isinstance(entry, dict):
        return (str(entry),)
    values = (entry.get(field, "") for field in _ORDER)
    return tuple(f"{value:09}" if isinstance(value, int) else str(value) for value in values)


def _field(document: "_Loaded", place: Sequence[int | str]) -> str:
    """Name a place in the document; an entry of a list by its own name, for lists were sorted."""
    words: list[str] = []
    inner = document
    for part in place:
        if isinstance(inner, list) and isinstance(part, int):
            inner = inner[part]
            words.append(_name(inner))
        else:
            inner = inner.get(str(part), "") if isinstance(inner, dict) else ""
            words.append(str(part))
    return ".".join(words) or "the document"


def _name(entry: "_Loaded") -> str:
    return str(entry.get("id", entry.get("name", ""))) if isinstance(entry, dict) else str(entry)


def _invalid(path: str, field: str, rule: str) -> WardnetError:
    return WardnetError(Reason.STUDY_INVALID, path=path, field=field, rule=rule)
