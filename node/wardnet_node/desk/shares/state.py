"""How a share stands: what follows from the statements of both sides, one after another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from wardnet import clock
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.sharing.grant import Grant
from wardnet.sharing.notice import (
    Declined,
    Destroyed,
    Fetched,
    Notice,
    Opened,
    Ready,
    Refused,
    Revoked,
    Said,
)
from wardnet.sharing.request import ShareRequest

Statement: TypeAlias = ShareRequest | Grant | Notice

PATIENCE: Final = timedelta(days=30)
"""How long a request may wait for its decision; an older one is taken for a replay."""


class State(StrEnum):
    """Say where a share stands."""

    ASKED = "asked"
    REFUSED = "refused"
    """By a node, for a reason of the error catalogue."""
    DECLINED = "declined"
    GRANTED = "granted"
    READY = "ready"
    """The parcel can be fetched."""
    FETCHED = "fetched"
    OPENED = "opened"
    REVOKED = "revoked"
    ENDED = "ended"
    """Its time is over."""
    DESTROYED = "destroyed"
    """The recipient has said that it destroyed its keys."""
    DAMAGED = "damaged"
    """A row about it was changed in the database: nothing is done under it any more."""


_S = State

_ALIVE: Final = (_S.GRANTED, _S.READY, _S.FETCHED, _S.OPENED)
_OVER: Final = (_S.REVOKED, _S.REFUSED, _S.DESTROYED)


def _to(state: State, *since: State, unchanged: Sequence[State] = ()) -> Mapping[State, State]:
    return {**dict.fromkeys(since, state), **{one: one for one in unchanged}}


_NEXT: Final[Mapping[type[Grant] | type[Said], Mapping[State, State]]] = {
    Grant: _to(_S.GRANTED, _S.ASKED),
    Declined: _to(_S.DECLINED, _S.ASKED),
    Refused: _to(_S.REFUSED, _S.ASKED, _S.GRANTED, _S.READY, unchanged=_OVER),
    Revoked: _to(_S.REVOKED, *_ALIVE, unchanged=(_S.DESTROYED, _S.REFUSED)),
    Ready: _to(_S.READY, _S.GRANTED, _S.READY, unchanged=_OVER),
    Fetched: _to(_S.FETCHED, _S.READY, _S.FETCHED, unchanged=(_S.OPENED, _S.REVOKED)),
    Opened: _to(_S.OPENED, _S.READY, _S.FETCHED, _S.OPENED, unchanged=(_S.REVOKED,)),
    Destroyed: _to(_S.DESTROYED, *_ALIVE, _S.REVOKED),
}
"""What each statement leads to; letters of the two sides cross, so some of them change nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """Say what was said about a share.

    Parameters
    ----------
    kind : EventType
        As the log calls it.
    hospital : str
        Whose word it is.
    at : str
        Moment of signing here, or of coming in.
    """

    kind: EventType
    hospital: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Show one share.

    Parameters
    ----------
    request : ShareRequest
        What was asked for.
    grant : Grant or None
        What was granted.
    ready : Ready or None
        The parcel that can be fetched.
    stands : State
        Where the statements have left it.
    state : State
        Where it stands at the moment of looking: its time may be over.
    owned : bool
        Whether the records are this hospital's; else it is the one that asks.
    why : str
        Why it was declined, refused or revoked; else empty.
    fetches : int
        How many fetches have begun here, at the owner's own door.
    has_key : bool
        Whether this hospital holds the key that opens the parcel.
    undelivered : int
        How many letters about it the other side has not acknowledged.
    hindrance : str
        Why the other side could not take the last of them: a reason of the error catalogue.
    made, changed : str
        Moments of the first and of the last statement.
    history : tuple of Step
        All that was said, the receipts of the recipient among it.
    """

    request: ShareRequest
    grant: Grant | None = None
    ready: Ready | None = None
    stands: State = State.ASKED
    state: State = State.ASKED
    owned: bool
    why: str = ""
    fetches: int = 0
    has_key: bool = False
    undelivered: int = 0
    hindrance: str = ""
    made: str
    changed: str
    history: tuple[Step, ...] = ()

    @property
    def digest(self) -> str:
        """Return the digest of the request: the id of the share."""
        return self.request.digest

    @property
    def other(self) -> str:
        """Return the id of the other hospital."""
        return self.request.recipient if self.owned else self.request.owner

    @property
    def until(self) -> str:
        """Return the moment at which it ends by itself."""
        if self.grant is not None:
            return self.grant.until
        return clock.to_moment(clock.from_moment(self.request.made) + PATIENCE)

    def is_over(self, at: str) -> bool:
        """Say whether its time is over."""
        return self.until <= at and self.stands in {State.ASKED, *_ALIVE}


def following(state: State, statement: Statement, *, hospital: str) -> State:
    """Return the state that a statement leads to.

    Parameters
    ----------
    hospital : str
        Where it is kept, for the refusal.

    Raises
    ------
    WardnetError
        `SHARE_DECIDED`; `STATE_DAMAGED` where nothing is believed any more.
    """
    check_whole(state)
    said = statement.said if isinstance(statement, Notice) else statement
    if isinstance(said, ShareRequest) or state not in _NEXT[type(said)]:
        what = type(said).__name__.lower()
        raise WardnetError(
            Reason.SHARE_DECIDED,
            hospital=hospital,
            rule=f"it is {state}, and `{what}` cannot follow",
        )
    return _NEXT[type(said)][state]


def check_whole(state: State) -> None:
    """Refuse whatever is done under a share that was changed in the database.

    Raises
    ------
    WardnetError
        `STATE_DAMAGED`.
    """
    if state is State.DAMAGED:
        rule = "a row about the share was changed in the database"
        raise WardnetError(Reason.STATE_DAMAGED, path="the catalog", rule=rule)


def why(said: Said) -> str:
    """Return the words of a notice; empty where it has none."""
    match said:
        case Declined(reason=words) | Revoked(reason=words) | Refused(words=words):
            return words
        case _:
            return ""
