"""Queries as researchers sign them, for tests."""

from dataclasses import replace
from datetime import datetime, timedelta

from support.pki import TestNetwork
from wardnet import clock
from wardnet.identity.envelope import Envelope, sign
from wardnet.question import cohort
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import PAYLOAD_TYPE, Query, to_bytes

DICTIONARY = Dictionary(
    name="cardiology",
    version=1,
    columns=(
        Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male")),
        Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120"),
    ),
)


def count_query(network: TestNetwork, /, *, at: datetime | None = None, **changes: object) -> Query:
    """Return the question how many women and men there are, to hospitals a and b.

    Parameters
    ----------
    at : datetime
        When it is asked; now by default.
    **changes
        Fields of the query.
    """
    at = at or clock.now()
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
        hospitals=("a", "b"),
        minimum_hospitals=2,
        mode="clear",
        nonce="0" * 32,
        not_before=clock.to_moment(at - timedelta(minutes=1)),
        not_after=clock.to_moment(at + timedelta(minutes=10)),
    )
    return replace(query, **changes)  # type: ignore[arg-type]


def signed(network: TestNetwork, query: Query, *, researcher: str = "ada") -> Envelope:
    """Return the query as its researcher signs it."""
    return sign(PAYLOAD_TYPE, to_bytes(query), network.researcher(researcher).signer)
