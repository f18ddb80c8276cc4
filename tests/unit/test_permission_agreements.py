"""Which agreement holds: the newest, of this hospital, as signed, and no wider than its study."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.permission import refusals, under
from support.studies import (
    AGREEMENT,
    AT,
    STUDY,
    VIEW,
    changed,
    held,
    later,
    resting_on,
)
from wardnet.errors import Reason


def test_an_agreement_ends_at_its_moment() -> None:
    """A query under way is not released from that moment on."""
    ends = AT + timedelta(hours=1)
    request, view = under(replace(AGREEMENT, until=later(hours=1)))
    assert refusals(request, view, at=ends - timedelta(milliseconds=1), started=AT) == []
    assert refusals(request, view, at=ends, started=AT) == [(Reason.AGREEMENT_ENDED, "")]


def test_only_the_highest_revision_holds() -> None:
    """An older agreement does not come back, not even when the newer one is revoked."""
    newer = replace(AGREEMENT, revision=2)
    both = replace(VIEW, agreements=(held(newer), held()))
    assert refusals(view=both) == [(Reason.AGREEMENT_SUPERSEDED, "")]
    assert refusals(resting_on(newer), both) == []
    revoked = replace(both, revoked=frozenset({newer.digest}))
    assert refusals(view=revoked) == [(Reason.AGREEMENT_SUPERSEDED, "")]


def test_the_revision_of_another_study_supersedes_nothing() -> None:
    """Revisions are counted for each study."""
    other = changed(STUDY, "project.title", "Another study")
    newer = replace(AGREEMENT, study=other.digest, revision=7)
    assert refusals(view=replace(VIEW, agreements=(held(), held(newer, study=other)))) == []


@pytest.mark.parametrize("field", ["hospital", "network"])
def test_the_agreement_of_another_hospital_is_none(field: str) -> None:
    """A signed agreement of hospital b, brought here, allows nothing here."""
    assert refusals(*under(changed(AGREEMENT, field, "b"))) == [(Reason.AGREEMENT_MISSING, "")]


def test_an_agreement_edited_in_the_database_is_not_found() -> None:
    """Its digest is computed from what it says."""
    edited = replace(VIEW, agreements=(held(replace(AGREEMENT, quota=49)),))
    assert refusals(view=edited) == [(Reason.AGREEMENT_MISSING, "")]


def test_an_agreement_wider_than_its_study_does_not_hold() -> None:
    """What a steward signed by mistake allows nothing either."""
    assert refusals(*under(replace(AGREEMENT, quota=51, columns=("age", "name", "sex")))) == [
        (Reason.AGREEMENT_TOO_WIDE, "columns"),
        (Reason.AGREEMENT_TOO_WIDE, "quota"),
    ]


def test_an_agreement_kept_with_another_study_does_not_hold() -> None:
    """The agreement names the one study that it answers."""
    swapped = replace(VIEW, agreements=(held(study=changed(STUDY, "output.quota", 60)),))
    assert refusals(view=swapped) == [(Reason.AGREEMENT_TOO_WIDE, "study")]
