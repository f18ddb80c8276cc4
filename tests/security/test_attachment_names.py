"""The name of an attachment cannot leave its folder, hide what it says, or pass for another."""

import time
import unicodedata
from itertools import chain

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.sealing.names import check_names

BAD = {
    "../../etc/passwd": "climbs",
    "..": "is the folder above",
    ".": "is the folder",
    "/etc/passwd": "is absolute",
    "a/b.pdf": "names a folder",
    "a\\b.pdf": "names a folder on Windows",
    "C:a.pdf": "names a drive",
    "a.pdf:hidden": "names a stream",
    "~/a.pdf\n": "has a line's end",
    "a\0.pdf": "ends early in C",
    "a\x1b[2J.pdf": "clears a terminal",
    "a\u0085.pdf": "has a control character",
    "": "is empty",
    " a.pdf": "begins with a space",
    "a.pdf ": "ends with a space",
    ".bashrc": "hides",
    "a.pdf.": "loses its dot on Windows",
    "con": "is a device",
    "NUL.pdf": "is a device",
    "com1 .tar.gz": "is a device",
    "a" * 256: "is a byte too long",
    "é" * 128: "is a byte too long in UTF-8",
    "a" * 10_000: "is 10 kB long",
    "a\u202efdp.exe": "turns its direction",
    "a\u2066b\u2069.pdf": "isolates a direction",
    "a\u200b.pdf": "has a space of no width",
    "a\u200d.pdf": "has a joiner",
    "a\ufeff.pdf": "has a byte order mark",
    "a\u00ad.pdf": "has a soft hyphen",
    "a\u00a0b.pdf": "has another space",
    "a\u2028b.pdf": "has a line separator",
    "a\u2215b.pdf": "has a division slash",
    "a\u2044b.pdf": "has a fraction slash",
    "a\uff0fb.pdf": "has a full-width slash",
    "a\u2024pdf": "has a one dot leader",
    "a\u2025pdf": "has a two dot leader",
    "\uff41.pdf": "has a full-width letter",
    "\U0001d41a.pdf": "has a mathematical letter",
    "\ufb01le.pdf": "has a ligature",
    "r\u0435port.pdf": "has a Cyrillic letter among Latin ones",
    "rep\u03bfrt.pdf": "has a Greek letter among Latin ones",
    "report.\u0440df": "has a Cyrillic letter in its ending",
    "\u0261ait.pdf": "has a phonetic letter",
    "wait\u01c3.pdf": "has a click letter",
    "a\u0338.pdf": "has an overlaid stroke",
    "\u05b0.pdf": "begins with a mark",
    "a\u034f.pdf": "has an unseen mark",
    "\u1780\u17b5.pdf": "has an unseen vowel",
    "a\u0301.pdf": "is not composed",
    "e\u0323\u0332\u0331\u0330.pdf": "stacks marks",
    "\u0661.pdf": "has another script's digit",
    "\u2603.pdf": "has a picture",
    "\ue000.pdf": "has a private character",
    "\ud800.pdf": "has half a character",
    "\U000e0041.pdf": "has a tag",
    "\ufe0f.pdf": "has a variation selector",
    "\u3164.pdf": "has a filler",
    "\u115f.pdf": "has a filler",
    "a|b.pdf": "is a pipe",
    "a?.pdf": "is a pattern",
    "a*.pdf": "is a pattern",
    'a".pdf': "ends a quotation",
    "<a>.pdf": "is markup",
    "rows.parquet": "is the rows",
    "Rows.PARQUET": "is the rows where case does not count",
}

GOOD = (
    "scan.dcm",
    "1.2.840.113619.2.55.3.604688119.969.1268071029.320.dcm",
    "Dr. Müller's letter (2), final & signed.pdf",
    "no ending",
    "Łódź.pdf",
    "ngựa.pdf",
    "Kısa özet.pdf",  # noqa: RUF001 - the Turkish letter is meant
    "отчёт 2024.pdf",
    "έκθεση.pdf",
    "レポート表.pdf",
    "报告.pdf",
    "보고서.pdf",
    "תוצאה.pdf",
    "نتيجة.pdf",
    "रिपोर्ट.pdf",
    "a" * 255,
)


@pytest.mark.parametrize("name", BAD, ids=BAD.values())
def test_a_misleading_name_is_refused_and_not_repeated(name: str) -> None:
    """The sentence says which attachment and what is wrong, at once and without the name."""
    began = time.perf_counter()
    with pytest.raises(WardnetError) as raised:
        check_names(["first.pdf", name])
    assert time.perf_counter() - began < 0.1
    assert raised.value.reason is Reason.ATTACHMENT_NAME
    assert raised.value.details["position"] == "2"
    assert len(name) < 4 or name not in str(raised.value)


@pytest.mark.parametrize("name", GOOD)
def test_an_ordinary_name_of_any_language_is_taken(name: str) -> None:
    """Hospitals name their files in their own script."""
    check_names([unicodedata.normalize("NFC", name)])


@pytest.mark.parametrize(
    ("one", "other"), [("a.pdf", "a.pdf"), ("a.pdf", "A.PDF"), ("straße", "STRASSE")]
)
def test_two_attachments_are_never_called_the_same(one: str, other: str) -> None:
    """Nor where the file system ignores case: one would overwrite the other."""
    with pytest.raises(WardnetError) as raised:
        check_names([one, other])
    assert "the same" in str(raised.value)


def test_no_character_that_is_taken_can_do_harm() -> None:
    """Unicode without the ideographs: letters, marks, ASCII digits, space, plain punctuation."""
    harmful = set('/\\:*?"<>|;\x7f')
    for character in map(chr, chain(range(0x3100), range(0xA000, 0xAC00), range(0xD7A4, 0x20000))):
        try:
            check_names([f"a{character}b"])
        except WardnetError:
            continue
        assert character not in harmful
        assert unicodedata.category(character)[0] in ("LNPSZ" if character.isascii() else "LM")
        assert unicodedata.normalize("NFKC", character) == character
