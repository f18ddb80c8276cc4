"""The report page in a real browser, on a screen and on paper."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, ViewportSize, sync_playwright

from support.busy_log import busy_log
from support.log_entries import COORDINATOR, TAG, digest, entry
from wardnet.audit.export.html import write
from wardnet.audit.report import About

CHROMIUM: Final = shutil.which("chromium")
SCREEN: Final[ViewportSize] = {"width": 1280, "height": 900}
PAPER: Final[ViewportSize] = {"width": 695, "height": 1000}
"""A4 without its margins, in CSS pixels."""

# Texts of figures that leave their figure, and tables that are wider than their place.
CUT_OFF: Final = """() => [
  ...[...document.querySelectorAll('svg')].flatMap(svg => {
    const box = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(text => {
      const own = text.getBoundingClientRect();
      return own.left < box.left - 1 || own.right > box.right + 1 || own.bottom > box.bottom + 1;
    }).map(text => text.textContent);
  }),
  ...[...document.querySelectorAll('.scroll')].filter(it => it.scrollWidth > it.clientWidth + 1)
    .map(it => it.closest('section').id),
]"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed here")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """Open the page about a busy log; whatever the browser complains about or loads fails."""
    coordinator = (entry(node=COORDINATOR, request_digest=digest(1)),)
    with (tmp_path / "report.html").open("wb") as stream:
        write(busy_log(), stream, About(patient=frozenset({TAG}), coordinator=coordinator))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: complaints.append(request.url))
        page.goto((tmp_path / "report.html").as_uri())
        yield page
        browser.close()
        assert complaints == [(tmp_path / "report.html").as_uri()]


def test_nothing_is_cut_off_on_a_screen(page: Page) -> None:
    """Every text of a figure is inside it, and every table inside its section."""
    page.set_viewport_size(SCREEN)
    assert page.evaluate(CUT_OFF) == []


def test_nothing_is_cut_off_on_paper(page: Page, tmp_path: Path) -> None:
    """Nor is it on A4, where nobody can scroll."""
    page.emulate_media(media="print")
    page.set_viewport_size(PAPER)
    assert page.evaluate(CUT_OFF) == []
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
