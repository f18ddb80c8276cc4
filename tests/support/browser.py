"""Chromium for tests: a page without JavaScript that complains about nothing, and a camera."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from support.desk import code
from support.pki import PASSPHRASE

CHROMIUM: Final = shutil.which("chromium")
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browsing(address: str) -> Iterator[Page]:
    """Give a page at an address; what the browser complains about fails, wrong fields aside."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = browser.new_context(
            base_url=address,
            ignore_https_errors=True,  # the page's certificate is its own
            java_script_enabled=False,
            locale="en-GB",
            viewport={"width": 1200, "height": 850},
        )
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto("/")
        yield page
        browser.close()
        assert [text for text in complaints if "422" not in text] == []


class Camera:
    """Take numbered pictures of whole pages.

    Parameters
    ----------
    page : Page
        Of the browser.
    folder : Path
        Where they are kept.
    start : str
        What their names begin with, where several cameras share a folder.
    """

    def __init__(self, page: Page, folder: Path, *, start: str = "") -> None:
        self._page = page
        self._folder = folder
        self._start = f"{start}-" if start else ""
        self._number = 0

    def take(self, name: str) -> None:
        """Take one."""
        self._number += 1
        self._page.wait_for_load_state()
        path = self._folder / f"{self._start}{self._number:02}-{name}.png"
        self._page.screenshot(path=path, full_page=True)


def fill_login(page: Page, name: str, *, password: str = PASSPHRASE, digits: str = "") -> None:
    """Fill the login in and send it."""
    page.get_by_label("Your name in the network").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Code").fill(digits or code())
    page.get_by_role("button", name="Sign in").click()


def heading(page: Page, text: str) -> None:
    """Expect a page."""
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def tab_to(page: Page, name: str, *, enter: bool = True) -> None:
    """Press Tab until something of this name has the focus, and Enter there."""
    page.wait_for_load_state()
    targets = page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name))
    folded = page.locator("summary", has_text=name)
    target = targets.or_(page.get_by_label(name)).or_(folded).first
    for _ in range(40):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            break
    else:
        pytest.fail(f"{name} cannot be reached by Tab")
    if enter:
        page.keyboard.press("Enter")
        page.wait_for_load_state()
