"""The insider with the database: who can write to the catalog, and sign as the node, gets nothing.

Everything that a steward must have signed is verified again when it is read. What was changed,
forged, put in or taken out allows nothing, and the node goes on serving.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.pki import TestNetwork
from support.ward import Ward, fingerprint, proposal, reasons, signed_by
from wardnet import canonical, clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement import revocation as revocations
from wardnet.agreement.agreement import Agreement, accept_whole
from wardnet.agreement.study import Study
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Role
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet_node.desk import book, studies
from wardnet_node.desk.book import Key, Page
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.narrow import Narrowing, narrow
from wardnet_node.desk.study_state import State


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """Return hospital a with one steward."""
    return Ward(TestNetwork(), tmp_path / "a")


@pytest.fixture
def agreed(ward: Ward) -> tuple[Study, Agreement]:
    """Return a study of ada's and the hospital's narrow agreement to it."""
    study = proposal(ward.network)
    with ward.decisions() as decisions:
        decisions.receive(signed_by(study, ward.network.researcher("ada")))
        narrowed = narrow(decisions.draft(study.digest), Narrowing(quota=5))
        decisions.accept(study.digest, stewards=[ward.steward()], narrowed=narrowed)
        agreement = decisions.study(study.digest).agreement
    assert agreement is not None
    return study, agreement


def edit(ward: Ward, change: Callable[[Connection], object]) -> None:
    """Write to the catalog behind everybody's back."""
    with ward.catalog() as catalog, catalog.transaction() as connection:
        change(connection)


def statement(agreement: Agreement, *signers: Credentials) -> Envelope:
    """Return an agreement with signatures."""
    data = agreements.to_bytes(agreement)
    return merge([sign(agreements.PAYLOAD_TYPE, data, signer.signer) for signer in signers])


def put_in(ward: Ward, study: Study, envelope: Envelope) -> None:
    """Put a statement into the database."""
    edit(
        ward,
        lambda connection: studies.put_statement(
            connection, study.digest, envelope, at=clock.now()
        ),
    )


def allowed(ward: Ward, study: Study, agreement: Agreement) -> set[Reason]:
    """Return the reasons against a question, as a new process sees them."""
    with ward.decisions() as decisions:
        return reasons(ward, decisions, study, agreement.digest)


def test_an_edited_agreement_allows_nothing(ward: Ward, agreed: tuple[Study, Agreement]) -> None:
    """Another quota in the signed bytes, or one flipped byte, and no agreement holds."""
    study, agreement = agreed
    assert allowed(ward, study, agreement) == set()
    wider = replace(agreement, quota=50)

    def widen(connection: Connection) -> None:
        (data,) = connection.execute("SELECT envelope FROM statements").fetchone()
        envelope = envelope_from_bytes(bytes(data))
        edited = replace(envelope, payload=agreements.to_bytes(wider))
        connection.execute("UPDATE statements SET envelope = ?", (envelope_to_bytes(edited),))

    edit(ward, widen)
    for each in (agreement, wider):
        assert allowed(ward, study, each) == {Reason.AGREEMENT_MISSING}
    with ward.decisions() as decisions:
        assert decisions.study(study.digest).state is State.DAMAGED
        with pytest.raises(WardnetError, match="changed in the database"):
            decisions.accept(study.digest, stewards=[ward.steward()])


def test_an_agreement_that_only_the_node_signed_allows_nothing(
    ward: Ward, agreed: tuple[Study, Agreement]
) -> None:
    """The node's key lies beside the database; a steward's does not."""
    study, agreement = agreed
    forged = replace(agreement, revision=2, quota=4)
    put_in(ward, study, statement(forged, ward.credentials))
    assert Reason.APPROVAL_MISSING in allowed(ward, study, forged)


