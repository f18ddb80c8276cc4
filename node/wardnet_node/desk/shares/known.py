"""What is known of shares: every statement in the catalog, verified again, and how each stands.

A statement counts only as far as its signatures hold and the access log knows of it: whoever writes
to the database can neither change a grant nor take a revocation away. A share with such a row is
damaged, and nothing is done under it any more.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from wardnet import canonical, clock
from wardnet.audit import log
from wardnet.audit.entry import EventType, Outcome, from_stored
from wardnet.audit.log import Connection
from wardnet.audit.scope import Scope
from wardnet.audit.search import Search, scan
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.sharing.grant import Grant
from wardnet.sharing.notice import Notice, Ready
from wardnet.sharing.request import ShareRequest
from wardnet.transport.convert import envelope_from_bytes
from wardnet_node.desk.shares import moments, store
from wardnet_node.desk.shares.state import Share, State, following, why
from wardnet_node.desk.shares.statements import EVENTS, Signed, check_fits, read
from wardnet_node.desk.shares.store import Kept

_KINDS: Final = Scope(kinds=tuple(sorted(set(EVENTS.values()))))
_HOLDS: Final = {
    *((kind, Outcome.DONE) for kind in EVENTS.values()),
    (EventType.SHARE_READY, Outcome.RELEASED),
}
"""Entries about statements that are kept; where our own door is open, a fetch is none."""

_SHORTEST_PREFIX: Final = 6


class ShareKnowledge:
    """Verify what lies in the catalog, and remember what was verified.

    Parameters
    ----------
    credentials : Credentials
        The hospital's.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._member = credentials.member
        self._trust = credentials.trust
        self._verified: dict[str, Signed] = {}
        self._logged: dict[str, str] = {}
        self._fetched: dict[str, set[str]] = {}
        self._size = 0

    def look(
        self, connection: Connection, *, at: datetime, prefix: str = ""
    ) -> Mapping[str, Share]:
        """Return all shares by the digests of their requests, oldest first.

        Parameters
        ----------
        prefix : str
            Only those of which a statement's digest begins so: the others need not be verified.
        """
        shares: dict[str, Share] = {}
        missing = dict(self._in_log(connection))
        for row in store.statements(connection, prefix):
            missing.pop(row.digest, None)
            self._take(shares, row)
        for request in missing.values():
            if request in shares:
                shares[request] = replace(shares[request], stands=State.DAMAGED)
        return self._as_of(connection, shares, at=clock.to_moment(at))

    def signed(self, connection: Connection, request: str) -> tuple[Signed, ...]:
        """Return the statements about a request that `look` has verified, in order."""
        rows = store.statements(connection, request)
        found = (self._verified.get(_name(row)) for row in rows)
        return tuple(signed for signed in found if signed is not None)

    def fetches(self, connection: Connection, grant: str) -> Mapping[str, bool]:
        """Return the fetches under a grant, and whether each is closed.

        One that the log knows and the table has lost is closed.
        """
        logged = dict.fromkeys(self._fetched.get(grant, ()), True)
        return logged | store.fetches(connection, grant)

    def _take(self, shares: dict[str, Share], row: Kept) -> None:
        before = shares.get(row.request)
        try:
            signed = self._read(row)
            shares[row.request] = self._after(before, signed)
        except WardnetError:
            if before is not None:
                shares[row.request] = replace(before, stands=State.DAMAGED)

    def _after(self, before: Share | None, signed: Signed) -> Share:
        statement = signed.statement
        if before is None:
            if not isinstance(statement, ShareRequest):
                raise unknown(signed.request)
            owned = statement.owner == self._member.id
            return Share(
                request=statement,
                owned=owned,
                made=signed.at,
                changed=signed.at,
                history=(signed.step,),
            )
        return after(before, signed, hospital=self._member.id)

    def _read(self, row: Kept) -> Signed:
        """Verify a row, unless this very one was verified before."""
        known = self._verified.get(_name(row))
        if known is not None:
            return known
        at = clock.from_moment(row.at)
        signed = read(
            envelope_from_bytes(row.envelope), member=self._member, trust=self._trust, at=at
        )
        if (signed.digest, signed.request) != (row.digest, row.request):
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="it belongs to another share")
        if row.digest not in self._logged:
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="the access log does not know it")
        self._verified[_name(row)] = signed
        return signed

    def _in_log(self, connection: Connection) -> Mapping[str, str]:
        """Return the requests of all statements that the log knows, by their digests."""
        size = log.size(connection)
        if size < self._size:  # another log was put in its place
            self._size, self._logged, self._fetched, self._verified = 0, {}, {}, {}
        wanted = Search(after=self._size)
        for entry in scan(connection, wanted, within=_KINDS, read=from_stored):
            is_statement = (entry.type, entry.outcome) in _HOLDS
            if is_statement and entry.result_digest and entry.request_digest:
                self._logged[entry.result_digest] = entry.request_digest
            elif entry.outcome is Outcome.RELEASED and entry.agreement and entry.request_id:
                self._fetched.setdefault(entry.agreement, set()).add(entry.request_id)
        self._size = size
        return self._logged

    def _as_of(
        self, connection: Connection, shares: Mapping[str, Share], *, at: str
    ) -> Mapping[str, Share]:
        """Add what is no statement: the time, the keys, the fetches, and the letters on the way."""
        keys, waiting = store.keys(connection), store.undelivered(connection)
        seen = moments.seen(connection)
        return {
            digest: replace(
                share,
                state=(
                    State.ENDED if share.is_over(max(at, seen.get(digest, ""))) else share.stands
                ),
                has_key=digest in keys,
                fetches=len(self.fetches(connection, share.grant.digest)) if share.grant else 0,
                undelivered=len(letters := waiting.get(digest, ())),
                hindrance=next((refusal for refusal in letters if refusal), ""),
            )
            for digest, share in shares.items()
        }


