"""A steward at work, in a real browser, over a real node home."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.browser import CHROMIUM, Camera, browsing, fill_login, heading, tab_to
from support.desk import DeskHome, code
from support.pki import PASSPHRASE, TestNetwork
from wardnet_node.desk.study_state import State

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed here")


@pytest.fixture
def home(tmp_path: Path) -> DeskHome:
    """Give a hospital with one waiting study."""
    folder = tmp_path / "home"
    folder.mkdir()
    return DeskHome(TestNetwork(), folder)


@pytest.fixture
def page(home: DeskHome) -> Iterator[Page]:
    """Give a browser without JavaScript at the login; whatever it complains about fails."""
    with home.serving() as address, browsing(address) as page:
        yield page


def sign_in(page: Page, steward: str = "anna") -> None:
    """Sign in at the login."""
    fill_login(page, steward)
    heading(page, "Inbox")


def narrow(page: Page, camera: Camera) -> None:
    """Fill the limits in, one of them wrong at first, and go on."""
    page.get_by_role("link", name="Accept with limits of your own").click()
    camera.take("narrow")
    page.get_by_label("admitted in answers").uncheck()
    page.get_by_label("admitted to choose patients").uncheck()
    page.get_by_label("histogram").uncheck()
    page.get_by_label("Fewest patients in an answer").fill("5")
    page.get_by_label("Most questions").fill("40")
    page.get_by_label("Fewest hospitals in an answer").fill("4")
    page.get_by_label("Only these patients").fill("age >= 18 an sex == female")
    page.get_by_label("Conditions").fill("Send us the manuscript two weeks before publication.")
    page.get_by_label("Documents that you rest your decision on").set_input_files(
        {"name": "approval.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    )
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("Please look at these fields again")
    camera.take("narrow-wrong")
    page.get_by_label("Fewest patients in an answer").fill("20")
    page.get_by_label("Only these patients").fill("age >= 18")
    page.get_by_role("button", name="Continue").click()


def revoke(page: Page, camera: Camera) -> None:
    """Take the only agreement back."""
    page.get_by_role("link", name="Agreements").click()
    camera.take("agreements")
    page.get_by_role("link", name="Take back").click()
    page.get_by_label("Reason").fill("The ethics approval was withdrawn.")
    camera.take("revoke")
    page.get_by_role("button", name="Continue").click()
    camera.take("confirm-revoke")
    page.get_by_role("button", name="Sign and take back").click()
    expect(page.get_by_role("status")).to_contain_text("taken the agreement back")
    camera.take("revoked")


def look_around(page: Page, camera: Camera, study: str) -> None:
    """Open what is left to see."""
    for name in ("Studies", "Datasets", "Access log", "Health"):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        camera.take(name.lower().replace(" ", "-"))
    page.goto("/datasets/cardiology")
    camera.take("dataset")
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto(f"/studies/{study}")
    camera.take("study-on-a-telephone")


def test_a_steward_narrows_signs_and_takes_back(
    page: Page, home: DeskHome, artefacts: Path
) -> None:
    """From the login to a narrowed, signed agreement and its revocation, by clicks alone."""
    camera = Camera(page, artefacts)
    camera.take("login")
    sign_in(page)
    camera.take("inbox")
    # 1. She reads the study.
    page.get_by_role("link", name="Read and decide").click()
    heading(page, home.study.project.title)
    expect(page.get_by_role("heading", name="What could leak")).to_be_visible()
    camera.take("study")
    # 2. She narrows it, sees what she signs, and signs.
    narrow(page, camera)
    heading(page, "Sign this agreement")
    page.get_by_text("The exact text").click()
    camera.take("confirm")
    page.get_by_role("button", name="Sign the agreement").click()
    expect(page.get_by_role("status")).to_contain_text("You have signed the agreement")
    camera.take("agreed")
    with home.decisions() as decisions:
        agreement = decisions.study(home.study.digest).agreement
    assert agreement is not None
    assert agreement.columns == ("age", "chol", "sex", "smoker")
    assert (agreement.minimum_patients, agreement.quota) == (20, 40)
    assert [document.name for document in agreement.evidence] == ["approval.pdf"]
    assert "histogram" not in {method.name for method in agreement.methods}
    # 3. She takes it back.
    revoke(page, camera)
    with home.decisions() as decisions:
        assert decisions.study(home.study.digest).state is State.REVOKED
    # 4. She agrees again, with a second steward.
    page.get_by_role("link", name="Accept with limits of your own").click()
    page.get_by_role("button", name="Continue").click()
    camera.take("confirm-two")
    page.get_by_label("Name in the network").fill("ben")
    page.get_by_label("Password").fill(PASSPHRASE)
    page.get_by_label("Code").fill(code())
    page.get_by_role("button", name="Sign the agreement").click()
    expect(page.get_by_role("status")).to_contain_text("You have signed the agreement")
    # 5. She looks around, and leaves.
    look_around(page, camera, home.study.digest)
    page.get_by_role("button", name="Sign out").click()
    heading(page, "Sign in")
    page.goto("/agreements")
    heading(page, "Sign in")


def test_a_steward_needs_no_mouse(page: Page, home: DeskHome) -> None:
    """Signing in, reading, declining and signing that: by the keyboard alone."""
    keyboard = page.keyboard
    expect(page.get_by_label("Your name in the network")).to_be_focused()
    for text in ("anna", PASSPHRASE, code()):
        keyboard.type(text)
        keyboard.press("Tab")
    keyboard.press("Enter")
    heading(page, "Inbox")
    tab_to(page, "Read and decide")
    tab_to(page, "Decline")
    tab_to(page, "Reason", enter=False)
    keyboard.type("We have no such patients.")
    tab_to(page, "Continue")
    tab_to(page, "Sign and decline")
    expect(page.get_by_role("status")).to_contain_text("You have declined")
    with home.decisions() as decisions:
        assert decisions.study(home.study.digest).state is State.DECLINED
