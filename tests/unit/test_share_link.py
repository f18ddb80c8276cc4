"""A share link names one share, strictly, and its picture shows just that."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardnet.errors import Reason, WardnetError
from wardnet.sharing import link
from wardnet.sharing.link import ShareLink

DIGEST = "5f" * 32
LINK = ShareLink("heartnet", "clinic-a", DIGEST)
TEXT = f"wardnet://share/heartnet/clinic-a/{DIGEST}"

NAMES = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,62}", fullmatch=True)


def test_a_link_is_a_network_an_owner_and_a_digest() -> None:
    """Nothing else stands in it: whoever finds it learns no secret."""
    assert LINK.text == TEXT
    assert ShareLink.parse(TEXT) == LINK


@given(network=NAMES, owner=NAMES, digest=st.binary(min_size=32, max_size=32))
def test_every_link_can_be_read_back(network: str, owner: str, digest: bytes) -> None:
    """The longest names fit as well."""
    made = ShareLink(network, owner, digest.hex())
    assert ShareLink.parse(made.text) == made


@pytest.mark.parametrize(
    ("hostile", "rule"),
    [
        ("", "does not start"),
        ("https://share/heartnet/clinic-a/" + DIGEST, "does not start"),
        ("WARDNET://share/heartnet/clinic-a/" + DIGEST, "does not start"),
        ("wardnet://node/heartnet/clinic-a/" + DIGEST, "does not start"),
        (TEXT + "\n", "characters that no link has"),
        (" " + TEXT, "characters that no link has"),
        (TEXT.replace("a", "\N{CYRILLIC SMALL LETTER A}"), "characters that no link has"),
        (TEXT + "\N{RIGHT-TO-LEFT OVERRIDE}", "characters that no link has"),
        (TEXT + "\x1b[2J", "characters that no link has"),
        (TEXT + "\x00", "characters that no link has"),
        (TEXT + "/", "three parts"),
        (TEXT + "/token", "three parts"),
        (f"wardnet://share/heartnet/{DIGEST}", "three parts"),
        (f"wardnet://share/heartnet/../{DIGEST}", "names are"),
        (f"wardnet://share/heartnet//{DIGEST}", "names are"),
        (f"wardnet://share/heartnet/Clinic-A/{DIGEST}", "names are"),
        (f"wardnet://share/heartnet/{'a' * 64}/{DIGEST}", "names are"),
        (f"wardnet://share/user@heartnet/clinic-a/{DIGEST}", "names are"),
        (TEXT + "?key=1", "64 hexadecimal"),
        (TEXT + "#key", "64 hexadecimal"),
        (TEXT[:-1], "64 hexadecimal"),
        (TEXT.upper().replace("WARDNET://SHARE/HEARTNET/CLINIC-A", TEXT[:33]), "64 hexadecimal"),
        (TEXT.replace("5f", "%5"), "64 hexadecimal"),
        (TEXT + "0" * 200, "longer than"),
    ],
)
def test_what_is_no_link_is_refused_by_its_rule(hostile: str, rule: str) -> None:
    """The sentence says which rule is broken, and repeats nothing of the text."""
    with pytest.raises(WardnetError, match=rule) as refused:
        ShareLink.parse(hostile)
    assert refused.value.reason is Reason.LINK_MALFORMED
    assert DIGEST[:8] not in str(refused.value)


@given(st.text(max_size=300))
def test_any_other_text_is_refused(text: str) -> None:
    """Nothing that somebody pastes breaks the command."""
    for pasted in (text, link.PREFIX + text):
        with pytest.raises(WardnetError) as refused:
            ShareLink.parse(pasted)
        assert refused.value.reason is Reason.LINK_MALFORMED


def modules_of_svg(drawn: str) -> set[tuple[int, int]]:
    """Return which modules (row, column) the SVG's pen makes black."""
    found, column, row = set[tuple[int, int]](), 0, 0
    path = re.search(r' d="([^"]+)"', drawn.rpartition("<path")[2])
    assert path is not None
    for step, x, y in re.findall(r"([Mmh])(-?[\d.]+)(?: ?(-?[\d.]+))?", path[1]):
        if step == "h":
            found |= {(row, column + offset) for offset in range(int(x))}
            column += int(x)
        else:
            column = int(x) + (column if step == "m" else 0)
            row = int(float(y) // 1) + (row if step == "m" else 0)
    return found


def modules_of_text(drawn: str) -> set[tuple[int, int]]:
    """Return which modules the block characters leave dark."""
    dark = {" ": (0, 1), "\N{UPPER HALF BLOCK}": (1,), "\N{LOWER HALF BLOCK}": (0,)}
    return {
        (2 * line + half, column)
        for line, text in enumerate(drawn.splitlines())
        for column, block in enumerate(text)
        for half in dark.get(block, ())
    }


def test_page_and_terminal_show_the_same_code() -> None:
    """Both draw the same modules, inside a quiet zone of four."""
    page, text = modules_of_svg(link.svg(LINK)), modules_of_text(link.terminal(LINK))
    size = max(row for row, _ in page) + 5
    assert page == {(row, column) for row, column in text if row < size}
    assert {min(row for row, _ in page), min(column for _, column in page)} == {4}


def test_another_link_is_another_picture() -> None:
    """The picture holds the link itself."""
    other = ShareLink("heartnet", "clinic-a", "60" + DIGEST[2:])
    assert modules_of_svg(link.svg(LINK)) != modules_of_svg(link.svg(other))


def test_the_picture_brings_nothing_from_elsewhere() -> None:
    """No script and no reference: it may stand in the stewards' page and be mailed."""
    drawn = link.svg(LINK)
    assert drawn.startswith("<svg ")
    assert drawn.replace("http://www.w3.org/2000/svg", "").count("http") == 0
    assert "script" not in drawn
    assert "href" not in drawn
