"""Who comes to the desk as an auditor: granted by a steward, invited once, and ended at once."""

from datetime import timedelta

import pytest

from support.auditors import PASSWORD, accept, code_of, entries, grant, invite, olga
from support.desk import Browser, DeskHome
from support.questions import key
from wardnet import clock
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.scope import Scope
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Role
from wardnet_node.desk import accounts
from wardnet_node.desk.stewards import FOLDER


def test_a_grant_that_is_taken_back_ends_at_once(stranger: Browser, home: DeskHome) -> None:
    """In the session that is open, and at the door."""
    grant(home)
    secret = accept(home, invite(home))
    stranger.follow(stranger.sign_in("olga", password=PASSWORD, digits=code_of(secret)))
    with home.room() as room:
        room.grants.revoke("olga", stewards=[home.steward("anna")])
    assert stranger.get("/log").status_code == 403
    assert stranger.get("/reports/studies").status_code == 403
    stranger.client.cookies.clear()
    again = stranger.sign_in("olga", password=PASSWORD, digits=code_of(secret, later=30))
    assert again.status_code == 403
    with home.room() as room, pytest.raises(WardnetError) as caught:
        room.accounts.invite("olga", steward=home.steward("anna"))
    assert caught.value.reason is Reason.AUDIT_NOT_GRANTED


def test_an_account_is_for_the_key_that_was_granted(stranger: Browser, home: DeskHome) -> None:
    """Another key under the same name is another person until she is invited herself."""
    grant(home)
    secret = accept(home, invite(home))
    grant(home, of=home.network.credentials(Role.AUDITOR, "omar"))
    refused = stranger.sign_in("olga", password=PASSWORD, digits=code_of(secret))
    assert refused.status_code == 403
    assert key(olga(home)) != key(home.network.credentials(Role.AUDITOR, "omar"))


def test_an_invitation_works_once_and_for_a_week(
    stranger: Browser, home: DeskHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds the code later, or types another, gets no password; it is logged."""
    grant(home)
    form = {"steward": "olga", "password": PASSWORD, "again": PASSWORD}
    stranger.open("/welcome")
    assert stranger.send("/welcome", {**form, "code": "aaaa-bbbb"}).status_code == 403
    code = invite(home)
    stranger.open("/welcome")
    assert (
        "not the same both times"
        in stranger.send("/welcome", {**form, "code": code, "again": "x"}).text
    )
    stranger.open("/welcome")
    assert (
        "too short"
        in stranger.send(
            "/welcome", {**form, "code": code, "password": "short", "again": "short"}
        ).text
    )
    stranger.open("/welcome")
    assert "otpauth://" in stranger.send("/welcome", {**form, "code": code}).text
    with home.room() as room, pytest.raises(WardnetError) as caught:
        room.accounts.accept("olga", code=code, password=PASSWORD)
    assert caught.value.reason is Reason.LOGIN_REFUSED
    late = invite(home)
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + accounts.INVITED + timedelta(seconds=1))
    with home.room() as room, pytest.raises(WardnetError) as caught:
        room.accounts.accept("olga", code=late, password=PASSWORD)
    assert caught.value.reason is Reason.LOGIN_REFUSED
    refused = [item for item in entries(home) if item.type is EventType.AUDITOR_LOGIN]
    assert {item.outcome for item in refused} == {Outcome.REFUSED}
    assert code.replace("-", "") not in str(entries(home))


def test_a_new_invitation_ends_the_old_password(stranger: Browser, home: DeskHome) -> None:
    """And signs her out where she is signed in."""
    grant(home)
    secret = accept(home, invite(home))
    stranger.follow(stranger.sign_in("olga", password=PASSWORD, digits=code_of(secret)))
    invite(home)
    assert stranger.get("/log").headers["location"] == "/login"
    later = stranger.sign_in("olga", password=PASSWORD, digits=code_of(secret, later=30))
    assert later.status_code == 403


def test_a_steward_s_name_is_never_an_auditor_s(stranger: Browser, home: DeskHome) -> None:
    """Who is both decides as a steward and does not audit herself under the same name."""
    grant(home)
    secret = accept(home, invite(home))
    home.network.settle(home.home / FOLDER / "olga", Role.STEWARD, "olga").seal("totp", b"x" * 20)
    refused = stranger.sign_in("olga", password=PASSWORD, digits=code_of(secret))
    assert refused.status_code == 403


def test_a_steward_grants_in_plain_words_and_signs_what_she_saw(
    stranger: Browser, home: DeskHome
) -> None:
    """Wrong fields are named, the scope is said in sentences, and only the second step signs."""
    stranger.follow(stranger.sign_in())
    stranger.open("/auditors/new")
    wrong = stranger.send("/auditors/new", {"auditor": "", "key": "x", "until": "2001-01-01"})
    assert wrong.status_code == 422
    assert wrong.text.count('class="wrong"') == 3
    form = {
        "auditor": "Olga",
        "key": key(olga(home)),
        "until": (clock.now() + timedelta(days=9)).date().isoformat(),
        "datasets": "cardiology",
        "kinds": ["query_answer", "log_read"],
        "scope_since": "2026-01-31",
        "patients": "1",
    }
    shown = stranger.send("/auditors/new", form).text
    assert "about the dataset cardiology;" in shown
    assert "from 31 January 2026 on;" in shown
    assert EventType.AUDITOR_GRANTED not in {item.type for item in entries(home)}
    page = stranger.follow(stranger.send("/auditors/new", {**form, "sure": "1"}))
    assert "olga may read the log from now on." in page
    with home.room() as room:
        (granted,) = room.grants.list()
    assert granted.grant.scope == Scope(
        datasets=("cardiology",),
        kinds=(EventType.LOG_READ, EventType.QUERY_ANSWER),
        since="2026-01-31T00:00:00.000Z",
        patients=True,
    )
    asked = stranger.send("/auditors/olga/revoke").text
    assert "Sign that olga may not read the log any more" in asked
    page = stranger.follow(stranger.send("/auditors/olga/revoke", {"sure": "1"}))
    assert "taken back" in page
