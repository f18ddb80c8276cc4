"""Stewards of two hospitals share records on their pages, in a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.browser import CHROMIUM, Camera, browsing, fill_login, heading
from support.desk import DeskHome
from support.sharing_desks import Desks, listed
from wardnet.sharing.deidentification import Band, Keep, Patient, Period, Span
from wardnet_node.desk.shares.state import State

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed here")

WHY = "Forty of your patients have moved to us; we go on with their treatment."


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    """Give two hospitals that know each other."""
    return Desks(tmp_path)


@contextmanager
def at(home: DeskHome, steward: str) -> Iterator[Page]:
    """Give a browser in which a steward is signed in, at the shares."""
    with home.serving() as address, browsing(address) as page:
        fill_login(page, steward)
        page.get_by_role("link", name="Shares").click()
        heading(page, "Shares")
        yield page


def ask(desks: Desks, artefacts: Path) -> None:
    """Let southport's steward ask, one field wrong at first."""
    with listed(), at(desks.south, "carla") as page:
        camera = Camera(page, artefacts, start="south-asks")
        camera.take("none")
        page.get_by_role("link", name="Ask another hospital").click()
        page.get_by_role("button", name="Continue").click()
        heading(page, "Ask northside for stays")
        camera.take("form")
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("alert")).to_contain_text("Please look at these fields again")
        camera.take("wrong")
        for name in ("age", "admitted", "diagnosis", "sex"):
            page.get_by_label(name, exact=True).check()
        page.get_by_label("What for").fill(WHY)
        page.get_by_label("Only these patients").fill(
            "\n".join(f"N{1000 + number:05}" for number in range(40))
        )
        page.get_by_label("own numbers").check()
        page.get_by_role("button", name="Continue").click()
        heading(page, "Sign this request")
        camera.take("sign")
        page.get_by_role("button", name="Sign and ask").click()
        expect(page.get_by_role("status")).to_contain_text("You have asked.")
        camera.take("asked")


def decide(desks: Desks, artefacts: Path) -> None:
    """Let northside's steward look, narrow, and sign."""
    with at(desks.north, "anna") as page:
        camera = Camera(page, artefacts, start="north-decides")
        camera.take("inbox")
        page.get_by_role("link", name="Read and decide").click()
        expect(page.get_by_text("WITH the patients' own numbers.")).to_be_visible()
        camera.take("request")
        page.get_by_role("link", name="Look at what would leave").click()
        heading(page, "What would leave")
        expect(page.get_by_text("3 rows as they would leave")).to_be_visible()
        expect(page.locator("main")).not_to_contain_text("N01000")
        camera.take("preview")
        page.get_by_label("What becomes of age").select_option("bands as wide as …")
        page.get_by_label("What becomes of admitted").select_option("only the month")
        page.get_by_label("What becomes of sex").select_option("leave it out")
        page.get_by_label("age points to a person").check()
        page.get_by_label("Smallest group").fill("3")
        page.get_by_label("Numbers of the patients").select_option("leave as they are")
        page.get_by_label("For how many hours").fill("9")
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_role("alert")).to_contain_text("Please look at these fields again")
        camera.take("wrong")
        page.get_by_label("Number for age").fill("10")
        page.get_by_label("For how many hours").fill("1")
        page.get_by_label("Obligations").fill("Tell us what becomes of them.")
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_text("LEAVES as it is")).to_be_visible()
        camera.take("narrowed")
        page.get_by_role("button", name="Continue").click()
        heading(page, "Sign this grant")
        camera.take("sign")
        page.get_by_role("button", name="Sign the grant").click()
        expect(page.get_by_role("status")).to_contain_text("You have granted it.")
        expect(page.get_by_alt_text("QR picture of the link")).to_be_visible()
        camera.take("granted")


def use(desks: Desks, artefacts: Path) -> None:
    """Let another of southport's stewards open the parcel."""
    with at(desks.south, "dora") as page:
        camera = Camera(page, artefacts, start="south-opens")
        page.get_by_role("table").get_by_role("link", name="stays").click()
        camera.take("fetched")
        page.get_by_role("button", name="Open the parcel").click()
        expect(page.get_by_role("status")).to_contain_text("The records are in your vault as")
        camera.take("opened")
        page.get_by_role("link", name="Shares").first.click()
        expect(page.get_by_text("in your vault now")).to_be_visible()
        camera.take("lent")
        page.set_viewport_size({"width": 400, "height": 850})
        page.goto(f"/shares/{desks.newest(desks.south).digest}")
        camera.take("on-a-telephone")
        assert page.locator("html").evaluate("element => element.scrollWidth") <= 400


def take_back(desks: Desks, artefacts: Path) -> None:
    """Let another of northside's stewards end it."""
    with at(desks.north, "ben") as page:
        camera = Camera(page, artefacts, start="north-ends")
        page.get_by_role("table").get_by_role("link", name="stays").click()
        page.get_by_role("link", name="Take it back").click()
        page.get_by_label("Reason").fill("They have gone to another hospital.")
        camera.take("reason")
        page.get_by_role("button", name="Continue").click()
        camera.take("sign")
        page.get_by_role("button", name="Sign and take back").click()
        expect(page.get_by_role("status")).to_contain_text("You have taken it back.")
        camera.take("ended")


def test_stewards_ask_grant_open_and_take_back(desks: Desks, artefacts: Path) -> None:
    """From one hospital's request to the other's revocation, by clicks alone."""
    ask(desks, artefacts)
    desks.carry()
    decide(desks, artefacts)
    grant = desks.newest(desks.north).grant
    assert grant is not None
    assert {item.name: item.rule for item in grant.deidentification.columns} == {
        "admitted": Period(Span.MONTH),
        "age": Band("10"),
        "diagnosis": Keep(),
    }
    assert grant.deidentification.patient is Patient.KEEP
    assert grant.obligations == ("Tell us what becomes of them.",)
    desks.carry()
    desks.send()
    use(desks, artefacts)
    desks.carry()
    assert desks.newest(desks.north).state is State.OPENED
    take_back(desks, artefacts)
    desks.carry()
    assert desks.newest(desks.south).state is State.REVOKED
