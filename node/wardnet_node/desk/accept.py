"""Whether this hospital answers a query: pure decisions, each check with its number.

The order matters: nothing is parsed before its signature holds, and nothing is said about datasets
to somebody whose question is not for us.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from wardnet import canonical, clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.question.query import PAYLOAD_TYPE, Query, from_bytes

MAXIMUM_LIFETIME: Final = timedelta(minutes=15)
"""Longest time between a query's signature and its start at a hospital."""


def accept(
    envelope: Envelope,
    *,
    trust: Trust,
    hospital: str,
    at: datetime,
    nonce_used_by: Callable[[str], str | None],
    adopted: Callable[[str], str | None],
) -> Query:
    """Decide on a query that is seen for the first time.

    Parameters
    ----------
    envelope : Envelope
        The query as the coordinator delivered it.
    trust : Trust
        The network and its root.
    hospital : str
        Our own id.
    at : datetime
        The present moment.
    nonce_used_by : Callable
        Returns the digest of the accepted query that holds a nonce, or None.
    adopted : Callable
        Returns the digest of the dictionary under which a dataset can be asked here, or None.

    Returns
    -------
    Query
        Signed by its researcher, addressed to us, in time, new, and about a dataset that we hold.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, `ROLE_REFUSED`, `MALFORMED`, `IDENTITY_MISMATCH`, `QUERY_NOT_FOR_US`,
        `QUERY_EXPIRED`, `QUERY_REPLAYED`, `DATASET_UNAVAILABLE` or `DICTIONARY_OUTDATED`.
    """
    # 1. One researcher of this network has signed these bytes, and nobody else has.
    signer = _only(verify(envelope, payload_type=PAYLOAD_TYPE, trust=trust, at=at))
    if signer.role is not Role.RESEARCHER:
        raise WardnetError(Reason.ROLE_REFUSED, role=signer.role)
    # 2. Only now are the bytes parsed.
    query = from_bytes(envelope.payload)
    # 3. Who signed is who asks.
    if signer.id != query.researcher:
        raise WardnetError(Reason.IDENTITY_MISMATCH, identity=query.researcher)
    # 4. The question is for us.
    if query.network != trust.network or hospital not in query.hospitals:
        raise WardnetError(Reason.QUERY_NOT_FOR_US)
    # 5. It is neither too early nor too late, nor meant to be kept for later.
    start, end = clock.from_moment(query.not_before), clock.from_moment(query.not_after)
    if not start <= at <= end or end - start > MAXIMUM_LIFETIME:
        raise WardnetError(Reason.QUERY_EXPIRED)
    # 6. Its nonce is new, or belongs to these very bytes.
    if nonce_used_by(query.nonce) not in {None, canonical.digest(envelope.payload)}:
        raise WardnetError(Reason.QUERY_REPLAYED)
    # 7. We hold the dataset, under the dictionary that the question was written against.
    dictionary = adopted(query.dataset)
    if dictionary is None:
        raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=query.dataset)
    if dictionary != query.dictionary:
        raise WardnetError(Reason.DICTIONARY_OUTDATED, dataset=query.dataset)
    return query


def check_attempt(query: Query, *, hospital: str, hospitals: Sequence[str]) -> None:
    """Refuse an attempt among other hospitals, or fewer, than the researcher has signed.

    Raises
    ------
    WardnetError
        `ROUNDS_DIVERGED`.
    """
    # 1. A list can be compared only in its one order.
    if list(hospitals) != sorted(set(hospitals)):
        _diverged("the attempt's hospitals are not sorted and unique")
    # 2. Nobody was added, and we are there.
    if hospital not in hospitals or not set(hospitals) <= set(query.hospitals):
        _diverged("the attempt's hospitals are not those of the query")
    # 3. Enough are left.
    if len(hospitals) < query.minimum_hospitals:
        _diverged("the attempt has fewer hospitals than the query allows")


def _only(signers: Sequence[Member]) -> Member:
    if len(signers) != 1:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule="a query has one signer")
    return signers[0]


def _diverged(rule: str) -> None:
    raise WardnetError(Reason.ROUNDS_DIVERGED, rule=rule)
