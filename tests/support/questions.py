"""A study that hospitals have agreed to, and queries under it as researchers sign them, for tests.

Researcher ada of the university proposes one study to hospitals a, b, c and d. Every hospital has
checked her key itself, and agrees to all of it; its steward signs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import JsonValue

from support.pki import TestNetwork
from wardnet import clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement import study as studies
from wardnet.agreement.address_book import AddressBook, Organisation, Steward, key_of
from wardnet.agreement.agreement import Agreement, accept_whole
from wardnet.agreement.purpose import VOCABULARY, Permission, Purpose
from wardnet.agreement.study import Data, Method, Output, Project, Researcher, Setting, Study
from wardnet.agreement.view import Held, View
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Role
from wardnet.question import cohort
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import PAYLOAD_TYPE, Query, to_bytes
from wardnet.sealing.answers import recipient_of

DICTIONARY: Final = Dictionary(
    name="cardiology",
    version=1,
    columns=(
        Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male")),
        Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120"),
    ),
)

HOSPITALS: Final = ("a", "b", "c", "d")
"""Whom the study asks."""

RECIPIENT: Final = X25519PrivateKey.from_private_bytes(bytes(range(32)))
"""Whom the answers are sealed to."""

_PURPOSE: Final = Purpose(VOCABULARY, Permission.HMB, diseases=(), modifiers=())
PURPOSE: Final[Mapping[str, JsonValue]] = {
    "vocabulary": VOCABULARY,
    "permission": Permission.HMB.value,
    "diseases": [],
    "modifiers": [],
}
"""What queries are asked for, as they carry it."""


def key(credentials: Credentials) -> str:
    """Return the fingerprint of a member's signing key."""
    return key_of(credentials.signer.certificates[0])


def steward(network: TestNetwork, hospital: str) -> Credentials:
    """Return the credentials of a hospital's steward."""
    return network.credentials(Role.STEWARD, f"steward-{hospital}")


def study(network: TestNetwork, **changes: object) -> Study:
    """Return ada's study: health research on all columns, by all methods.

    Parameters
    ----------
    **changes
        Fields of the study.
    """
    names = (
        "boosting",
        "count",
        "crosstab",
        "evaluate",
        "fedavg",
        "glm",
        "histogram",
        "linear",
        "quantiles",
        "summary",
    )
    proposed = Study(
        version=1,
        network=network.name,
        project=Project(
            title="Age and sex of heart patients",
            summary="We count women and men of every age.",
            purpose=_PURPOSE,
            ethics="",
        ),
        people=(Researcher("ada", organisation="university", key=key(network.researcher())),),
        data=Data(DICTIONARY.name, dictionary=DICTIONARY.digest, columns=("age", "sex")),
        setting=Setting("clear", hospitals=HOSPITALS, minimum_hospitals=1),
        output=Output(tuple(Method(name, 1) for name in names), minimum_patients=10, quota=100),
        not_after=clock.to_moment(network.at + timedelta(days=365)),
    )
    return replace(proposed, **changes)  # type: ignore[arg-type]


def agreement(network: TestNetwork, hospital: str = "a", **changes: object) -> Agreement:
    """Return a hospital's agreement to all of ada's study.

    Parameters
    ----------
    **changes
        Fields of the agreement.
    """
    whole = accept_whole(study(network), hospital=hospital)
    return replace(whole, **changes)  # type: ignore[arg-type]


def book(network: TestNetwork, hospital: str = "a") -> AddressBook:
    """Return a hospital's address book: itself, and the university with ada's key."""
    own = Organisation(
        hospital,
        name=f"Hospital {hospital.upper()}",
        stewards=(Steward(f"steward-{hospital}", (key(steward(network, hospital)),)),),
        nodes=(key(network.node(hospital)),),
        researchers=(),
    )
    university = Organisation(
        "university",
        name="The University",
        stewards=(),
        nodes=(),
        researchers=(key(network.researcher()),),
    )
    return AddressBook(version=1, network=network.name, organisations=(own, university))


def held(network: TestNetwork, hospital: str = "a", **changes: object) -> Held:
    """Return what a hospital holds of its agreement, perhaps with other fields."""
    return Held(
        agreement=agreement(network, hospital, **changes),
        study=study(network),
        approved_by=frozenset({key(steward(network, hospital)), key(network.node(hospital))}),
        vouched_by=frozenset({key(network.researcher())}),
    )


def view(network: TestNetwork, hospital: str = "a", **changes: object) -> View:
    """Return what a hospital knows: its book and its agreement, nothing taken back.

    Parameters
    ----------
    **changes
        Fields of the view.
    """
    known = View(
        hospital=hospital,
        book=book(network, hospital),
        agreements=(held(network, hospital),),
        used={},
        revoked=frozenset(),
        lists={},
    )
    return replace(known, **changes)  # type: ignore[arg-type]


def signed_study(network: TestNetwork, **changes: object) -> Envelope:
    """Return ada's study as she signs it."""
    payload = studies.to_bytes(study(network, **changes))
    return sign(studies.PAYLOAD_TYPE, payload, network.researcher().signer)


def signed_agreement(network: TestNetwork, hospital: str = "a", **changes: object) -> Envelope:
    """Return a hospital's agreement as its steward and its node sign it."""
    payload = agreements.to_bytes(agreement(network, hospital, **changes))
    signers = (steward(network, hospital).signer, network.node(hospital).signer)
    return merge([sign(agreements.PAYLOAD_TYPE, payload, signer) for signer in signers])


def count_query(network: TestNetwork, /, *, at: datetime | None = None, **changes: object) -> Query:
    """Return the question how many women and men there are, to hospitals a and b.

    Parameters
    ----------
    at : datetime
        When it is asked; now by default.
    **changes
        Fields of the query; `agreements` follow `hospitals`.
    """
    at = at or clock.now()
    hospitals = tuple(cast("Iterable[str]", changes.get("hospitals", ("a", "b"))))
    query = Query(
        version=1,
        network=network.name,
        researcher="ada",
        dataset=DICTIONARY.name,
        dictionary=DICTIONARY.digest,
        method="count",
        method_version=1,
        parameters={"by": ["sex"]},
        cohort=cohort.EVERYONE,
        hospitals=hospitals,
        minimum_hospitals=min(2, len(hospitals)),
        mode="clear",
        study=study(network).digest,
        agreements={name: agreement(network, name).digest for name in hospitals},
        purpose=dict(PURPOSE),
        minimum_patients=10,
        recipient=recipient_of(RECIPIENT),
        nonce="0" * 32,
        not_before=clock.to_moment(at - timedelta(minutes=1)),
        not_after=clock.to_moment(at + timedelta(minutes=10)),
    )
    return replace(query, **changes)  # type: ignore[arg-type]


def signed(network: TestNetwork, query: Query, *, researcher: str = "ada") -> Envelope:
    """Return the query as its researcher signs it."""
    return sign(PAYLOAD_TYPE, to_bytes(query), network.researcher(researcher).signer)
