"""The demonstration's end: a hospital hands records to another, for a while, before an auditor."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from demonstration.stage import Stage
from demonstration.table import PATIENT, Table
from support.member import CommandError, Member, wait_until
from support.network import SHORT, Network
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet_node.desk.shares.describe import stands
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.shares.state import State

PATIENTS: Final = 40
SHORTEST: Final = 5.0
"""Seconds that stand for the hour of the grant."""

COMMANDS: Final = 8
"""How many commands must fit into the grant where this machine is slower than that."""

WAIT_SECONDS: Final = 60.0
WHY: Final = "These patients have moved to us."


@dataclass(frozen=True, slots=True)
class Loan:
    """Hold who lends what to whom.

    Parameters
    ----------
    owner, recipient : Member
        Two hospitals whose nodes serve, and whose stewards know each other.
    table : Table
        What the owner holds.
    columns : Sequence of str
        Two or more that are asked for; the last one is not given.
    """

    owner: Member
    recipient: Member
    table: Table
    columns: Sequence[str]


def lend(network: Network, stage: Stage, loan: Loan, *, auditor: Member) -> None:
    """Let one hospital ask another for records, get them, be audited, and lose them in time."""
    owner, recipient = loan.owner, loan.recipient
    with _shares(owner) as lent, _shares(recipient) as borrowed:
        stage.title(f"{recipient.name} treats patients of {owner.name}, and asks for their records")
        _ask(network, stage, loan)
        (asked,) = borrowed.list()
        share = asked.digest[:SHORT]
        _wait(lambda: bool(lent.inbox()), f"{owner.name} got no request")

        stage.title(f"{owner.name} looks at exactly what would leave, and hands over less")
        _grant(network, stage, loan, share)

        stage.title(
            f"The nodes seal, send and fetch by themselves; {recipient.name} opens and reads"
        )
        _wait(lambda: borrowed.show(share).state is State.FETCHED, "no parcel was fetched")
        stage.tell(recipient, "share", "open", share)
        stage.tell(recipient, "share", "read", share, "--first", "3")

        stage.title("An auditor sees both sides, and proves both logs")
        _audit(network, stage, auditor, (owner, recipient), share=asked.digest)

        stage.title("The time is over")
        _wait(lambda: lent.show(share).state is State.DESTROYED, f"{owner.name} got no receipt")
        stage.refused(recipient, "share", "read", share)
        stage.print(f"(at {owner.name}: {stands(lent.show(share))})")


def _ask(network: Network, stage: Stage, loan: Loan) -> None:
    """Let the recipient's steward ask for some patients' rows, with their numbers."""
    patients = loan.table.hospitals[loan.owner.name][PATIENT].head(PATIENTS)
    listed = network.folder / f"{loan.recipient.name}.patients"
    listed.write_text("\n".join(patients) + "\n")
    stage.tell(
        loan.recipient,
        *("share", "request", loan.owner.name, loan.table.name, "--treatment", WHY),
        *("--columns", ",".join(loan.columns), "--patients", listed, "--identifiers"),
        *network.signs(loan.recipient.name),
    )


def _grant(network: Network, stage: Stage, loan: Loan, share: str) -> None:
    """Let the owner's steward give all columns but one, for as long as some commands take."""
    terms = ("--patient", "keep", "--drop", loan.columns[-1])
    began = time.monotonic()
    stage.tell(loan.owner, "share", "preview", share, *terms)
    seconds = max(SHORTEST, COMMANDS * (time.monotonic() - began))
    stage.print(f"(an hour takes {seconds:.0f} seconds here)")
    hours = ("--hours", f"{seconds / 3600:.5f}")
    signs = network.signs(loan.owner.name)
    stage.tell(loan.owner, "share", "grant", share, *terms, *hours, *signs)


def _audit(
    network: Network, stage: Stage, auditor: Member, sides: Sequence[Member], *, share: str
) -> None:
    """Show what both logs say about a share, and prove that they are whole."""
    for side in sides:
        stage.tell(auditor, "audit", "search", side.name, "--request", share)
    for side in sides:
        bundle = network.folder / f"{side.name}.bundle"
        auditor.run("audit", "export", "bundle", side.name, "-o", bundle)
        stage.tell(auditor, "audit", "verify", bundle, until="Not proven:")


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait for what the daemons do by themselves."""
    if not wait_until(condition, seconds=WAIT_SECONDS):
        raise CommandError(otherwise)


@contextmanager
def _shares(node: Member) -> Iterator[Shares]:
    """Open what a node knows of shares, to see when the other side's words have come."""
    keystore = Keystore.unlock(node.home, node.passphrase_file.read_text().strip())
    opened = Shares.open(node.home, keystore, Credentials.load(node.home, keystore))
    with closing(opened):
        yield opened
