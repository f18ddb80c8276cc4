"""Lists of what an organisation takes back: signed by it, newer, and never shorter."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.studies import AGREEMENT, AT, BOOK, LISTED, key, later
from wardnet.agreement.revocation import RevocationList, Revoked, accept_list
from wardnet.errors import Reason, WardnetError


def receive(
    received: RevocationList,
    *,
    signers: tuple[str, ...] = ("bea",),
    held: RevocationList | None = LISTED,
    after: timedelta = timedelta(),
) -> RevocationList:
    """Let hospital a receive a list, some time after the present moment."""
    keys = {key(name) for name in signers}
    return accept_list(received, signers=keys, book=BOOK, held=held, at=AT + after)


def refusal(
    received: RevocationList, *, signer: str = "bea", after: timedelta = timedelta()
) -> tuple[Reason, str]:
    """Return why hospital a keeps the list that it holds."""
    with pytest.raises(WardnetError) as caught:
        receive(received, signers=(signer,), after=after)
    return caught.value.reason, caught.value.details["rule"]


@pytest.mark.parametrize("signer", ["bea", "node b"])
def test_an_organisation_signs_its_list_by_a_steward_or_its_node(signer: str) -> None:
    """The node keeps the list fresh while nobody is there."""
    assert receive(LISTED, signers=(signer,), held=None) == LISTED


@pytest.mark.parametrize(
    ("received", "signer"),
    [
        (LISTED, "coordinator"),
        (LISTED, "sam"),
        (LISTED, "ben"),
        (replace(LISTED, organisation="nowhere"), "bea"),
        (replace(LISTED, network="elsewhere"), "bea"),
    ],
    ids=["the coordinator", "another", "its researcher", "an unknown organisation", "elsewhere"],
)
def test_nobody_else_signs_it(received: RevocationList, signer: str) -> None:
    """The coordinator neither writes lists nor passes off one for another."""
    found, _ = refusal(received, signer=signer)
    assert found is Reason.SIGNATURE_INVALID


def test_the_same_list_may_come_again() -> None:
    """The coordinator re-sends what it has."""
    assert receive(LISTED) == LISTED


@pytest.mark.parametrize("epoch", [1, 6, 7])
def test_an_older_list_does_not_replace_a_newer_one(epoch: int) -> None:
    """Nor does another one of the same epoch."""
    older = replace(LISTED, epoch=epoch, issued=later())
    assert refusal(older) == (Reason.REVOCATIONS_ROLLED_BACK, "a newer one is known")


def test_an_entry_stays_until_what_it_names_has_ended() -> None:
    """A higher epoch does not give a revoked key back; when it has expired it may be left out."""
    rest = tuple(entry for entry in LISTED.revoked if entry.digest == key("ben"))
    shorter = replace(LISTED, epoch=8, revoked=rest)
    assert refusal(shorter, after=timedelta(days=1)) == (
        Reason.REVOCATIONS_ROLLED_BACK,
        "an entry is missing",
    )
    assert receive(shorter, after=timedelta(days=2)) == shorter


def test_an_entry_is_not_made_to_end_sooner() -> None:
    """Its end is part of what was signed."""
    sooner = tuple(replace(entry, until=later(minutes=1)) for entry in LISTED.revoked)
    found, rule = refusal(replace(LISTED, epoch=8, revoked=sooner))
    assert (found, rule) == (Reason.REVOCATIONS_ROLLED_BACK, "an entry is missing")


def test_a_longer_list_replaces_the_one_before() -> None:
    """More may always be taken back."""
    more = tuple(sorted([*LISTED.revoked, Revoked(key("bob"), later(days=30))]))
    longer = replace(LISTED, epoch=8, revoked=more)
    assert receive(longer) == longer
    assert longer.digests == {AGREEMENT.digest, key("ben"), key("bob")}
