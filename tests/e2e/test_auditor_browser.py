"""An auditor at work, in a real browser, over a real node home."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.auditors import PASSWORD, accept, code_of, fill_busy
from support.auditors import grant as grant_her
from support.auditors import invite as invite_her
from support.browser import CHROMIUM, Camera, browsing, fill_login, heading, tab_to
from support.desk import DeskHome
from support.pki import TestNetwork
from support.questions import key
from wardnet import clock
from wardnet.audit.entry import EventType
from wardnet.identity.member import Role

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed here")


@pytest.fixture
def home(tmp_path: Path) -> DeskHome:
    """Give a hospital with a busy log."""
    folder = tmp_path / "home"
    folder.mkdir()
    home = DeskHome(TestNetwork(), folder)
    fill_busy(home)
    return home


@pytest.fixture
def page(home: DeskHome) -> Iterator[Page]:
    """Give a browser without JavaScript at the login; whatever it complains about fails."""
    with home.serving() as address, browsing(address) as page:
        yield page


def grant(page: Page, home: DeskHome, camera: Camera) -> None:
    """Let olga read everything, first with a fingerprint that is none."""
    page.get_by_role("link", name="Auditors").click()
    camera.take("auditors-none")
    page.get_by_role("link", name="Let an auditor read").click()
    page.get_by_label("Her name in the network").fill("olga")
    page.get_by_label("First day without the grant").fill(
        (clock.now() + timedelta(days=30)).date().isoformat()
    )
    page.get_by_label("Look for a patient by number").check()
    page.get_by_label("Fingerprint of her signing key").fill("12ab")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("Please look at these fields again")
    camera.take("grant-wrong")
    auditor = home.network.credentials(Role.AUDITOR, "olga")
    page.get_by_label("Fingerprint of her signing key").fill(key(auditor))
    page.get_by_role("button", name="Continue").click()
    heading(page, "Sign this grant")
    expect(page.get_by_text("Every entry of the access log.")).to_be_visible()
    camera.take("grant-confirm")
    page.get_by_role("button", name="Sign the grant").click()
    expect(page.get_by_role("status")).to_contain_text("olga may read the log from now on")


def invite(page: Page, camera: Camera) -> str:
    """Invite olga to the page; return the code that is shown once."""
    page.get_by_role("button", name="Invite olga to this page").click()
    camera.take("invited")
    code = page.locator("code.big").inner_text()
    page.get_by_role("button", name="Sign out").click()
    return code


def welcome(page: Page, camera: Camera, code: str) -> str:
    """Set olga's password; return the secret of her authenticator."""
    page.get_by_role("link", name="Set your password first").click()
    page.get_by_label("Your name in the network").fill("olga")
    page.get_by_label("Code of the invitation").fill(code)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    camera.take("welcome")
    page.get_by_role("button", name="Continue").click()
    heading(page, "Set your authenticator")
    camera.take("authenticator")
    secret = page.locator("code.big").inner_text()
    page.get_by_role("link", name="I have added it").click()
    return secret


def test_an_auditor_is_granted_invited_and_proves_an_entry(
    page: Page, home: DeskHome, artefacts: Path
) -> None:
    """From the steward's grant to the auditor's verdict, by clicks alone."""
    camera = Camera(page, artefacts)
    # 1. A steward grants and invites.
    fill_login(page, "anna")
    grant(page, home, camera)
    camera.take("auditors")
    code = invite(page, camera)
    # 2. The auditor sets her password and comes in; she sees nothing but the log.
    secret = welcome(page, camera, code)
    fill_login(page, "olga", password=PASSWORD, digits=code_of(secret))
    heading(page, "Access log")
    links = page.get_by_role("navigation", name="Pages", exact=True).get_by_role("link")
    assert links.all_inner_texts() == ["Access log", "Reports"]
    camera.take("log")
    prove(page, camera)
    report(page, camera)
    look_on_a_telephone(page, camera)
    # 3. Everything that she opened is in the log as her reading; the patient's number is not.
    readings = [data for data in stored(home) if EventType.LOG_READ.encode() in data]
    hers = [data for data in readings if b'"subject":"wardnet://heartnet/auditor/olga"' in data]
    assert len(hers) >= 15
    assert not any(b"P-4711" in data for data in hers)


