"""Beginnings: what a log must show that goes on under another origin.

Whoever has a hospital's disk and passphrase has the key of its log, but not those of its stewards.
So a new beginning counts only with the signatures of two of them, over a statement that names what
the reader has seen of the log before, and the history that it goes on from. Nothing witnessed can
be left out in silence, and nothing can be told anew behind the stewards' backs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wardnet import clock
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit import entry as entries
from wardnet.audit import note, recovery, tree
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.recovery import PAYLOAD_TYPE, BreakGlass, Recovery
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import read_certificate
from wardnet.identity.envelope import Trust, verify
from wardnet.identity.member import Member, Role

FEWEST_STEWARDS: Final = 2


@dataclass(frozen=True, slots=True)
class Approvers:
    """Say who may let a hospital's log begin anew.

    A certificate says that its holder is a steward, but not of which hospital: that says whoever
    has compared keys.

    Parameters
    ----------
    trust : Trust
        Whose members they are.
    known : tuple of frozenset of str
        Fingerprints of the hospital's stewards that were compared, one set for each person. Where
        there are two or more, nobody else counts; where there is one, this one must have signed.
    refused : frozenset of str
        Fingerprints that never count: taken back, or of another hospital's stewards.
    """

    trust: Trust
    known: tuple[frozenset[str], ...] = ()
    refused: frozenset[str] = frozenset()

    def agree(self, signers: Mapping[str, str]) -> bool:
        """Say whether these stewards, keys by URI, are two who may."""
        keys = frozenset(signers.values()) - self.refused
        compared = sum(not keys.isdisjoint(person) for person in self.known)
        others = keys.difference(*self.known)
        return compared + len(others) >= FEWEST_STEWARDS and compared >= min(
            FEWEST_STEWARDS, len(self.known)
        )


def check(
    shown: Recovery | None,
    *,
    anew: Checkpoint,
    held: Checkpoint | None,
    key: Ed25519PublicKey,
    approvers: Approvers,
) -> dict[str, str]:
    """Refuse a log that begins anew without its stewards, or without naming what is held of it.

    Parameters
    ----------
    shown : Recovery or None
        What came with the checkpoint.
    anew : Checkpoint
        One under the new origin; its signature holds.
    held : Checkpoint or None
        What the reader has seen last, under an older origin; None for nothing.
    key : Ed25519PublicKey
        The log's.
    approvers : Approvers
        Whose signatures count.

    Returns
    -------
    dict of str to str
        The stewards who have signed: fingerprints by URI.

    Raises
    ------
    WardnetError
        `RECOVERY_UNSIGNED` when not two stewards have signed; else `RECOVERY_UNPROVEN`.
    """
    try:
        if shown is None:
            raise _unproven(anew, "it shows no entry that says so")
        entry = _entry(shown, anew)
        signers = _signers(shown, entry, anew, approvers)
        statement = _statement(shown, entry, anew)
        if held is not None and not names(statement, held, key=key):
            raise _unproven(anew, f"it does not name its checkpoint of {held.size} entries")
    except WardnetError as error:
        if error.reason in {Reason.RECOVERY_UNPROVEN, Reason.RECOVERY_UNSIGNED}:
            raise
        raise _unproven(anew, "what it shows does not hold") from error
    return signers


def names(statement: BreakGlass, held: Checkpoint, *, key: Ed25519PublicKey) -> bool:
    """Say whether the stewards have named a checkpoint, or one that the log has signed later."""
    found = (_named(text, key=key) for text in statement.witnessed)
    return any(_covers(one, held) for one in found if one)


def _entry(shown: Recovery, anew: Checkpoint) -> Entry:
    """Return the entry, which is one of the log that begins anew and says that it does."""
    data = shown.entry.encode()
    tree.verify_inclusion(
        tree.leaf_hash(data),
        index=shown.seq - 1,
        size=anew.size,
        proof=[bytes.fromhex(item) for item in shown.proof],
        root=anew.root,
    )
    entry = entries.from_bytes(data)
    if (entry.type, entry.outcome, entry.node) != (
        EventType.BREAK_GLASS,
        Outcome.DONE,
        anew.owner,
    ):
        raise _unproven(anew, "its entry says something else")
    return entry


def _signers(
    shown: Recovery, entry: Entry, anew: Checkpoint, approvers: Approvers
) -> dict[str, str]:
    """Return the stewards who have signed the entry's statement; they are two who may."""
    envelope, at = recovery.envelope(shown, entry.statement or ""), clock.from_moment(entry.time)
    # 1. All signatures hold, of members of the network as it was then, each once.
    try:
        members = verify(envelope, payload_type=PAYLOAD_TYPE, trust=approvers.trust, at=at)
    except WardnetError as error:
        raise _unsigned(anew, str(error.details["rule"])) from error
    signers = {
        member.uri: _fingerprint(signature.certificates[0])
        for member, signature in zip(members, envelope.signatures, strict=True)
        if member.role is Role.STEWARD
    }
    # 2. Two of them are stewards who may, and the log names these and nobody else.
    if not approvers.agree(signers):
        raise _unsigned(anew, "they are not two stewards of it whose keys count here")
    if set(signers.values()) != set(entry.approvals):
        raise _unsigned(anew, "its entry names others")
    return signers


def _statement(shown: Recovery, entry: Entry, anew: Checkpoint) -> BreakGlass:
    """Return what the stewards have signed, which is about this beginning of this log."""
    statement = recovery.from_bytes((entry.statement or "").encode())
    owner = Member(statement.network, Role.NODE, statement.hospital).uri
    if (owner, statement.origin) != (anew.owner, anew.origin):
        raise _unproven(anew, "its entry names another origin")
    present = statement.present
    if shown.seq != present.size + 1:
        raise _unproven(anew, "its entry stands elsewhere than where it was signed")
    tree.verify_consistency(
        old=present.size,
        old_root=bytes.fromhex(present.root),
        new=anew.size,
        new_root=anew.root,
        proof=[bytes.fromhex(item) for item in shown.history],
    )
    return statement


def _named(text: str, *, key: Ed25519PublicKey) -> Checkpoint | None:
    """Return a named checkpoint that the log has signed; None for another."""
    signed = note.parse(text)
    checkpoint = checkpoints.parse(signed.text)
    try:
        note.verify(signed, name=checkpoint.origin, key=key)
    except WardnetError:
        return None
    return checkpoint


def _covers(named: Checkpoint, held: Checkpoint) -> bool:
    if named.owner != held.owner or named.number < held.number:
        return False
    return named == held or named.number > held.number or named.size > held.size


def _fingerprint(certificate: bytes) -> str:
    return note.fingerprint(cast("Ed25519PublicKey", read_certificate(certificate).public_key()))


def _unproven(anew: Checkpoint, rule: str) -> WardnetError:
    return WardnetError(Reason.RECOVERY_UNPROVEN, identity=anew.origin, rule=rule)


def _unsigned(anew: Checkpoint, rule: str) -> WardnetError:
    return WardnetError(Reason.RECOVERY_UNSIGNED, identity=anew.origin, rule=rule)
