"""Who vouches for the access log, how far and since when, in words for people."""

from dataclasses import dataclass
from datetime import datetime

from wardnet import clock
from wardnet.audit import cosigned, disputes
from wardnet.audit.cosigned import Coverage
from wardnet.audit.log import Connection
from wardnet_node.desk import words


@dataclass(frozen=True, slots=True)
class Voucher:
    """Say how far one witness has gone.

    Parameters
    ----------
    name : str
        URI.
    counts : bool
        Whether its key stands in the address book.
    size : int
        Entries that it has cosigned; 0 for none.
    at : str
        When it cosigned last; empty when it never has.
    disputes : bool
        Whether it holds what the log does not continue.
    """

    name: str
    counts: bool
    size: int
    at: str
    disputes: bool


@dataclass(frozen=True, slots=True)
class Vouched:
    """Hold who vouches for the log.

    Parameters
    ----------
    coverage : Coverage
        How much of it enough others vouch for.
    vouchers : tuple of Voucher
        Everybody who could, by name.
    """

    coverage: Coverage
    vouchers: tuple[Voucher, ...]

    def is_well(self, at: datetime) -> bool:
        """Say whether others vouch for the log, and none against it."""
        disputed = any(one.disputes for one in self.vouchers)
        return bool(self.coverage.peers) and not disputed and not self.coverage.is_stale(at)

    def words(self, at: datetime) -> str:
        """Say how much of the log others vouch for, and what to do where it is too little."""
        against = [one.name.rpartition("/")[2] for one in self.vouchers if one.disputes]
        told = _coverage(self.coverage, at)
        if against:
            told += f" Another history than ours was shown by {' and '.join(against)}."
        return told


def read(connection: Connection) -> Vouched:
    """Return who vouches for the log now."""
    counting = cosigned.pinned(connection)
    held = {one.name: one for one in cosigned.standings(connection)}
    disputed = {item.witness for item in disputes.evidence(connection)}
    return Vouched(
        cosigned.coverage(connection),
        tuple(
            Voucher(
                name,
                counts=name in counting,
                size=held[name].size if name in held else 0,
                at=held[name].at if name in held else "",
                disputes=name in disputed,
            )
            for name in sorted(held.keys() | counting.keys() | disputed)
        ),
    )


def _coverage(found: Coverage, at: datetime) -> str:
    if not found.peers:
        return (
            "No other hospital can witness this log: the address book names no node's key. The "
            "coordinator's cosignature counts for nothing alone."
        )
    few = "" if found.peers > 1 else " Only one other hospital is known; two make it much stronger."
    told = (
        f"{found.covered} of {found.size} entries are confirmed by {found.needed} of "
        f"{found.peers} other hospitals.{few}"
    )
    if found.until is None:
        return told
    stale = "No question is answered since" if found.is_stale(at) else "It must be more by"
    return f"{told} {stale} {words.moment(clock.to_moment(found.until))}."
