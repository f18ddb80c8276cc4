"""Who approves: stewards of one organisation, each counted once, besides whoever asked for it."""

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from support.pki import TestNetwork
from support.studies import BOOK, changed, key
from wardnet import canonical
from wardnet.agreement import address_book
from wardnet.agreement.address_book import check_approved, key_of, signing_keys
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import merge, sign
from wardnet.identity.member import Role


@pytest.mark.parametrize(
    ("signers", "requesters", "stewards"),
    [
        ((), (), set()),
        (("sam",), (), {"sam"}),
        (("sam", "sue"), (), {"sam", "sue"}),
        (("sam", "sue"), ("sam",), {"sue"}),
        (("sam", "ada", "bea", "node a"), (), {"sam"}),
    ],
)
def test_only_stewards_who_did_not_request_it_approve(
    signers: tuple[str, ...], requesters: tuple[str, ...], stewards: set[str]
) -> None:
    """Researchers, other hospitals' stewards and the node itself approve nothing."""
    ours = BOOK.organisation("a")
    assert ours is not None
    keys = {key(name) for name in signers}
    assert ours.approvers(keys, requesters=set(requesters)) == stewards


def test_a_steward_with_two_keys_is_one_person() -> None:
    """A renewed key does not make a second approver."""
    renewed = address_book.Steward("sam", tuple(sorted([key("sam"), key("sam, renewed")])))
    ours = replace(BOOK.organisations[0], stewards=(renewed, BOOK.organisations[0].stewards[1]))
    both = {key("sam"), key("sam, renewed")}
    assert ours.approvers(both) == {"sam"}


def approve(*signers: str, requester: str = "ada", organisation: str = "a") -> None:
    """Let two stewards be needed."""
    check_approved(
        BOOK,
        organisation=organisation,
        signers={key(name) for name in signers},
        requesters={requester},
        needed=2,
    )


def test_two_stewards_loosen_a_rule() -> None:
    """Others may have signed as well."""
    approve("sam", "sue")
    approve("sam", "sue", "bea", "ada")


@pytest.mark.parametrize(
    ("signers", "requester"),
    [((), "ada"), (("sam",), "ada"), (("sam", "sue"), "sue"), (("sam", "bea"), "ada")],
    ids=["nobody", "one", "one and the requester", "one and another hospital's"],
)
def test_loosening_needs_two_stewards_besides_the_requester(
    signers: tuple[str, ...], requester: str
) -> None:
    """Neither one steward alone, nor one and another hospital's, loosens a rule."""
    with pytest.raises(WardnetError) as caught:
        approve(*signers, requester=requester)
    assert caught.value.reason is Reason.APPROVAL_MISSING
    assert str(caught.value) == (
        "This needs the signatures of two different stewards of a who did not request it. "
        "Nothing was done."
    )


def test_nobody_approves_for_an_organisation_that_is_not_known() -> None:
    """An organisation that is not in the book has no stewards."""
    with pytest.raises(WardnetError) as caught:
        approve("sam", "sue", organisation="c")
    assert caught.value.reason is Reason.APPROVAL_MISSING


HOME, OTHER, _ = BOOK.organisations


@pytest.mark.parametrize(
    "organisations",
    [
        (HOME, replace(OTHER, id="a")),
        (HOME, replace(OTHER, nodes=HOME.nodes)),
        (HOME, replace(OTHER, researchers=HOME.nodes)),
        (HOME, replace(OTHER, stewards=HOME.stewards)),
        (replace(HOME, stewards=(*HOME.stewards, replace(HOME.stewards[1], id="tom"))),),
        (replace(HOME, stewards=tuple(sorted(replace(one, id="sam") for one in HOME.stewards))),),
        (OTHER, HOME),
    ],
    ids=[
        "an organisation twice",
        "a node of two",
        "a node as researcher",
        "stewards of two",
        "one key of two people",
        "a steward twice",
        "not sorted",
    ],
)
def test_a_book_in_which_somebody_counts_twice_is_refused(organisations: object) -> None:
    """One key is one person's, and one person decides for one organisation."""
    with pytest.raises(ValidationError):
        changed(BOOK, "organisations", organisations)


def test_a_fingerprint_is_that_of_the_key_and_not_of_the_certificate() -> None:
    """A renewed certificate of the same key is the same person."""
    network = TestNetwork()
    signer = network.credentials(Role.STEWARD, "sam").signer
    info = x509.load_der_x509_certificate(signer.certificates[0]).public_key()
    raw = info.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert key_of(signer.certificates[0]) == canonical.digest(raw)
    assert info == signer.key.public_key()


def test_the_keys_of_an_envelope_are_those_of_all_its_signers() -> None:
    """A study signed by its researcher and by a steward carries both."""
    network = TestNetwork()
    signers = [
        network.credentials(role, name).signer
        for role, name in ((Role.RESEARCHER, "ada"), (Role.STEWARD, "uma"))
    ]
    envelope = merge([sign("text/plain", b"a study", signer) for signer in signers])
    assert signing_keys(envelope) == {key_of(signer.certificates[0]) for signer in signers}
