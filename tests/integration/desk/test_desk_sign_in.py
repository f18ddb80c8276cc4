"""Signing in at the stewards' page: who gets in, and what a session is worth."""

import pytest

from support.desk import Browser, DeskHome, code
from support.page import REFUSED, words
from support.pki import PASSPHRASE
from wardnet.errors import CATALOGUE, Reason
from wardnet_node.desk.web.web import COOKIE, LOGIN_RATE

OUTDATED = CATALOGUE[Reason.FORM_OUTDATED].sentence


@pytest.mark.parametrize(
    ("steward", "password", "digits"),
    [
        ("nobody", PASSPHRASE, ""),
        ("../anna", PASSPHRASE, ""),
        ("anna", "not her password at all", ""),
        ("anna", PASSPHRASE, "000000"),
        ("anna", PASSPHRASE, "\u0661\u0662\u0663\u0664\u0665\u0666"),
        ("", "", "x"),
    ],
)
def test_whatever_is_wrong_the_sentence_is_the_same(
    stranger: Browser, steward: str, password: str, digits: str
) -> None:
    """A name, a password and a code that are wrong cannot be told apart."""
    response = stranger.sign_in(steward, password=password, digits=digits)
    assert response.status_code == 403
    assert REFUSED in words(response.text)
    assert COOKIE not in response.cookies
    assert stranger.get("/").headers["location"] == "/login"


def test_ten_wrong_attempts_lock_a_name(stranger: Browser) -> None:
    """After ten wrong codes even the right one is refused, with the same sentence."""
    for _ in range(10):
        assert stranger.sign_in(digits="000000").status_code == 403
    assert REFUSED in words(stranger.sign_in().text)
    assert stranger.sign_in("ben").status_code == 303


def test_one_address_cannot_try_for_ever(stranger: Browser) -> None:
    """An address that tries too often is sent away before anything is looked at."""
    for number in range(LOGIN_RATE.times):
        assert stranger.sign_in(f"name{number}").status_code == 403
    response = stranger.sign_in()
    assert response.status_code == 429
    assert "Try again later" in response.text


def test_a_code_works_once(stranger: Browser) -> None:
    """Whoever looks over her shoulder cannot use the code again."""
    digits = code()
    assert stranger.sign_in(digits=digits).status_code == 303
    stranger.client.cookies.clear()
    assert stranger.sign_in(digits=digits).status_code == 403
    assert stranger.sign_in(digits=code(later=30)).status_code == 303


def test_a_session_is_new_at_every_login_and_gone_after_the_last(stranger: Browser) -> None:
    """The cookie is unreadable, of this host alone, another one each time, and dead afterwards."""
    first = stranger.sign_in()
    cookie = next(line for line in first.headers.get_list("set-cookie") if f"{COOKIE}=" in line)
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    old = stranger.client.cookies[COOKIE]
    assert len(old) >= 43
    stranger.client.cookies.delete("__Host-wardnet-login")
    page = stranger.client.get("/login")
    assert page.headers["location"] == "/"
    stranger.open("/")
    assert stranger.send("/logout").headers["location"] == "/login"
    stranger.client.cookies.set(COOKIE, old, domain="127.0.0.1")
    assert stranger.get("/").headers["location"] == "/login"
    stranger.sign_in(digits=code(later=30))
    assert old not in set(stranger.client.cookies.values())


def test_a_new_password_ends_every_session(anna: Browser, home: DeskHome) -> None:
    """Whoever had learned the old one is out at once; others stay."""
    with home.browsing() as other:
        other.follow(other.sign_in("ben"))
        with home.room() as room:
            room.stewards.change_password("anna", password=PASSPHRASE, new="a new long passphrase")
        assert anna.get("/").headers["location"] == "/login"
        assert other.get("/").status_code == 200


def test_a_login_form_of_another_page_does_nothing(stranger: Browser) -> None:
    """Nobody can be signed in under another name from outside."""
    form = {"token": "x", "steward": "anna", "password": PASSPHRASE, "code": code()}
    assert stranger.client.post("/login", data=form).status_code == 409
    stranger.open("/login")
    assert stranger.client.post("/login", data=form).status_code == 409
