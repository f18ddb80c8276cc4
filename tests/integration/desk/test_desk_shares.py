"""Shares at the stewards' page: what is signed is what was shown, by whom it must be."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path

import pytest

from support.desk import Browser, DeskHome
from support.page import words
from support.sharing_desks import STAYS, Desks, listed, shares, stays
from wardnet.errors import CATALOGUE, Reason
from wardnet.sharing.deidentification import Patient
from wardnet.sharing.request import Basis
from wardnet_node.desk.shares.asking import Wish
from wardnet_node.desk.shares.state import Share, State

OUTDATED = CATALOGUE[Reason.FORM_OUTDATED].sentence
SCRIPT = "<script>alert(1)</script>"
COLUMNS = ("admitted", "age", "diagnosis", "sex")


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    """Give two hospitals; southport has asked northside, with their numbers."""
    desks = Desks(tmp_path)
    wish = Wish(
        owner="northside",
        basis=Basis.TREATMENT,
        purpose=SCRIPT,
        columns=COLUMNS,
        patients=[row.record for row in stays()[:30]],
        identifiers=True,
        hours=2,
    )
    with shares(desks.south) as south:
        south.request(wish, dictionary=STAYS, stewards=[desks.south.steward("carla")])
    desks.carry()
    return desks


@contextmanager
def at(home: DeskHome) -> Iterator[Browser]:
    """Give a browser in which the first steward of a hospital is signed in."""
    with home.browsing() as browser:
        browser.follow(browser.sign_in(home.people[0]))
        yield browser


@pytest.fixture
def north(desks: Desks) -> Iterator[Browser]:
    """Give a browser of northside's steward."""
    with at(desks.north) as browser:
        yield browser


def page_of(share: Share) -> str:
    """Return the address of a share's page."""
    return f"/shares/{share.digest}"


def terms(**changes: str) -> dict[str, str]:
    """Return the form of a grant as it is shown at first, perhaps with other fields."""
    rules = {f"rule-{name}": "keep" for name in COLUMNS} | {f"value-{name}": "" for name in COLUMNS}
    fields = {"patient": "pseudonym", "hours": "2", "fetches": "1", "group": "", "where": ""}
    return (
        rules | fields | {"obligations": ""} | {name: str(value) for name, value in changes.items()}
    )


def granting(browser: Browser, share: Share, **changes: str) -> str:
    """Fill a grant in; return the address where it is signed."""
    browser.open(f"{page_of(share)}/grant")
    response = browser.send(f"{page_of(share)}/grant", terms(**changes))
    assert response.status_code == 303, words(response.text)
    return str(response.headers["location"])


def test_a_request_is_shown_in_plain_words_and_harms_nobody(north: Browser, desks: Desks) -> None:
    """What another hospital has written is text, wherever it stands."""
    share = desks.newest(desks.north)
    pages = ["/", "/shares", page_of(share), f"{page_of(share)}/grant", f"{page_of(share)}/decline"]
    texts = {path: north.open(path) for path in pages}
    assert "One request for records waits" in texts["/"]
    assert "WITH the patients' own numbers." in unescape(texts[page_of(share)])
    for path, text in texts.items():
        assert SCRIPT not in text, path
    assert SCRIPT in unescape(texts[page_of(share)])


def test_the_first_preview_shows_no_patient_s_number(north: Browser, desks: Desks) -> None:
    """Numbers leave only when a steward chooses so; then the preview shows them."""
    share = desks.newest(desks.north)
    numbers = {row.record for row in stays()}
    first = north.open(f"{page_of(share)}/grant")
    assert "3 rows as they would leave" in first
    assert not any(number in first for number in numbers)
    kept = north.send(f"{page_of(share)}/grant", terms(patient="keep", look="1")).text
    assert any(number in kept for number in numbers)
    assert desks.newest(desks.north).state is State.ASKED


def test_what_was_shown_is_granted_once(north: Browser, desks: Desks) -> None:
    """The grant holds what the form said; going back in the browser signs nothing."""
    share = desks.newest(desks.north)
    confirm = granting(north, share, **{"rule-sex": "drop", "obligations": "Ask us.\n\nTwice."})
    assert "Not given: sex." in words(north.open(confirm))
    assert north.send(confirm).status_code == 303
    grant = desks.newest(desks.north).grant
    assert grant is not None
    assert grant.columns == ("admitted", "age", "diagnosis")
    assert grant.obligations == ("Ask us.", "Twice.")
    assert grant.deidentification.patient is Patient.PSEUDONYM
    assert north.send(confirm).status_code == 409


