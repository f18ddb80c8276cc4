"""What to look at first in a drafted dictionary: columns that may tell of patients."""

import re
from collections.abc import Mapping
from typing import Final

from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.profile import Profile

_NUMBERING: Final = re.compile(
    r"(?i)(^|_)(nr|no|num|fall|case|record|pat|patient|pid|id)(_|$)|(nummer|number|nr|id)$"
)
_LONG_LEVEL: Final = 40
_WORDS: Final = 5
"""A level that is longer, or has as many words, may be a sentence that somebody wrote."""

_FEWEST: Final = 20
"""Values that are all different by accident, at most."""

_LONG_NUMBER: Final = 2.0**45
"""From here on not every decimal fraction has a double of its own."""


def doubts(dictionary: Dictionary, profiles: Mapping[str, Profile]) -> Mapping[str, str]:
    """Return what to look at, as a sentence by the column's name.

    Parameters
    ----------
    dictionary : Dictionary
        As drafted.
    profiles : Mapping of str to Profile
        By the dictionary's names.
    """
    found = ((column.name, _doubt(column, profiles[column.name])) for column in dictionary.columns)
    return {name: sentence for name, sentence in found if sentence}


def _doubt(column: Column, seen: Profile) -> str:
    match column.type:
        case ColumnType.INTEGER if _numbers_records(column, seen):
            return (
                f"{column.name} looks like a record number. Make its type identifier, which is "
                "never shared; when it names the patient, draft again with --patient."
            )
        case ColumnType.CATEGORY if any(map(_is_free_text, column.levels)):
            return (
                f"{column.name} looks like free text, and its levels would be published. Make its "
                "type text, which is never shared, unless everybody may read every level."
            )
        case ColumnType.REAL if max(abs(seen.low), abs(seen.high)) >= _LONG_NUMBER:
            return (
                f"{column.name} has numbers of so many digits that only the first 15 are kept. "
                "Make its type identifier when they are record numbers."
            )
        case _:
            return ""


def _numbers_records(column: Column, seen: Profile) -> bool:
    many = seen.texts is None
    return many and bool(_NUMBERING.search(column.name) or (seen.unique and seen.count > _FEWEST))


def _is_free_text(level: str) -> bool:
    return len(level) > _LONG_LEVEL or len(level.split()) >= _WORDS
