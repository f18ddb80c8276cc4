"""May this be done: the hospital's decision on a query, with every reason against it.

A decision is a function of plain values: the request, and a view of what the hospital knows. It is
asked at the query's first sight, at the start of the computation and at the release, with a view
of that moment, so that a revocation stops a query under way.

Signatures are verified before, and what has signed comes as fingerprints of keys. That a nonce is
new and that the query is for this hospital's datasets as they are now is decided by the desk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from wardnet import clock
from wardnet.agreement.address_book import approval_missing
from wardnet.agreement.agreement import check_within
from wardnet.agreement.purpose import Purpose, excess
from wardnet.agreement.study import Researcher
from wardnet.agreement.view import Held, View
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import columns_of, joined_by_and
from wardnet.question.grammar import write
from wardnet.question.query import Query

MAXIMUM_LIFETIME: Final = timedelta(minutes=15)
"""Longest time between a query's signature and its start at a hospital."""


@dataclass(frozen=True, slots=True)
class Request:
    """Hold what is asked of this hospital.

    Parameters
    ----------
    query : Query
        As its researcher signed it.
    key : str
        Fingerprint of the key that has signed it.
    purpose : Purpose
        What it is asked for, as the query says.
    columns : frozenset of str
        What its method looks at, without the columns of the cohort.
    """

    query: Query
    key: str
    purpose: Purpose
    columns: frozenset[str]


def judge(
    request: Request, *, view: View, at: datetime, started: datetime | None = None
) -> tuple[WardnetError, ...]:
    """Return every reason why a hospital does not do what is asked; none means that it may.

    Parameters
    ----------
    request : Request
        What is asked.
    view : View
        What the hospital knows now.
    at : datetime
        The present moment.
    started : datetime or None
        When the query was accepted here; None at its first sight. Only the start must lie in the
        query's own short time.

    Returns
    -------
    tuple of WardnetError
        Each names its cause; none holds a number derived from data.
    """
    held = view.own.get(request.query.agreements.get(view.hospital, ""))
    if held is None or request.query.study != held.agreement.study:
        return (
            WardnetError(Reason.AGREEMENT_MISSING, hospital=view.hospital),
            *_address(request, view),
            *_time(request.query, started or at),
        )
    return tuple(
        chain(
            _address(request, view),
            _time(request.query, started or at),
            _hospitals(request.query, view, at),
            _agreement(held, view, at),
            _researcher(request, held, view, at),
            _data(request, held),
            _beyond(request, held, view),
        )
    )


def _address(request: Request, view: View) -> Iterator[WardnetError]:
    if request.query.network != view.book.network or view.hospital not in request.query.hospitals:
        yield WardnetError(Reason.QUERY_NOT_FOR_US)


def _time(query: Query, start: datetime) -> Iterator[WardnetError]:
    begin, end = clock.from_moment(query.not_before), clock.from_moment(query.not_after)
    if not begin <= start <= end or end - begin > MAXIMUM_LIFETIME:
        yield WardnetError(Reason.QUERY_EXPIRED)


def _hospitals(query: Query, view: View, at: datetime) -> Iterator[WardnetError]:
    """Refuse hospitals of the book whose node's key was taken back, or may have been."""
    for name in query.hospitals:
        known = view.book.organisation(name)
        if known is not None and known.nodes and view.revoked_by(name).issuperset(known.nodes):
            yield WardnetError(Reason.KEY_REVOKED, identity=name)
        if not is_told(name, view, at):
            yield WardnetError(Reason.REVOCATIONS_STALE, hospital=view.hospital, identity=name)


def _agreement(held: Held, view: View, at: datetime) -> Iterator[WardnetError]:
    """Refuse an agreement that does not hold."""
    agreement = held.agreement
    yield from check_within(agreement, held.study)
    if agreement.revision < view.newest[agreement.study]:
        yield WardnetError(Reason.AGREEMENT_SUPERSEDED, hospital=view.hospital)
    if clock.to_moment(at) >= agreement.until:
        yield WardnetError(Reason.AGREEMENT_ENDED, hospital=view.hospital)
    if agreement.digest in view.revoked:
        yield WardnetError(Reason.AGREEMENT_REVOKED, hospital=view.hospital)
    ours = view.book.organisation(view.hospital)
    signers = held.approved_by - view.revoked
    if ours is None or not ours.approvers(signers, requesters=held.study.requesters):
        yield approval_missing(view.hospital, needed=1)


