"""The shared part of a dictionary as a TOML file that a steward edits and publishes."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import (
    NAME_IN_WORDS,
    NAME_PATTERN,
    TOO_FINE,
    Action,
    Dictionary,
)
from wardnet_node.intake import toml

_ADAPTER: Final = TypeAdapter(Dictionary)
_HEADER: Final = """\
# The shared part of a dictionary. Edit it before you publish it: labels, units (UCUM), levels,
# bounds and resolutions are the same for the whole network, and every hospital can read them.
# A column of type identifier or text is never shared. out_of_bounds: reject, missing or clamp.

"""


def read(path: Path) -> Dictionary:
    """Read the shared part.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`, or `DICTIONARY_INVALID` naming the file, the field and the rule.
    """
    dictionary = toml.read(_ADAPTER, path, patterns={NAME_PATTERN: NAME_IN_WORDS})
    for column in dictionary.columns:
        if not column.exact:
            raise WardnetError(
                Reason.DICTIONARY_INVALID,
                path=str(path),
                field=f"column {column.name}",
                rule=TOO_FINE,
            )
    return dictionary


def write(dictionary: Dictionary, *, notes: Iterable[str] = ()) -> str:
    """Return the file's text; what is empty or usual is left out, and notes become comments."""
    columns = [
        {
            key: str(value) if key in {"type", "out_of_bounds"} else value
            for key, value in asdict(column).items()
            if value not in ("", (), Action.REJECT)
        }
        for column in dictionary.columns
    ]
    patient: dict[str, toml.Toml] = {"patient": dictionary.patient} if dictionary.patient else {}
    head: dict[str, toml.Toml] = {
        "name": dictionary.name,
        "version": dictionary.version,
        "label": dictionary.label,
    }
    comments = "".join(f"# {note}\n" for note in notes)
    return (
        _HEADER.rstrip("\n")
        + f"\n{comments}\n"
        + toml.write({**head, **patient, "columns": columns})
    )
