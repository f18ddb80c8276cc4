"""The coordinator's own log, for its operator: reading it is an entry, and who speaks against it.

A coordinator whose log is disputed goes on carrying messages: it is a post office, and no question
rests on its word. But it signs no more checkpoints, says so wherever it is looked at, and keeps
what it was shown: checkpoints that it has signed itself and that its log does not continue.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from wardnet import clock
from wardnet.audit import cosigned, disputes, log
from wardnet.audit.disputes import Evidence
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.identity.credentials import read_trust
from wardnet.transactions import Transactions
from wardnet_coordinator import registry, state


@dataclass(frozen=True, slots=True)
class Witness:
    """Say how far a node has cosigned the log, and whether it speaks against it.

    Parameters
    ----------
    witness : str
        URI.
    cosigned, of : int
        Entries that it has cosigned, and that there are.
    at : str
        When it cosigned last; empty when it never has.
    disputes : bool
        Whether it holds what the log does not continue.
    evidence : tuple of str
        That: checkpoints, as the coordinator has signed them.
    """

    witness: str
    cosigned: int
    of: int
    at: str
    disputes: bool
    evidence: tuple[str, ...]


@contextmanager
def reading(home: Path, operation: str) -> Iterator[sqlite3.Connection]:
    """Write down that the log is read, and only then give what reads it.

    Parameters
    ----------
    home : Path
        The coordinator's folder.
    operation : str
        How it is read.

    Raises
    ------
    WardnetError
        As `state.connect`.
    """
    with closing(state.connect(home)) as connection:
        trust = read_trust(home)
        if trust is not None:
            event = Event(
                type=EventType.LOG_READ,
                outcome=Outcome.DONE,
                node=registry.coordinator(trust.network).uri,
                actor=Actor(subject="operator"),
            )
            with Transactions(connection).transaction():
                log.append(connection, replace(event, operation=operation), at=clock.now())
        yield connection


def witnesses(connection: sqlite3.Connection) -> tuple[Witness, ...]:
    """Return who has cosigned the log or speaks against it, by name."""
    held = {one.name: one for one in cosigned.standings(connection)}
    shown: dict[str, list[str]] = {}
    for item in disputes.evidence(connection):
        shown.setdefault(item.witness, []).append(item.note)
    return tuple(
        Witness(
            witness=name,
            cosigned=held[name].size if name in held else 0,
            of=log.size(connection),
            at=held[name].at if name in held else "",
            disputes=name in shown,
            evidence=tuple(shown.get(name, ())),
        )
        for name in sorted(held.keys() | shown.keys())
    )


def dispute(evidence: Evidence) -> str:
    """Say what a node holds against the log, and what to do."""
    seen = evidence.checkpoint.size
    return (
        f"{evidence.witness} holds a checkpoint of {seen} entries that this log has signed and "
        "does not continue: it was put back, cut off or rewritten. Put the newest whole database "
        "back and call your auditor; `wardnet-coordinator witnesses --json` prints the evidence."
    )
