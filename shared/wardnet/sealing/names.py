"""Names of attachments: what may be shown, and kept as a file, at any hospital.

A name comes from another hospital. It may not leave a folder, hide what it says, or look like
another one to the person who opens it.

References
----------
Unicode Technical Standard 39, Unicode Security Mechanisms, section 5.2 (restriction levels "ASCII
only" and "single script") and 5.1 (scripts that are written together). Unicode Standard Annex 15
(NFC, NFKC). Unicode Standard, 5.21 (ignorable characters).
"""

import unicodedata
from collections.abc import Iterable
from typing import Final

from wardnet.errors import Reason, WardnetError

ROWS: Final = "rows.parquet"
"""The first part of every parcel."""
MAXIMUM_BYTES: Final = 255
"""Of a name in UTF-8: what file systems allow."""

_PUNCTUATION: Final = frozenset(" !#$%&'()+,-.=@[]^_`{}~")
"""ASCII but letters and digits that no file system, shell path or archive reads as more."""
_DEVICES: Final = frozenset(
    {"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)
_LATIN: Final = (range(0x00C0, 0x0180), range(0x0218, 0x021C), range(0x1E00, 0x1F00))
"""Letters of languages; the phonetic ones beside them look like these."""
_UNSEEN: Final = frozenset(
    {0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, *range(0xFE00, 0xFE10)}
)
"""Letters and marks that show nothing (Default_Ignorable_Code_Point), where NFKC leaves them."""
_TOGETHER: Final = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "HANGUL": "CJK", "BOPOMOFO": "CJK"}


def check_names(names: Iterable[str]) -> None:
    """Refuse the attachments of a parcel if one of their names cannot be used.

    Raises
    ------
    WardnetError
        `ATTACHMENT_NAME`.
    """
    taken: set[str] = set()
    for position, name in enumerate(names, start=1):
        check(name, position=position, taken=taken)


def check(name: str, *, position: int, taken: set[str]) -> None:
    """Refuse a name that cannot be used.

    Parameters
    ----------
    position : int
        Which attachment, from 1: an error says this and never the name.
    taken : set of str
        What the names before are taken for; gains this one.

    Raises
    ------
    WardnetError
        `ATTACHMENT_NAME`.
    """
    rule = _broken(name)
    folded = unicodedata.normalize("NFKC", name).casefold()
    if not rule and (folded == ROWS or folded in taken):
        rule = "another part is called the same"
    if rule:
        raise WardnetError(Reason.ATTACHMENT_NAME, position=position, rule=rule)
    taken.add(folded)


def _broken(name: str) -> str:
    """Return the first rule that a name breaks, or nothing."""
    # 1. Bound the work.
    if not name or len(name) > MAXIMUM_BYTES:
        return f"it needs 1 to {MAXIMUM_BYTES} bytes"
    # 2. Only characters that are what they look like.
    if not all(_allowed(character) for character in name):
        return "only letters, digits, spaces and simple punctuation; no / or \\ and nothing unseen"
    if len(name.encode()) > MAXIMUM_BYTES:
        return f"it needs 1 to {MAXIMUM_BYTES} bytes"
    if unicodedata.normalize("NFKC", name) != name:
        return "a character in it has a simpler form"
    # 3. A name that every system takes for an ordinary file.
    if name.strip(" .") != name or unicodedata.category(name[0])[0] == "M":
        return "it begins or ends with a dot, a space or a mark without its letter"
    if name.partition(".")[0].rstrip().casefold() in _DEVICES:
        return "some systems take it for a device"
    # 4. One script, so that no letter stands in for another's.
    stem, dot, ending = name.rpartition(".")
    scripts = {_script(letter) for letter in (stem if dot else name) if _lettered(letter)}
    if len(scripts) > 1 or (dot and not ending.isascii()):
        return "letters of several scripts look alike; write it in one, its ending in Latin letters"
    return ""


def _allowed(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in _PUNCTUATION
    if ord(character) in _UNSEEN:
        return False
    return _lettered(character) and _script(character) not in {"COMBINING", "MODIFIER"}


def _lettered(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def _script(letter: str) -> str:
    """Return the script, as the first word of a character's name tells it."""
    word = unicodedata.name(letter, "COMBINING").partition(" ")[0].partition("-")[0]
    if word == "LATIN" and not letter.isascii():
        return word if any(ord(letter) in some for some in _LATIN) else "MODIFIER"
    return _TOGETHER.get(word, word)