def test_an_agreement_with_an_invented_steward_allows_nothing(
    ward: Ward, agreed: tuple[Study, Agreement]
) -> None:
    """A certificate from the coordinator, with the very name of our steward."""
    study, agreement = agreed
    forged = replace(agreement, revision=2, quota=4)
    impostor = ward.network.issue(ward.steward().member)
    put_in(ward, study, statement(forged, impostor, ward.credentials))
    assert Reason.APPROVAL_MISSING in allowed(ward, study, forged)


def test_a_wider_agreement_with_one_signature_allows_nothing(
    ward: Ward, agreed: tuple[Study, Agreement]
) -> None:
    """What needs two stewards at the desk needs two in the database."""
    study, agreement = agreed
    wider = replace(agreement, revision=2, quota=50)
    put_in(ward, study, statement(wider, ward.steward(), ward.credentials))
    assert allowed(ward, study, wider) == {Reason.AGREEMENT_MISSING}
    assert allowed(ward, study, agreement) == set()


def test_an_agreement_of_another_hospital_allows_nothing(
    ward: Ward, agreed: tuple[Study, Agreement]
) -> None:
    """Signed by b's steward and node, for b or in our name: it is not ours."""
    study, _ = agreed
    bea, node = ward.network.credentials(Role.STEWARD, "bea"), ward.network.node("b")
    for hospital in ("a", "b"):
        foreign = accept_whole(study, hospital=hospital, revision=7)
        put_in(ward, study, statement(foreign, bea, node))
        assert allowed(ward, study, foreign) == {Reason.AGREEMENT_MISSING}


def test_an_agreement_to_another_study_does_not_move(
    ward: Ward, agreed: tuple[Study, Agreement]
) -> None:
    """A row under another study's id damages that study only."""
    study, agreement = agreed
    other = proposal(ward.network, project__title="Another")
    with ward.decisions() as decisions:
        decisions.receive(signed_by(other, ward.network.researcher("ada")))
    put_in(ward, other, statement(agreement, ward.steward(), ward.credentials))
    assert allowed(ward, other, agreement) == {Reason.AGREEMENT_MISSING}
    with ward.decisions() as decisions:
        assert decisions.study(other.digest).state is State.DAMAGED
        assert decisions.study(study.digest).state is State.AGREED


@pytest.mark.parametrize("running", [False, True], ids=["new process", "running process"])
def test_a_revocation_that_was_taken_out_is_missed(
    ward: Ward, agreed: tuple[Study, Agreement], *, running: bool
) -> None:
    """The log knows that it was signed: the agreement before it does not come back."""
    study, agreement = agreed
    with ward.decisions() as decisions:
        decisions.revoke(study.digest, steward=ward.steward(), reason="No.")
        decisions.view()
        kind = revocations.PAYLOAD_TYPE.encode()
        edit(
            ward,
            lambda connection: connection.execute(
                "DELETE FROM statements WHERE instr(envelope, ?)", (kind,)
            ),
        )
        if running:
            found = reasons(ward, decisions, study, agreement.digest)
        else:
            found = allowed(ward, study, agreement)
    assert found == {Reason.AGREEMENT_MISSING}


def test_an_old_version_does_not_come_back(ward: Ward, agreed: tuple[Study, Agreement]) -> None:
    """Taking the newest agreement out does not bring the one before it into force."""
    study, agreement = agreed
    with ward.decisions() as decisions:
        narrower = narrow(decisions.draft(study.digest), Narrowing(quota=1))
        decisions.accept(study.digest, stewards=[ward.steward()], narrowed=narrower)
    edit(
        ward,
        lambda connection: connection.execute(
            "DELETE FROM statements WHERE position = (SELECT max(position) FROM statements)"
        ),
    )
    assert allowed(ward, study, agreement) == {Reason.AGREEMENT_MISSING}


def test_an_edited_study_has_no_agreement(ward: Ward, agreed: tuple[Study, Agreement]) -> None:
    """The researchers' bytes are verified again too."""
    study, agreement = agreed

    def rename(connection: Connection) -> None:
        (data,) = connection.execute("SELECT envelope FROM studies").fetchone()
        edited = bytes(data).replace(b"Age and sex", b"Sex and age")
        connection.execute("UPDATE studies SET envelope = ?", (edited,))

    edit(ward, rename)
    assert allowed(ward, study, agreement) == {Reason.AGREEMENT_MISSING}


