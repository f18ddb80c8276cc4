"""Deciding at the stewards' page: what is signed is what was shown, by whom it must be."""

import json
import re
from dataclasses import replace
from html import unescape

from support.desk import Browser, DeskHome, code, hidden
from support.page import REFUSED, accept, page_of, state, words
from support.pki import PASSPHRASE
from wardnet import canonical
from wardnet.agreement import agreement as agreements
from wardnet_node.desk.study_state import State


def test_what_is_signed_is_what_was_shown(anna: Browser, home: DeskHome) -> None:
    """The bytes in the catalog are those whose text and digest stood on the page."""
    anna.open(page_of(home))
    confirm = anna.send(f"{page_of(home)}/accept").headers["location"]
    page = anna.open(confirm)
    match = re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert match is not None
    shown = canonical.encode(json.loads(unescape(match[1])))
    assert anna.send(confirm).status_code == 303
    with home.decisions() as decisions:
        agreement = decisions.study(home.study.digest).agreement
        (statement,) = decisions.unsent()
    assert agreement is not None
    assert shown == agreements.to_bytes(agreement) == statement.envelope.payload
    assert agreement.digest in page
    assert home.study.digest in page


def test_what_was_shown_is_signed_once(anna: Browser, home: DeskHome) -> None:
    """A confirmation works once: going back in the browser signs nothing."""
    anna.open(page_of(home))
    confirm = anna.send(f"{page_of(home)}/accept").headers["location"]
    anna.open(confirm)
    assert anna.send(confirm).status_code == 303
    assert anna.send(confirm).status_code == 409
    assert anna.get(confirm).status_code == 409


def test_what_changed_meanwhile_is_not_signed(anna: Browser, home: DeskHome) -> None:
    """When another steward has signed since the page was shown, it must be shown again."""
    anna.open(page_of(home))
    confirm = anna.send(f"{page_of(home)}/accept").headers["location"]
    anna.open(confirm)
    with home.decisions() as decisions:
        narrowed = replace(decisions.draft(home.study.digest), quota=7)
        decisions.accept(home.study.digest, stewards=[home.steward("ben")], narrowed=narrowed)
    response = anna.send(confirm)
    assert "somebody has decided meanwhile; look at it again" in words(response.text)
    with home.decisions() as decisions:
        agreement = decisions.study(home.study.digest).agreement
    assert agreement == narrowed


def test_another_steward_s_confirmation_is_nobody_else_s(anna: Browser, home: DeskHome) -> None:
    """The address of a confirmation is worth nothing in another session."""
    anna.open(page_of(home))
    confirm = anna.send(f"{page_of(home)}/accept").headers["location"]
    anna.client.cookies.clear()
    anna.follow(anna.sign_in("ben"))
    assert anna.get(confirm).status_code == 409


def test_a_study_is_declined_with_a_reason(anna: Browser, home: DeskHome) -> None:
    """The reason is needed, shown, signed and logged."""
    anna.open(f"{page_of(home)}/decline")
    assert anna.send(f"{page_of(home)}/decline", {"reason": "  "}).status_code == 422
    response = anna.send(f"{page_of(home)}/decline", {"reason": "Not our patients."})
    assert "Not our patients." in anna.follow(response)
    page = anna.follow(anna.send(response.headers["location"]))
    assert "You have declined" in page
    assert state(home) is State.DECLINED
    assert "study declined" in words(anna.open("/log?type=study_declined"))


def test_allowing_again_needs_a_second_steward(anna: Browser, home: DeskHome) -> None:
    """After a revocation one steward is not enough, nor is she twice, nor a wrong code."""
    assert accept(anna, home).status_code == 303
    anna.open(f"{page_of(home)}/revoke")
    response = anna.send(f"{page_of(home)}/revoke", {"reason": "An error."})
    anna.follow(response)
    anna.send(response.headers["location"])
    assert state(home) is State.REVOKED
    alone = accept(anna, home)
    assert alone.status_code == 403
    assert "two different stewards" in alone.text
    anna.token = hidden(alone.text)
    confirm = alone.url.path
    herself = {"steward": "anna", "password": PASSPHRASE, "code": code(later=30)}
    assert "two different stewards" in anna.send(confirm, herself).text
    other = {"steward": "ben", "password": PASSPHRASE, "code": "000000"}
    assert REFUSED in words(anna.send(confirm, other).text)
    assert state(home) is State.REVOKED
    assert anna.send(confirm, {**other, "code": code()}).status_code == 303
    assert state(home) is State.AGREED


def test_a_steward_who_asks_cannot_approve(home: DeskHome) -> None:
    """A study that names anna among its people cannot be signed by her alone."""
    person = replace(home.study.people[0], id="anna")
    own = replace(home.study, people=(*home.study.people, person))
    with home.decisions() as decisions:
        home.propose(decisions, own)
    with home.browsing() as browser:
        browser.follow(browser.sign_in())
        browser.open(f"/studies/{own.digest}")
        confirm = browser.send(f"/studies/{own.digest}/accept").headers["location"]
        browser.open(confirm)
        response = browser.send(confirm)
    assert response.status_code == 403
    assert "who did not request it" in response.text
