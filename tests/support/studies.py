"""A study, a hospital's agreement to it, and a query under both, for tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from support.questions import DICTIONARY
from wardnet import canonical, clock
from wardnet.agreement.address_book import AddressBook, Organisation, Steward
from wardnet.agreement.agreement import Agreement, accept_whole
from wardnet.agreement.permission import Request
from wardnet.agreement.purpose import VOCABULARY, Modifier, Permission, Purpose
from wardnet.agreement.revocation import RevocationList, Revoked
from wardnet.agreement.study import Data, Method, Output, Project, Researcher, Setting, Study
from wardnet.agreement.view import Held, View
from wardnet.question.cohort import EVERYONE
from wardnet.question.query import Query

T = TypeVar("T")

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
"""The present moment of these tests."""


def key(name: str) -> str:
    """Return the fingerprint of somebody's key."""
    return canonical.digest(name.encode())


def later(**duration: float) -> str:
    """Return a moment some time after the present one."""
    return clock.to_moment(AT + timedelta(**duration))


def changed(value: T, field: str, new: object) -> T:
    """Return a value with one of its fields changed, however deep: `output.quota`."""
    name, _, rest = field.partition(".")
    inner: Any = changed(getattr(value, name), rest, new) if rest else new
    if isinstance(value, Query) and name == "hospitals":  # it names an agreement of each
        agreements = dict.fromkeys(inner, AGREEMENT.digest)
        return replace(value, hospitals=inner, agreements=agreements)
    return replace(value, **{name: inner})  # type: ignore[type-var]


def purpose(
    permission: Permission, *modifiers: Modifier, diseases: tuple[str, ...] = ()
) -> Purpose:
    """Return a purpose of the pinned vocabulary."""
    return Purpose(VOCABULARY, permission, diseases, tuple(sorted(modifiers)))


STUDY = Study(
    version=1,
    network="heartnet",
    project=Project(
        title="Age and sex of heart patients",
        summary="We count women and men of every age,\nto see who is missing in our trials.",
        purpose=purpose(Permission.HMB, Modifier.IRB, Modifier.NCU),
        ethics="EK 2026/17",
    ),
    people=(
        Researcher("ada", organisation="university", key=key("ada")),
        Researcher("ben", organisation="b", key=key("ben")),
    ),
    data=Data(DICTIONARY.name, dictionary=DICTIONARY.digest, columns=("age", "sex")),
    setting=Setting("clear", hospitals=("a", "b", "c"), minimum_hospitals=2),
    output=Output((Method("count", 1), Method("summary", 1)), minimum_patients=12, quota=50),
    not_after=later(days=365),
)

AGREEMENT = accept_whole(STUDY, hospital="a")

BOOK = AddressBook(
    version=1,
    network="heartnet",
    organisations=(
        Organisation(
            "a",
            name="Hospital A",
            stewards=(Steward("sam", (key("sam"),)), Steward("sue", (key("sue"),))),
            nodes=(key("node a"),),
            researchers=(),
        ),
        Organisation(
            "b",
            name="Hospital B",
            stewards=(Steward("bea", (key("bea"),)),),
            nodes=(key("node b"),),
            researchers=(key("ben"),),
        ),
        Organisation(
            "university",
            name="The University",
            stewards=(Steward("uma", (key("uma"),)),),
            nodes=(),
            researchers=(),
        ),
    ),
)


def revocations(organisation: str, **changes: object) -> RevocationList:
    """Return a fresh list on which nothing was taken back."""
    none = RevocationList(
        version=1,
        network="heartnet",
        organisation=organisation,
        epoch=1,
        issued=later(hours=-1),
        revoked=(),
    )
    return replace(none, **changes)  # type: ignore[arg-type]


def held(agreement: Agreement = AGREEMENT, **changes: object) -> Held:
    """Return an agreement signed by steward sam, its study signed by steward uma."""
    signed = Held(
        agreement=agreement,
        study=STUDY,
        approved_by=frozenset({key("sam")}),
        vouched_by=frozenset({key("ada"), key("uma")}),
    )
    return replace(signed, **changes)  # type: ignore[arg-type]


VIEW = View(
    hospital="a",
    book=BOOK,
    agreements=(held(),),
    used={},
    revoked=frozenset(),
    lists={name: revocations(name) for name in ("b", "university")},
)

QUERY = Query(
    version=1,
    network="heartnet",
    researcher="ada",
    dataset=DICTIONARY.name,
    dictionary=DICTIONARY.digest,
    method="count",
    method_version=1,
    parameters={"by": ["sex"]},
    cohort=EVERYONE,
    hospitals=("a", "b", "c"),
    minimum_hospitals=3,
    mode="clear",
    study=STUDY.digest,
    agreements={name: accept_whole(STUDY, hospital=name).digest for name in ("a", "b", "c")},
    purpose={},
    minimum_patients=12,
    recipient="0" * 64,
    nonce="0" * 32,
    not_before=later(minutes=-1),
    not_after=later(minutes=10),
)

REQUEST = Request(
    query=QUERY,
    key=key("ada"),
    purpose=STUDY.project.purpose,
    columns=frozenset({"sex"}),
)


def resting_on(agreement: Agreement, request: Request = REQUEST) -> Request:
    """Return the usual request, resting on another agreement of hospital a."""
    agreements = {**request.query.agreements, "a": agreement.digest}
    query = replace(request.query, study=agreement.study, agreements=agreements)
    return replace(request, query=query)


LISTED = revocations(
    "b",
    epoch=7,
    revoked=tuple(
        sorted([Revoked(AGREEMENT.digest, until=later(days=2)), Revoked(key("ben"), later(days=9))])
    ),
)