def test_what_was_decided_meanwhile_is_said_and_nothing_signed(
    north: Browser, desks: Desks
) -> None:
    """Another steward was faster."""
    share = desks.newest(desks.north)
    confirm = granting(north, share)
    with shares(desks.north) as opened:
        opened.decline(share.digest, reason="No.", stewards=[desks.north.steward("ben")])
    north.open(confirm)
    response = north.send(confirm)
    assert response.status_code == 409
    assert "cannot do so with this share: it is declined" in words(response.text)
    assert desks.newest(desks.north).state is State.DECLINED


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hours": "3"}, "at most 2 as was asked for"),
        ({"hours": "nan"}, "at most 2 as was asked for"),
        ({"fetches": "0"}, "A whole number from 1 to 100 is needed"),
        ({"where": "age >"}, "cannot be understood"),
        ({"where": "record == 'N01000'"}, "Only these patients"),
        ({"rule-age": "band"}, "Write how wide"),
        ({"rule-age": "band", "value-age": "0.5"}, "must be a multiple of the resolution"),
        ({"rule-age": "prefix", "value-age": "1"}, "only a category has first letters"),
        ({"rule-sex": "nonsense"}, "sex"),
        ({"group": "5"}, "tick the columns"),
        ({f"rule-{name}": "drop" for name in COLUMNS}, "no column is left"),
        ({"obligations": "a\u202eb"}, "characters that are not shown"),
    ],
)
def test_a_field_that_is_wrong_is_named(
    north: Browser, desks: Desks, changes: dict[str, str], sentence: str
) -> None:
    """Nothing can be signed before it is put right, and what was filled in stays."""
    share = desks.newest(desks.north)
    north.open(f"{page_of(share)}/grant")
    response = north.send(f"{page_of(share)}/grant", terms(**changes))
    assert response.status_code == 422
    assert sentence.casefold() in words(response.text).casefold()


def test_a_form_of_another_page_does_nothing(north: Browser, desks: Desks) -> None:
    """A form without this session's token is refused, wherever it goes."""
    share = desks.newest(desks.north)
    confirm = granting(north, share)
    north.token = "x"
    actions = [f"{page_of(share)}/{name}" for name in ("grant", "decline", "revoke", "open")]
    for action in (confirm, "/shares/new", *actions):
        response = north.send(action, terms(reason="because"))
        assert response.status_code == 409, action
        assert OUTDATED in words(response.text)
    assert desks.newest(desks.north).state is State.ASKED


def test_another_session_s_confirmation_is_nobody_else_s(desks: Desks) -> None:
    """The address of a confirmation is worth nothing in another session."""
    share = desks.newest(desks.north)
    with desks.north.browsing() as ben:
        ben.follow(ben.sign_in("ben"))
        with at(desks.north) as anna:
            confirm = granting(anna, share)
        ben.open("/shares")
        assert ben.get(confirm).status_code == 409
        assert ben.send(confirm).status_code == 409
    assert desks.newest(desks.north).state is State.ASKED


@pytest.mark.parametrize(
    "path",
    ["/shares/abcdef", "/shares/abcdef/link.svg", "/shares/abcdef/grant", "/shares/abcdef/decline"],
)
def test_an_unknown_share_has_no_page(north: Browser, path: str) -> None:
    """It says where the known ones stand."""
    response = north.get(path)
    assert response.status_code == 404
    assert "wardnet-node share list" in words(response.text)


def test_the_picture_of_the_link_is_a_picture(north: Browser, desks: Desks) -> None:
    """It can do nothing but be looked at."""
    share = desks.newest(desks.north)
    response = north.get(f"{page_of(share)}/link.svg")
    assert response.headers["content-type"] == "image/svg+xml"
    assert f"wardnet://share/heartnet/northside/{share.digest}" in response.text


def test_asking_names_what_is_missing_and_then_asks(desks: Desks) -> None:
    """The other hospital gets exactly what was signed."""
    with listed(), at(desks.south) as south:
        assert "stays at northside" in south.open("/shares/new")
        south.open("/shares/new?of=northside stays")
        empty = south.send("/shares/new", {"of": "northside stays", "basis": "treatment"})
        assert empty.status_code == 422
        assert "At least one is needed." in words(empty.text)
        filled = {
            "of": "northside stays",
            "columns": ["age", "record", "nothing"],
            "basis": "treatment",
            "purpose": "To go on.",
            "patients": "N01001\n N01000 \n\n",
            "where": "age >= 18",
            "hours": "4",
        }
        confirm = south.send("/shares/new", filled).headers["location"]
        assert "2 by number, of those where age >= 18" in words(south.open(confirm))
        assert south.send(confirm).status_code == 303
    desks.carry()
    request = desks.newest(desks.north).request
    assert (request.columns, request.patients) == (("age",), ("N01000", "N01001"))
    assert (request.hours, request.identifiers, request.purpose) == (4, False, "To go on.")


def test_lent_records_are_opened_and_destroyed_at_the_page(desks: Desks) -> None:
    """The owner reads both receipts."""
    with at(desks.north) as north:
        share = desks.newest(desks.north)
        north.send(_opened(north, granting(north, share)))
    desks.carry()
    desks.send()
    with at(desks.south) as south:
        south.open(page_of(share))
        text = south.follow(south.send(f"{page_of(share)}/open"))
        assert "The records are in your vault as stays-from-northside-" in words(text)
        desks.carry()
        assert desks.newest(desks.north).state is State.OPENED
        confirm = south.get(f"{page_of(share)}/destroy").headers["location"]
        south.open(confirm)
        assert south.send(confirm).status_code == 303
    desks.carry()
    assert desks.newest(desks.north).state is State.DESTROYED


def _opened(browser: Browser, path: str) -> str:
    browser.open(path)
    return path
