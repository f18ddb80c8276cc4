"""Who is signed in: sessions that live in the memory of this process only.

References
----------
NIST SP 800-63B-4, 5.1 (session secrets of 64 bits at least, timeouts); OWASP ASVS 5.0, chapter 7.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from wardnet.agreement.agreement import Agreement
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Role
from wardnet.question.dictionary import Dictionary
from wardnet.sharing.grant import Grant
from wardnet_node.desk.accounts import Auditor
from wardnet_node.desk.shares.asking import Wish

IDLE_SECONDS: Final = 15 * 60
LONGEST_SECONDS: Final = 8 * 3600
MAXIMUM_SESSIONS: Final = 100
MAXIMUM_DRAFTS: Final = 8
"""Decisions that a steward has begun and not signed; the oldest is forgotten first."""

_TOKEN_BYTES: Final = 32


def new_token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


@dataclass(frozen=True, slots=True)
class Draft:
    """Hold a decision that is shown before it is signed.

    Parameters
    ----------
    kind : str
        `agree`, `decline` or `revoke`.
    study : str
        Digest of the study.
    agreement : Agreement or None
        What will be signed, or taken back.
    reason : str
        In the steward's words; empty for an agreement.
    """

    kind: str
    study: str
    agreement: Agreement | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareDraft:
    """Hold a decision about a share that is shown before it is signed.

    Parameters
    ----------
    kind : str
        `request`, `grant`, `decline`, `revoke` or `destroy`.
    share : str
        Its id; empty for a request.
    grant : Grant or None
        What will be granted.
    wish : Wish or None
        What will be asked for.
    dictionary : Dictionary or None
        Of the dataset that is asked for.
    reason : str
        In the steward's words.
    """

    kind: str
    share: str = ""
    grant: Grant | None = None
    wish: Wish | None = None
    dictionary: Dictionary | None = None
    reason: str = ""


@dataclass(slots=True)
class Session:
    """Hold one signed-in steward or auditor.

    Parameters
    ----------
    person : Credentials or Auditor
        A steward's credentials, which sign what she confirms and are forgotten with the session; an
        auditor has none here.
    mark : str
        Of her password and codes as she signed in; the session ends when they change.
    begun, seen : float
        Seconds of the monotonic clock.
    form_token : str
        Stands in every form, so that no other page can send one.
    drafts : dict of str to Draft or ShareDraft
        By random id.
    notice : str
        What the next page says first.
    """

    person: Credentials | Auditor = field(repr=False)
    mark: str
    begun: float
    seen: float
    form_token: str = field(repr=False, default_factory=new_token)
    drafts: dict[str, Draft | ShareDraft] = field(default_factory=dict)
    notice: str = ""

    @property
    def name(self) -> str:
        """Return the id of who is signed in."""
        return self.person.member.id

    @property
    def role(self) -> Role:
        """Return whether it is a steward or an auditor."""
        return self.person.member.role

    @property
    def home(self) -> str:
        """Return the page where a visit begins."""
        return "/" if self.role is Role.STEWARD else "/log"

    @property
    def credentials(self) -> Credentials:
        """Return what signs for a steward.

        Raises
        ------
        WardnetError
            `ROLE_REFUSED` for an auditor.
        """
        if isinstance(self.person, Auditor):
            raise WardnetError(Reason.ROLE_REFUSED, role=self.role)
        return self.person

    def keep(self, draft: Draft | ShareDraft) -> str:
        """Remember a draft and return its id."""
        while len(self.drafts) >= MAXIMUM_DRAFTS:
            del self.drafts[next(iter(self.drafts))]
        name = new_token()
        self.drafts[name] = draft
        return name

    def take_notice(self) -> str:
        """Return what is to be said, once."""
        notice, self.notice = self.notice, ""
        return notice


class Sessions:
    """Keep the sessions.

    Parameters
    ----------
    now : Callable
        The monotonic clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._sessions: dict[str, Session] = {}

    def open(self, person: Credentials | Auditor, *, mark: str) -> str:
        """Begin a session and return its secret: always a new one."""
        self._drop_ended()
        while len(self._sessions) >= MAXIMUM_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen)]
        token, now = new_token(), self._now()
        self._sessions[token] = Session(person, mark, begun=now, seen=now)
        return token

    def find(self, token: str) -> Session | None:
        """Return the session of a secret, and count it as seen now; None when it has ended."""
        self._drop_ended()
        session = self._sessions.get(token)
        if session is not None:
            session.seen = self._now()
        return session

    def close(self, token: str) -> None:
        """End a session."""
        self._sessions.pop(token, None)

    def _drop_ended(self) -> None:
        now = self._now()
        ended = [
            token
            for token, session in self._sessions.items()
            if now - session.seen >= IDLE_SECONDS or now - session.begun >= LONGEST_SECONDS
        ]
        for token in ended:
            del self._sessions[token]


@dataclass(frozen=True, slots=True)
class Rate:
    """State how often something may happen."""

    times: int
    seconds: float


class Limit:
    """Count what an address does, within a sliding time.

    Parameters
    ----------
    rate : Rate
        Most often.
    now : Callable
        The monotonic clock, in seconds.
    """

    MAXIMUM_ADDRESSES: Final = 10_000

    def __init__(self, rate: Rate, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._seen: dict[str, deque[float]] = {}

    def allows(self, address: str) -> bool:
        """Count one more time; False when it was too often."""
        now = self._now()
        times = self._seen.pop(address, None) or deque[float](maxlen=self._rate.times)
        while times and now - times[0] >= self._rate.seconds:
            times.popleft()
        allowed = len(times) < self._rate.times
        if allowed:
            times.append(now)
        while len(self._seen) >= self.MAXIMUM_ADDRESSES:
            del self._seen[next(iter(self._seen))]  # who was seen longest ago
        self._seen[address] = times
        return allowed
