"""What is signed is read back to the byte, and an agreement is equal to its study or narrower."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace

import pytest
from pydantic import ValidationError

from support.studies import AGREEMENT, BOOK, LISTED, STUDY, changed, later, purpose
from wardnet import canonical
from wardnet.agreement import address_book, agreement, revocation
from wardnet.agreement.agreement import Agreement, Evidence, accept_whole, check_within
from wardnet.agreement.purpose import Modifier, Permission
from wardnet.agreement.revocation import Revocation
from wardnet.agreement.study import Method
from wardnet.errors import Reason, WardnetError
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


def test_every_field_of_an_agreement_is_documented() -> None:
    """What a steward signs is explained, field by field."""
    text = Agreement.__doc__ or ""
    assert [item.name for item in fields(Agreement) if item.name not in text] == []