def _researcher(request: Request, held: Held, view: View, at: datetime) -> Iterator[WardnetError]:
    """Refuse somebody whom the study does not name, or nobody known vouches for."""
    named = [
        person
        for person in held.study.people
        if (person.id, person.key) == (request.query.researcher, request.key)
    ]
    if not named:
        yield WardnetError(Reason.RESEARCHER_NOT_NAMED, identity=request.query.researcher)
    for person in named:  # once for each organisation that answers for them
        if person.key in view.revoked_by(person.organisation):
            yield WardnetError(Reason.KEY_REVOKED, identity=person.id)
        if not _vouched(person, held, view):
            yield WardnetError(
                Reason.RESEARCHER_NOT_VOUCHED, hospital=view.hospital, identity=person.id
            )
        if not is_told(person.organisation, view, at):
            yield WardnetError(
                Reason.REVOCATIONS_STALE, hospital=view.hospital, identity=person.organisation
            )


def _vouched(person: Researcher, held: Held, view: View) -> bool:
    """Say whether the person's key was checked, or a steward of the organisation has signed."""
    organisation = view.book.organisation(person.organisation)
    if organisation is None:
        return False
    signers = held.vouched_by - view.revoked_by(person.organisation)
    return person.key in organisation.researchers or bool(
        organisation.approvers(signers, requesters=held.study.requesters)
    )


def is_told(name: str, view: View, at: datetime) -> bool:
    """Say whether the hospital knows what an organisation, if it can sign, has taken back."""
    organisation = view.book.organisation(name)
    if name == view.hospital or organisation is None:
        return True
    if not organisation.stewards and not organisation.nodes:
        return True
    known = view.lists.get(name)
    return known is not None and known.is_fresh(at)


def _data(request: Request, held: Held) -> Iterator[WardnetError]:
    """Refuse another dataset, another dictionary, and columns that were not agreed on."""
    query, data = request.query, held.study.data
    if query.dataset != data.dataset:
        yield WardnetError(Reason.DATASET_UNAVAILABLE, dataset=query.dataset)
    if query.dictionary != data.dictionary:
        yield WardnetError(Reason.DICTIONARY_OUTDATED, dataset=query.dataset)
    agreement = held.agreement
    own = joined_by_and(query.cohort) - joined_by_and(agreement.cohort)
    looked_at = frozenset[str]().union(*map(columns_of, own))
    beyond = (request.columns - set(agreement.columns)) | (
        looked_at - set(agreement.cohort_columns)
    )
    for column in sorted(beyond):
        yield WardnetError(Reason.COLUMN_UNAVAILABLE, column=column, dataset=query.dataset)


def _beyond(request: Request, held: Held, view: View) -> Iterator[WardnetError]:
    """Refuse what lies outside the agreement's limits."""
    for field, rule in _limits(request, held):
        yield WardnetError(Reason.OUTSIDE_AGREEMENT, hospital=view.hospital, field=field, rule=rule)
    if view.used.get(held.agreement.study, 0) >= held.agreement.quota:
        yield WardnetError(Reason.QUOTA_USED_UP, hospital=view.hospital)


def _limits(request: Request, held: Held) -> Iterator[tuple[str, str]]:
    query, agreement = request.query, held.agreement
    for words in excess(request.purpose, agreement.purpose):
        yield "purpose", words
    methods = {(method.name, method.version) for method in agreement.methods}
    if (query.method, query.method_version) not in methods:
        yield "methods", f"{query.method} version {query.method_version} was not agreed on"
    if not joined_by_and(agreement.cohort) <= joined_by_and(query.cohort):
        yield "cohort", f"the cohort must hold the condition {write(agreement.cohort)}"
    if not set(query.hospitals) <= set(held.study.setting.hospitals):
        yield "hospitals", "the study does not name all of them"
    if query.minimum_hospitals < agreement.minimum_hospitals:
        yield "minimum_hospitals", f"at least {agreement.minimum_hospitals} must take part"
    if query.minimum_patients < agreement.minimum_patients:
        yield "minimum_patients", f"at least {agreement.minimum_patients} must be described"
