"""Attacker: somebody in the hospital's own network, who sends the stewards' page what no page does.

Without a login the page must not work for him, lead anywhere else, or stop the daemon behind it.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.desk import Browser, DeskHome
from support.pki import TestNetwork
from wardnet.errors import CATALOGUE, Reason

OUTDATED = CATALOGUE[Reason.FORM_OUTDATED].sentence
DOCUMENT = b"Contract of the hospital with the university. " * 50_000
"""More than what is usually kept in memory."""


@pytest.fixture
def home(tmp_path: Path) -> DeskHome:
    """Give a hospital with one waiting study and two stewards."""
    folder = tmp_path / "home"
    folder.mkdir()
    return DeskHome(TestNetwork(), folder)


@pytest.fixture
def browser(home: DeskHome) -> Iterator[Browser]:
    """Give a browser that is not signed in."""
    with home.browsing() as browser:
        yield browser


@pytest.mark.parametrize(
    ("charset", "value"),
    [
        ("punycode", b"-" + b"ab9" * 70_000),
        ("raw_unicode_escape", b"\\ud800"),
        ("utf-7", b"+2AA-"),
    ],
)
def test_a_form_in_strange_letters_is_not_read(
    browser: Browser, charset: str, value: bytes
) -> None:
    """One such form kept the daemon from all other work for seconds; others were half letters."""
    browser.open("/login")
    body = b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n%b\r\n--x--\r\n' % value
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    response = browser.client.post("/login", content=body, headers={"content-type": kind})
    assert response.status_code == 409
    assert OUTDATED in response.text


@pytest.mark.parametrize("path", ["/login/", "/log/", "/nothing/"])
def test_no_page_leads_to_the_host_that_a_request_names(browser: Browser, path: str) -> None:
    """Whoever makes a browser send another name does not send it there."""
    response = browser.client.get(path, headers={"host": "evil.example"})
    assert response.status_code == 404
    assert "evil" not in response.text + str(response.headers)


def test_a_document_is_nowhere_on_the_disk(
    browser: Browser, home: DeskHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its digest is taken in memory: a folder for temporary files is not encrypted."""
    used: list[object] = []
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", used.append)
    browser.follow(browser.sign_in())
    page = f"/studies/{home.study.digest}/narrow"
    browser.open(page)
    response = browser.client.post(
        page, data={"token": browser.token}, files={"documents": ("contract.pdf", DOCUMENT)}
    )
    assert response.status_code == 422
    assert "contract.pdf" in response.text
    assert used == []
