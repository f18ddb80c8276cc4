"""TOML files for people to edit: read with the place of every mistake, written readably."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from wardnet.errors import Reason, WardnetError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

T = TypeVar("T")
Toml: TypeAlias = (
    "bool | float | str | Sequence[str] | Mapping[str, Toml] | Sequence[Mapping[str, Toml]]"
)


_WORDS: Final[Mapping[str, str]] = {
    "missing": "it is needed",
    "unexpected_keyword_argument": "there is no such field; look at its spelling",
    "string_type": "it must be text in quotes",
    "int_type": "it must be a whole number without quotes",
    "float_type": "it must be a number without quotes",
    "bool_type": "it must be true or false, without quotes",
    "tuple_type": 'it must be a list such as ["a", "b"]',
    "dict_type": "it must be a section with fields of its own",
    "dataclass_type": "it must be a section with fields of its own",
}


def read(
    adapter: TypeAdapter[T],
    path: Path,
    *,
    patterns: Mapping[str, str],
    invalid: Reason = Reason.DICTIONARY_INVALID,
) -> T:
    """Read a file into a typed value, refusing unknown fields.

    Parameters
    ----------
    adapter : TypeAdapter
        Of the value's type.
    path : Path
        Of the file.
    patterns : Mapping of str to str
        What a text of a certain pattern must look like, in words.
    invalid : Reason
        What is raised for a mistake; its sentence names `path`, `field` and `rule`.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`, or `invalid` naming the file, the field and the rule.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WardnetError(
            Reason.FILE_UNREADABLE, file=str(path), rule=error.strerror or "it cannot be opened"
        ) from error
    except UnicodeDecodeError:
        raise _invalid(invalid, path, "the document", "it is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise _invalid(invalid, path, "the document", str(error)) from None
    try:
        return adapter.validate_json(json.dumps(document, default=str), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = _field(document, first["loc"])
        raise _invalid(invalid, path, field, _rule(first, patterns)) from None


def _rule(error: "ErrorDetails", patterns: Mapping[str, str]) -> str:
    """Return what a field breaks, in the words of those who write the file."""
    match error["type"]:
        case "string_pattern_mismatch":
            return f"it must be {patterns[error['ctx']['pattern']]}"
        case "enum":
            return error["msg"].replace("Input should be", "it must be")
        case "value_error":
            return error["msg"].removeprefix("Value error, ")
        case kind:
            return _WORDS.get(kind, "it has another form than this field")


def write(document: Mapping[str, Toml]) -> str:
    """Write a document: plain values first, then a section per table and per list entry."""
    return "\n".join(_lines(document, ())) + "\n"


def _lines(table: Mapping[str, Toml], place: tuple[str, ...]) -> Iterator[str]:
    for key, value in table.items():
        if not _is_section(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        inner = (*place, key)
        name = ".".join(_key(part) for part in inner)
        if isinstance(value, Mapping):
            yield from ("", f"[{name}]")
            yield from _lines(value, inner)
        elif _is_section(value) and isinstance(value, Sequence):
            for entry in value:
                yield from ("", f"[[{name}]]")
                yield from _lines(entry if isinstance(entry, Mapping) else {}, inner)


def _is_section(value: Toml) -> bool:
    if isinstance(value, str | bool | int | float):
        return False
    return isinstance(value, Mapping) or any(isinstance(entry, Mapping) for entry in value)


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else _value(key)


def _value(value: Toml) -> str:
    """Write a value; a JSON string is a TOML basic string once DEL is escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _field(document: Mapping[str, object], place: Sequence[int | str]) -> str:
    """Name a place by the column's own name rather than its number."""
    columns = document.get("columns")
    if len(place) > 1 and place[0] == "columns" and isinstance(columns, list):
        entry = columns[int(place[1])]
        name = entry.get("name") if isinstance(entry, dict) else None
        return ", ".join([f"column {name or int(place[1]) + 1}", *map(str, place[2:])])
    return ".".join(map(str, place)) or "the document"


def _invalid(reason: Reason, path: Path, field: str, rule: str) -> WardnetError:
    return WardnetError(reason, path=str(path), field=field, rule=rule)
