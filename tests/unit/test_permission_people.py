"""Who may ask: researchers whose keys were checked, and whose organisations answer for them."""

from dataclasses import replace

import pytest

from support.permission import refusals, under
from support.studies import (
    AGREEMENT,
    BOOK,
    REQUEST,
    STUDY,
    VIEW,
    changed,
    held,
    key,
    later,
    revocations,
)
from wardnet.agreement.revocation import Revoked
from wardnet.errors import Reason


def test_nobody_approves_what_they_asked_for() -> None:
    """A steward who is one of the researchers neither agrees to the study nor vouches for it."""
    people = (
        replace(STUDY.people[0], id="sam"),
        replace(STUDY.people[0], id="uma"),
    )
    study = changed(STUDY, "people", people)
    agreement = replace(AGREEMENT, study=study.digest)
    request, view = under(agreement, study=study)
    request = changed(request, "query.researcher", "sam")
    assert refusals(request, view) == [
        (Reason.APPROVAL_MISSING, ""),
        (Reason.RESEARCHER_NOT_VOUCHED, ""),
    ]
    another = replace(view, agreements=(held(agreement, study=study, approved_by={key("sue")}),))
    assert refusals(request, another) == [(Reason.RESEARCHER_NOT_VOUCHED, "")]


def test_a_key_that_was_checked_needs_no_one_to_vouch() -> None:
    """The hospital has compared ben's fingerprint itself."""
    request = replace(changed(REQUEST, "query.researcher", "ben"), key=key("ben"))
    nobody = replace(VIEW, agreements=(held(vouched_by=frozenset()),))
    assert refusals(request, nobody) == []


def test_an_organisation_that_cannot_sign_need_not_send_lists() -> None:
    """Its researchers were checked one by one, and the hospital itself takes their keys back."""
    alone = replace(BOOK.organisations[2], stewards=(), researchers=(key("ada"),))
    view = replace(VIEW, book=replace(BOOK, organisations=(*BOOK.organisations[:2], alone)))
    assert refusals(view=replace(view, lists={"b": revocations("b")})) == []
    revoked = replace(view, revoked=frozenset({key("ada")}))
    assert refusals(view=revoked) == [(Reason.KEY_REVOKED, "")]


def test_an_organisation_whose_node_can_sign_must_send_lists() -> None:
    """Without a steward its node still says what was taken back."""
    node = replace(
        BOOK.organisations[2], stewards=(), nodes=(key("node u"),), researchers=(key("ada"),)
    )
    view = replace(VIEW, book=replace(BOOK, organisations=(*BOOK.organisations[:2], node)))
    assert refusals(view=view) == []
    hidden = replace(view, lists={"b": revocations("b")})
    assert refusals(view=hidden) == [(Reason.REVOCATIONS_STALE, "")]


def test_a_hospital_whose_node_lost_its_key_takes_no_part() -> None:
    """Who speaks for it then is not known; a hospital that the book does not hold is not asked."""
    taken = Revoked(key("node b"), later(days=30))
    listed = {**VIEW.lists, "b": revocations("b", revoked=(taken,))}
    assert refusals(view=replace(VIEW, lists=listed)) == [(Reason.KEY_REVOKED, "")]
    ours = replace(VIEW, revoked=frozenset({key("node a")}))
    assert refusals(view=ours) == [(Reason.KEY_REVOKED, "")]


def test_a_hospital_needs_no_list_of_its_own() -> None:
    """What it has taken back it knows itself, and at once."""
    ours = replace(STUDY.people[0], organisation="a")
    study = changed(STUDY, "people", (ours,))
    agreement = replace(AGREEMENT, study=study.digest)
    request, view = under(agreement, study=study, vouched_by=frozenset({key("sue")}))
    assert refusals(request, replace(view, lists={"b": revocations("b")})) == []


def test_every_organisation_of_a_researcher_answers_for_them() -> None:
    """One that has taken the key back is not passed over for another."""
    twice = (replace(STUDY.people[0], organisation="b"), STUDY.people[0])
    study = changed(STUDY, "people", twice)
    agreement = replace(AGREEMENT, study=study.digest)
    signers = frozenset({key("bea"), key("uma")})
    request, view = under(agreement, study=study, vouched_by=signers)
    assert refusals(request, view) == []
    for organisation in ("b", "university"):
        taken = revocations(organisation, revoked=(Revoked(key("ada"), later(days=30)),))
        lists = {**view.lists, organisation: taken}
        assert refusals(request, replace(view, lists=lists)) == [(Reason.KEY_REVOKED, "")]


def test_what_an_organisation_takes_back_stops_its_researchers() -> None:
    """The organisation's list is enough, whoever forgets to tell the hospital's steward."""
    taken = tuple(sorted(Revoked(key(name), later(days=30)) for name in ("ada", "uma")))
    listed = revocations("university", revoked=taken)
    assert refusals(view=replace(VIEW, lists={**VIEW.lists, "university": listed})) == [
        (Reason.KEY_REVOKED, ""),
        (Reason.RESEARCHER_NOT_VOUCHED, ""),
    ]


def test_an_organisation_takes_nothing_of_others_back() -> None:
    """A list speaks for the people of its own organisation."""
    taken = tuple(sorted(Revoked(key(name), later(days=30)) for name in ("ada", "sam")))
    foreign = {**VIEW.lists, "b": revocations("b", revoked=taken)}
    assert refusals(view=replace(VIEW, lists=foreign)) == []


@pytest.mark.parametrize("hours", [-24.1, 24.1])
def test_a_list_that_is_too_old_or_from_the_future_is_hidden(hours: float) -> None:
    """A coordinator that holds lists back only stops the queries."""
    strange = {**VIEW.lists, "university": revocations("university", issued=later(hours=hours))}
    assert refusals(view=replace(VIEW, lists=strange)) == [(Reason.REVOCATIONS_STALE, "")]


def test_a_list_of_the_last_day_is_believed() -> None:
    """Up to 24 hours."""
    listed = {**VIEW.lists, "university": revocations("university", issued=later(hours=-24))}
    assert refusals(view=replace(VIEW, lists=listed)) == []
