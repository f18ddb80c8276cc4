"""An agreement is equal to its study or narrower, approved by others, and can be taken back."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from support.pki import TestNetwork
from support.studies import (
    AGREEMENT,
    AT,
    BOOK,
    STUDY,
    changed,
    key,
    later,
    purpose,
    revocations,
)
from wardnet import canonical
from wardnet.agreement import address_book, agreement, revocation
from wardnet.agreement.address_book import check_approved, key_of, signing_keys
from wardnet.agreement.agreement import Agreement, Evidence, accept_whole, check_within
from wardnet.agreement.purpose import Modifier, Permission
from wardnet.agreement.revocation import Revocation, RevocationList, Revoked, accept_list
from wardnet.agreement.study import Method
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import merge, sign
from wardnet.identity.member import Role
from wardnet.question.cohort import Compare, Missing

ADULTS = Compare(column="age", operator=">=", value="18")
NARROW = replace(
    AGREEMENT,
    revision=3,
    purpose=purpose(
        Permission.DS, Modifier.IRB, Modifier.NCU, Modifier.PUB, diseases=("MONDO:0005267",)
    ),
    columns=("sex",),
    methods=(Method("count", 1),),
    cohort_columns=(),
    cohort=ADULTS,
    minimum_patients=20,
    minimum_hospitals=3,
    quota=5,
    until=later(days=30),
    conditions=("Send us the paper\nbefore you publish it.",),
    evidence=(Evidence("Decision of the board", digest="0" * 64),),
)
REVOCATION = Revocation(
    version=1,
    network="heartnet",
    hospital="a",
    agreement=AGREEMENT.digest,
    epoch=7,
    reason="The ethics approval was withdrawn.",
)
LISTED = revocations(
    "b",
    epoch=7,
    revoked=tuple(
        sorted([Revoked(AGREEMENT.digest, until=later(days=2)), Revoked(key("ben"), later(days=9))])
    ),
)


KINDS: dict[str, tuple[object, Callable[..., bytes], Callable[[bytes], object]]] = {
    "agreement": (NARROW, agreement.to_bytes, agreement.from_bytes),
    "address book": (BOOK, address_book.to_bytes, address_book.from_bytes),
    "revocation": (REVOCATION, revocation.to_bytes, revocation.from_bytes),
    "list": (LISTED, revocation.list_to_bytes, revocation.list_from_bytes),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_signed_is_read_back_as_it_was_written(kind: str) -> None:
    """The bytes are canonical."""
    value, to_bytes, from_bytes = KINDS[kind]
    data = to_bytes(value)
    assert from_bytes(data) == value
    assert canonical.encode(canonical.decode(data)) == data


def misspelt(data: bytes) -> Iterator[bytes]:
    """Yield the bytes with an unknown, missing or double field, or one of another type."""
    whole = canonical.decode(data)
    assert isinstance(whole, dict)
    for name in whole:
        yield canonical.encode({other: value for other, value in whole.items() if other != name})
    for wrong in ({"note": ""}, {"version": True}, {"version": "1"}, {"network": ["heartnet"]}):
        yield canonical.encode({**whole, **wrong})
    for version in (b'"version":1,"version":1', b'"version":NaN', b'"version": 1'):
        yield data.replace(b'"version":1', version)


@pytest.mark.parametrize("kind", KINDS)
def test_another_spelling_is_refused(kind: str) -> None:
    """Nothing is read that two parsers could read differently."""
    value, to_bytes, from_bytes = KINDS[kind]
    for bad in misspelt(to_bytes(value)):
        with pytest.raises(WardnetError) as caught:
            from_bytes(bad)
        assert caught.value.reason is Reason.MALFORMED


def test_the_digest_is_that_of_the_signed_bytes() -> None:
    """Queries name an agreement by it."""
    assert NARROW.digest == canonical.digest(agreement.to_bytes(NARROW))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("minimum_patients", 9),
        ("minimum_hospitals", 0),
        ("quota", 0),
        ("revision", 0),
        ("methods", ()),
        ("columns", ("sex", "age")),
        ("cohort_columns", ("age", "age")),
        ("until", "2026-02-30T00:00:00.000Z"),
        ("conditions", ("",)),
    ],
)
def test_an_agreement_that_cannot_be_meant_is_refused(field: str, wrong: object) -> None:
    """The floor of ten patients holds for every hospital."""
    with pytest.raises(ValidationError):
        changed(AGREEMENT, field, wrong)


def wider(answer: Agreement) -> list[tuple[str, str]]:
    """Return every way in which an agreement goes beyond the study."""
    errors = check_within(answer, STUDY)
    assert {error.reason for error in errors} <= {Reason.AGREEMENT_TOO_WIDE}
    return [(error.details["field"], error.details["rule"]) for error in errors]


def test_what_is_accepted_whole_is_the_study() -> None:
    """Accepting changes nothing, in any revision."""
    assert wider(AGREEMENT) == []
    assert wider(accept_whole(STUDY, hospital="b", revision=9)) == []


def test_a_narrower_agreement_is_within() -> None:
    """Every limit may be stricter."""
    assert wider(NARROW) == []


@pytest.mark.parametrize(
    ("field", "new", "rule"),
    [
        ("study", "0" * 64, "it is another study"),
        ("hospital", "d", "the study does not ask this hospital"),
        ("columns", ("age", "name", "sex"), "the study does not ask for name"),
        ("cohort_columns", ("name",), "the study does not ask for name"),
        ("cohort", Missing(column="name"), "the study does not ask for name"),
        ("methods", (Method("count", 2),), "the study does not ask for count version 2"),
        ("minimum_patients", 11, "it is lower than the study's"),
        ("minimum_hospitals", 1, "it is lower than the study's"),
        ("quota", 51, "it is higher than the study's"),
        ("until", later(days=365, milliseconds=1), "it is later than the study's end"),
        (
            "purpose",
            purpose(Permission.GRU, Modifier.IRB, Modifier.NCU),
            "general research use goes beyond health or medical or biomedical research",
        ),
    ],
)
def test_an_agreement_wider_in_one_way_is_named_for_it(field: str, new: object, rule: str) -> None:
    """The field and the rule say what to narrow."""
    assert wider(changed(AGREEMENT, field, new)) == [(field, rule)]


def test_an_agreement_in_another_network_is_to_another_study() -> None:
    """Networks never mix."""
    assert wider(replace(AGREEMENT, network="elsewhere")) == [("study", "it is another study")]


def test_every_way_in_which_an_agreement_is_too_wide_is_named() -> None:
    """A steward sees all of them at once, several columns included."""
    wide = replace(
        AGREEMENT,
        purpose=purpose(Permission.NRES),
        columns=("address", "age", "name"),
        minimum_patients=10,
        quota=1000,
    )
    assert [field for field, _ in wider(wide)] == [
        "purpose",
        "purpose",
        "purpose",
        "columns",
        "columns",
        "minimum_patients",
        "quota",
    ]


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


def test_every_field_of_an_agreement_is_documented() -> None:
    """What a steward signs is explained, field by field."""
    text = Agreement.__doc__ or ""
    assert [item.name for item in fields(Agreement) if item.name not in text] == []
