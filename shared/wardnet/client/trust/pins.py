"""What its owner holds against the network: keys compared by people, and logs seen before."""

from dataclasses import field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical, clock
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit import note
from wardnet.audit.checkpoint import Checkpoint
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity.files import read_private, write_private
from wardnet.identity.member import Member
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Paragraph
from wardnet.question.query import Digest

FILE_NAME: Final = "audit.json"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Accepted:
    """Record that somebody believes a log that does not account for what was seen of it.

    Parameters
    ----------
    origin : str
        Under which it goes on.
    before : str
        The newest checkpoint that was seen of it, a signed note.
    at : str
        When it was accepted.
    reason : str
        Why: whom one has asked, and what they said.
    """

    origin: str
    before: str
    at: Moment
    reason: Paragraph


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Pinned:
    """Hold what is kept.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    keys : dict of str to str
        Fingerprints that were compared, by a node's URI, the origin of its log, or the name of
        a witness.
    seen : dict of str to str
        The newest checkpoint that was shown and held, a signed note, by origin.
    accepted : tuple of Accepted
        Beginnings that were accepted on somebody's word, in order; none is ever taken out.
    """

    version: Literal[1] = 1
    keys: dict[str, Digest] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    accepted: tuple[Accepted, ...] = ()


_ADAPTER: Final = TypeAdapter(Pinned)


class Pins:
    """Keep pins in a member's home; what is not there yet is empty.

    Parameters
    ----------
    home : Path
        The folder.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE_NAME

    @property
    def keys(self) -> dict[str, str]:
        """Return the compared fingerprints by name."""
        return dict(self._read().keys)

    def add(self, name: str, fingerprint: str) -> None:
        """Pin a key.

        Raises
        ------
        WardnetError
            `ALREADY_EXISTS` when another key is pinned under this name; `PARAMETER_INVALID`.
        """
        _check_origin(name)
        pinned = self._read()
        if pinned.keys.get(name, fingerprint) != fingerprint:
            raise WardnetError(Reason.ALREADY_EXISTS, path=f"a pin of {name}")
        try:
            self._write(
                Pinned(
                    keys={**pinned.keys, name: fingerprint},
                    seen=pinned.seen,
                    accepted=pinned.accepted,
                )
            )
        except ValueError as error:
            rule = "takes 64 hexadecimal characters"
            raise _invalid(rule=rule, parameter="fingerprint") from error

    def remove(self, name: str) -> None:
        """Take a pin away.

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID` when there is none.
        """
        pinned = self._read()
        if name not in pinned.keys:
            raise _invalid(rule="is not pinned; `wardnet audit trust list` shows what is")
        keys = {other: key for other, key in pinned.keys.items() if other != name}
        self._write(replace(pinned, keys=keys))

    def seen(self, origin: str) -> str | None:
        """Return the newest checkpoint of a log that was shown here; None before the first."""
        return self._read().seen.get(origin)

    def see(self, origin: str, checkpoint: str) -> None:
        """Remember a checkpoint that holds and continues the one before."""
        pinned = self._read()
        if pinned.seen.get(origin) != checkpoint:
            self._write(replace(pinned, seen={**pinned.seen, origin: checkpoint}))

    @property
    def acceptances(self) -> tuple[Accepted, ...]:
        """Return the beginnings that were accepted, in order."""
        return self._read().accepted

    def accepted(self, origin: str, before: str) -> Accepted | None:
        """Return that a beginning was accepted although it leaves out a checkpoint; else None."""
        found = (one for one in self.acceptances if (one.origin, one.before) == (origin, before))
        return next(found, None)

    def accept(self, origin: str, *, reason: str, at: datetime) -> Accepted:
        """Accept, and record, that a log goes on under an origin without what was seen of it.

        Parameters
        ----------
        reason : str
            Why: whom one has asked, and what they said.

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID` when nothing was seen of an earlier beginning of this log;
            `MALFORMED` for the reason.
        """
        _check_origin(origin)
        pinned, anew = self._read(), Checkpoint(origin, 0, b"")
        before = pinned.seen.get(anew.owner)
        if before is None or checkpoints.parse(note.parse(before).text).number >= anew.number:
            raise _invalid(rule="is no later beginning of a log that was shown to you before")
        accepted = canonical.validated(
            lambda: Accepted(origin=origin, before=before, at=clock.to_moment(at), reason=reason)
        )
        self._write(replace(pinned, accepted=(*pinned.accepted, accepted)))
        return accepted

    def _read(self) -> Pinned:
        try:
            return canonical.read(_ADAPTER, read_private(self._path))
        except FileNotFoundError:
            return Pinned()
        except WardnetError as error:
            if error.reason is not Reason.MALFORMED:
                raise
            rule = "it is not a list of pins"
            raise WardnetError(Reason.STATE_DAMAGED, path=str(self._path), rule=rule) from error

    def _write(self, pinned: Pinned) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._path, canonical.write(_ADAPTER, pinned))


def _check_origin(name: str) -> None:
    """Refuse a name that no log and no witness can have: such a pin would never count."""
    try:
        Member.from_uri(Checkpoint(name, 0, b"").owner)
    except WardnetError as error:
        raise _invalid(rule="is written like wardnet://heartnet/node/north") from error


def _invalid(*, rule: str, parameter: str = "origin") -> WardnetError:
    return WardnetError(Reason.PARAMETER_INVALID, method="A pin", parameter=parameter, rule=rule)
