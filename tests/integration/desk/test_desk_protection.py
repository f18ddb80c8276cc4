"""What the stewards' page gives to strangers, other pages and too much: nothing."""

import socket
import ssl
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from support.desk import Browser, DeskHome
from support.page import PAGES, page_of, state, words
from wardnet.errors import CATALOGUE, Reason, WardnetError
from wardnet.identity.member import Role
from wardnet.settings import load as load_settings
from wardnet_node.desk.study_state import State
from wardnet_node.desk.web import certificate
from wardnet_node.desk.web.guard import MAXIMUM_BODY, MAXIMUM_UPLOAD
from wardnet_node.desk.web.room import Room
from wardnet_node.settings import NodeSettings

OUTDATED = CATALOGUE[Reason.FORM_OUTDATED].sentence


@pytest.mark.parametrize("page", [*PAGES, "/studies/abcdef", "/confirm/x", "/studies/a/narrow"])
def test_nothing_is_shown_to_a_stranger(stranger: Browser, page: str) -> None:
    """Every page sends a browser without a session to the login."""
    response = stranger.get(page)
    assert (response.status_code, response.headers["location"]) == (303, "/login")
    assert response.text == ""


@pytest.mark.parametrize(
    "page",
    [
        "/login",
        "/",
        "/nothing",
        "/static/",
        "/static/desk.css",
        "/static/../app.py",
        "/log?before=x",
    ],
)
def test_every_answer_carries_the_same_protection(stranger: Browser, page: str) -> None:
    """No page, error or file can be framed, cached, sniffed, scripted from elsewhere."""
    headers = stranger.get(page).headers
    policy = headers["content-security-policy"]
    for rule in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert int(headers["strict-transport-security"].partition("=")[2]) >= 365 * 86400
    assert "server" not in headers


@pytest.mark.parametrize("page", ["/static/", "/static", "/static/..%2fapp.py", "/docs", "/.env"])
def test_nothing_else_is_served(anna: Browser, page: str) -> None:
    """Neither a listing, nor a file beside, nor the framework's own pages."""
    response = anna.client.get(page, follow_redirects=True)
    assert response.status_code == 404
    assert CATALOGUE[Reason.PAGE_UNKNOWN].sentence in words(response.text)


@pytest.mark.parametrize("token", ["", "x", "\u00e9"])
def test_a_form_of_another_page_does_nothing(anna: Browser, home: DeskHome, token: str) -> None:
    """A form without this session's token is refused, wherever it goes."""
    anna.open(page_of(home))
    anna.token = token
    for action in ("accept", "decline", "revoke", "narrow"):
        response = anna.send(f"{page_of(home)}/{action}", {"reason": "because"})
        assert response.status_code == 409
        assert OUTDATED in words(response.text)
    assert anna.send("/logout").status_code == 409
    assert state(home) is State.NEW


def test_a_form_that_is_too_large_is_not_read(anna: Browser, home: DeskHome) -> None:
    """Memory is not for whoever sends most."""
    anna.open(page_of(home))
    response = anna.send(f"{page_of(home)}/decline", {"reason": "x" * MAXIMUM_BODY})
    assert response.status_code == 413
    assert anna.get("/").status_code == 200


def test_only_the_one_form_may_be_large(stranger: Browser, anna: Browser, home: DeskHome) -> None:
    """Its size has an end too, and a file in another form is not read."""
    anna.open(page_of(home))
    large = {"documents": ("a.pdf", bytes(MAXIMUM_UPLOAD))}
    token = {"token": anna.token}
    answer = anna.client.post(f"{page_of(home)}/narrow", data=token, files=large)
    assert answer.status_code == 413
    anna.client.cookies.clear()
    assert stranger.client.post(f"{page_of(home)}/narrow", files=large).status_code == 303


def test_what_a_study_says_is_text(anna: Browser, home: DeskHome) -> None:
    """A title that is a script, and a reason that is one, stay text."""
    script = "<script>alert(1)</script>"
    with home.decisions() as decisions:
        home.propose(decisions, home.another_study(script))
    for page in ("/", "/studies"):
        assert script not in anna.open(page)
        assert script in unescape(anna.open(page))
    anna.open(page_of(home))
    confirm = anna.send(f"{page_of(home)}/decline", {"reason": script}).headers["location"]
    assert script not in anna.open(confirm)


def test_a_bug_shows_a_number_and_nothing_else(
    anna: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error's text, which may quote data, reaches neither the page nor the log."""

    def fail(_room: Room) -> None:
        message = "patient P-4711"
        raise RuntimeError(message)

    monkeypatch.setattr(Room, "health", fail)
    response = anna.get("/health")
    assert response.status_code == 500
    assert "Tell the operator the incident id" in response.text
    printed = "".join(capsys.readouterr())
    assert "page_failed" in printed
    assert "P-4711" not in response.text + printed
    assert "content-security-policy" in response.headers


def test_the_certificate_is_made_once_and_only_new_tls_is_spoken(home: DeskHome) -> None:
    """The fingerprint stays over restarts; the key is nowhere in clear; TLS 1.2 is refused."""
    settings = NodeSettings(address="localhost:1", desk_listen="127.0.0.1:0")
    first = certificate.load(home.home, home.keystore, settings).fingerprint
    with home.serving() as address:
        host, _, port = address.removeprefix("https://").partition(":")
        context = ssl.create_default_context(cafile=home.home / certificate.FILE_NAME)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection((host, int(port))) as plain, pytest.raises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname=host)
    assert certificate.load(home.home, home.keystore, settings).fingerprint == first
    for file in home.home.rglob("*"):
        assert not file.is_file() or b"PRIVATE KEY" not in file.read_bytes()


def test_the_hospital_s_own_certificate_is_used(home: DeskHome, tmp_path: Path) -> None:
    """A certificate and key from files are taken; a key that others can read is refused."""
    other = home.network.issue(replace(home.credentials.member, role=Role.COORDINATOR))
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(other.tls_chain_pem)
    key.write_bytes(other.tls_key_pem)
    key.chmod(0o600)
    text = f'address = "a:1"\ndesk_certificate = "{chain}"\ndesk_key = "{key}"\n'
    (home.home / "settings.toml").write_text(text)
    settings = load_settings(NodeSettings, home.home)
    assert certificate.load(home.home, home.keystore, settings).chain == other.tls_chain_pem
    assert not (home.home / certificate.FILE_NAME).exists()
    key.chmod(0o644)
    with pytest.raises(WardnetError) as refused:
        certificate.load(home.home, home.keystore, settings)
    assert refused.value.reason is Reason.FILE_MODE
    key.write_bytes(home.credentials.tls_key_pem)
    key.chmod(0o600)
    with pytest.raises(WardnetError) as wrong:
        certificate.load(home.home, home.keystore, settings)
    assert wrong.value.reason is Reason.WRONG_SETTING