def after(share: Share, signed: Signed, *, hospital: str) -> Share:
    """Return a share as it stands after one more statement.

    Parameters
    ----------
    hospital : str
        Where it is kept, for the refusal.

    Raises
    ------
    WardnetError
        `SHARE_NOT_FOR_US`, `SHARE_DECIDED` or `STATE_DAMAGED`.
    """
    statement = signed.statement
    check_fits(statement, share.request)
    stands = following(share.stands, statement, hospital=hospital)
    history = (*share.history, signed.step)
    moved = replace(share, stands=stands, state=stands, changed=signed.at, history=history)
    if isinstance(statement, Grant):
        return replace(moved, grant=statement)
    if isinstance(statement, Notice):
        said = statement.said
        named = getattr(said, "grant", None)
        if named is not None and (share.grant is None or named != share.grant.digest):
            raise WardnetError(Reason.SHARE_NOT_FOR_US)
        moved = replace(moved, why=why(said) or share.why)
        return replace(moved, ready=said) if isinstance(said, Ready) else moved
    return moved


def find(shares: Mapping[str, Share], prefix: str) -> Share:
    """Return the share whose request's or grant's digest begins so.

    Raises
    ------
    WardnetError
        `SHARE_UNKNOWN` when none does, or several, or fewer than 6 characters are given.
    """
    found = [
        share
        for digest, share in shares.items()
        if digest.startswith(prefix)
        or (share.grant is not None and share.grant.digest.startswith(prefix))
    ]
    if len(found) != 1 or len(prefix) < _SHORTEST_PREFIX:
        raise unknown(prefix)
    return found[0]


def unknown(prefix: str) -> WardnetError:
    """Return the refusal of a share that is not here."""
    return WardnetError(Reason.SHARE_UNKNOWN, share=prefix[:64])


def _name(row: Kept) -> str:
    """Return what tells a row from every other one, its bytes and its moment included."""
    return f"{row.request} {row.at} {canonical.digest(row.envelope)}"