def forged_page(ward: Ward, *signers: Credentials) -> Envelope:
    """Return the next page of the book with eve as a steward."""
    eve = ward.network.credentials(Role.STEWARD, "eve")
    with ward.decisions() as decisions:
        known = decisions.book()
    with ward.catalog() as catalog, catalog.reading() as connection:
        last = envelope_from_bytes(studies.pages(connection)[-1].envelope)
        revision = len(studies.pages(connection))
    forged = book.with_key(known, "a", Key("steward", "eve", fingerprint(eve)))
    data = book.to_bytes(Page(1, revision + 1, canonical.digest(last.payload), forged))
    return merge([sign(book.PAYLOAD_TYPE, data, signer.signer) for signer in signers])


def test_nobody_slips_a_key_into_the_address_book(
    ward: Ward, agreed: tuple[Study, Agreement]
) -> None:
    """A page that the node signed with the new steward herself is not believed, nor the rest."""
    study, agreement = agreed
    eve = ward.network.credentials(Role.STEWARD, "eve")
    page = forged_page(ward, ward.credentials, eve)
    edit(ward, lambda connection: studies.put_page(connection, 3, page, at=clock.now()))
    with ward.decisions() as decisions:
        with pytest.raises(WardnetError) as caught:
            decisions.book()
        assert caught.value.reason is Reason.STATE_DAMAGED
        with pytest.raises(WardnetError) as caught:
            decisions.accept(study.digest, stewards=[eve])
        assert caught.value.reason is Reason.STATE_DAMAGED
    assert Reason.APPROVAL_MISSING in allowed(ward, study, agreement)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM book WHERE revision = 2",
        "DELETE FROM book WHERE revision = 1",
        "DELETE FROM book",
        "UPDATE book SET envelope = x'00' WHERE revision = 2",
        "UPDATE book SET revision = 9 WHERE revision = 2",
    ],
)
def test_an_address_book_with_a_page_missing_or_changed_is_not_believed(
    ward: Ward, agreed: tuple[Study, Agreement], damage: str
) -> None:
    """Whether in the middle, at the end or all of it: nothing is allowed until it is restored."""
    study, agreement = agreed
    edit(ward, lambda connection: connection.execute(damage))
    with ward.decisions() as decisions, pytest.raises(WardnetError) as caught:
        decisions.book()
    assert caught.value.reason is Reason.STATE_DAMAGED
    assert Reason.APPROVAL_MISSING in allowed(ward, study, agreement)


def test_an_address_book_is_not_begun_a_second_time(ward: Ward) -> None:
    """Whoever takes all pages out cannot begin a book of her own."""
    edit(ward, lambda connection: connection.execute("DELETE FROM book"))
    eve = ward.network.credentials(Role.STEWARD, "eve")
    with ward.decisions() as decisions, pytest.raises(WardnetError) as caught:
        decisions.found_book(eve)
    assert caught.value.reason is Reason.STATE_DAMAGED


def test_the_node_goes_on_with_its_other_studies(
    ward: Ward, agreed: tuple[Study, Agreement]
) -> None:
    """One damaged study is no reason to refuse the rest."""
    study, agreement = agreed
    other = proposal(ward.network, project__title="Another")
    with ward.decisions() as decisions:
        decisions.receive(signed_by(other, ward.network.researcher("ada")))
        put_in(ward, other, statement(accept_whole(other, hospital="a"), ward.network.node("b")))
        assert _state(decisions, other) is State.DAMAGED
        assert _state(decisions, study) is State.AGREED
        assert reasons(ward, decisions, study, agreement.digest) == set()


def _state(decisions: Decisions, study: Study) -> State:
    return decisions.study(study.digest).state