def prove(page: Page, camera: Camera) -> None:
    """Find an answer and what proves it; check it with the wrong fingerprint, too."""
    page.get_by_label("What happened").select_option("query_answer")
    page.get_by_label("Method").fill("count")
    page.get_by_role("button", name="Search").click()
    camera.take("log-found")
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page.get_by_role("img", name="it leads to the signed root")).to_be_visible()
    camera.take("entry")
    page.get_by_role("button", name="Check this entry").click()
    expect(page.get_by_role("heading", name="Proven", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Not proven")).to_be_visible()
    camera.take("entry-checked")
    page.get_by_label("Fingerprint of the log").fill("00" * 32)
    page.get_by_role("button", name="Check this entry").click()
    expect(page.get_by_role("alert")).to_contain_text("It does not hold.")


def report(page: Page, camera: Camera) -> None:
    """Open every report, one about a patient, take a bundle along and check the whole log."""
    page.get_by_role("link", name="Reports").click()
    camera.take("reports")
    for name in ("Use per study", "Refusals", "Who read the log", "What deserves a look"):
        page.get_by_role("link", name=name).click()
        camera.take(name.lower().replace(" ", "-"))
        page.get_by_role("link", name="Reports").first.click()
    page.get_by_role("link", name="Accounting of disclosures").click()
    camera.take("disclosures-ask")
    page.get_by_label("Number of the patient").fill("P-4711")
    page.get_by_role("button", name="Make the report").click()
    assert "P-4711" not in page.url
    camera.take("disclosures")
    page.get_by_role("link", name="Access log").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Bundle").click()
    assert download.value.suggested_filename == "access-log.jsonl"
    page.get_by_role("button", name="Check all entries").click()
    heading(page, "The whole log was checked")
    camera.take("whole-log")


def look_on_a_telephone(page: Page, camera: Camera) -> None:
    """Nothing is wider than a narrow screen."""
    page.set_viewport_size({"width": 400, "height": 850})
    for place, name in (("/log", "log"), ("/log/40", "entry"), ("/reports/refusals", "report")):
        page.goto(place)
        camera.take(f"{name}-on-a-telephone")
        wide = page.locator("html").evaluate("element => element.scrollWidth")
        assert wide <= 400, place


def stored(home: DeskHome) -> list[bytes]:
    """Return the bytes of every entry."""
    with home.catalog() as catalog, catalog.reading() as connection:
        rows = connection.execute("SELECT entry FROM access_log").fetchall()
    return [bytes(data) for (data,) in rows]


def test_a_steward_takes_a_key_back_and_sees_damage(
    page: Page, home: DeskHome, artefacts: Path
) -> None:
    """Two things that until now only commands did, or the daemon's own log told."""
    camera = Camera(page, artefacts)
    for segment in (home.home / "vault" / "seg").iterdir():
        segment.unlink()
    fill_login(page, "anna")
    page.get_by_role("link", name="Datasets").click()
    expect(page.get_by_text("damaged")).to_be_visible()
    camera.take("damaged")
    page.get_by_role("link", name="Keys").click()
    page.get_by_label("Fingerprint of the key").fill(key(home.steward("ben")))
    page.get_by_label("Reason").fill("Ben's laptop was stolen.")
    camera.take("keys")
    page.get_by_role("button", name="Continue").click()
    heading(page, "Sign that you take this key back")
    camera.take("key")
    page.get_by_role("button", name="Sign and take the key back").click()
    expect(page.get_by_role("status")).to_contain_text("The key is taken back")
    expect(page.get_by_role("table")).to_contain_text("Ben's laptop was stolen.")


def test_an_auditor_needs_no_mouse(page: Page, home: DeskHome) -> None:
    """Signing in, searching, opening an entry and checking it: by the keyboard alone."""
    grant_her(home)
    secret = accept(home, invite_her(home))
    keyboard = page.keyboard
    for text in ("olga", PASSWORD, code_of(secret)):
        keyboard.type(text)
        keyboard.press("Tab")
    keyboard.press("Enter")
    heading(page, "Access log")
    tab_to(page, "Who", enter=False)
    keyboard.type("chloe")
    keyboard.press("Enter")
    tab_to(page, "Entry ")
    expect(page.get_by_role("img", name="it leads to the signed root")).to_be_visible()
    tab_to(page, "The path in full")
    expect(page.get_by_text("They are the same.")).to_be_visible()
    page.reload()
    tab_to(page, "Check this entry")
    expect(page.get_by_role("heading", name="Proven", exact=True)).to_be_visible()
