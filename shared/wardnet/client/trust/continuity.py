"""Whether a log is the one that was seen before, or one that its stewards let begin anew."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wardnet.audit import beginning, checkpoint, note, tree
from wardnet.audit.beginning import Approvers
from wardnet.audit.bundle import Bundle
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.verifier import Verdict
from wardnet.client.trust.pins import Accepted, Pins
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Trust

_UNCHECKED: Final = (
    "Whether two stewards let the log begin anew as {origin}: that can be checked where the "
    "network was joined with `wardnet login`."
)


def continued(
    bundle: Bundle,
    verdict: Verdict,
    *,
    seen: str | None,
    proof: Sequence[str],
    pins: Pins,
    trust: Trust,
) -> Verdict:
    """Return what is proven of a log as it is now, that it is the one seen before included.

    Parameters
    ----------
    bundle : Bundle
        Verified before.
    verdict : Verdict
        Of it.
    seen : str or None
        The newest checkpoint that was shown before, a signed note.
    proof : sequence of str
        Consistency proof from there, hexadecimal.
    pins : Pins
        Holds compared keys, and beginnings that were accepted.
    trust : Trust
        Whose members stewards are.

    Raises
    ------
    WardnetError
        `CONSISTENCY_REFUSED` when it is another log; `LOG_ROLLED_BACK`, `RECOVERY_UNSIGNED`,
        `RECOVERY_UNPROVEN` or `LOG_KEY_MISMATCH` when it is another beginning of it, which nobody
        has accounted for.
    """
    before, after = _checkpoint(seen) if seen else None, _checkpoint(bundle.checkpoint)
    if before is None or before.origin != after.origin:
        if before is not None and after.number < before.number:
            raise WardnetError(Reason.LOG_ROLLED_BACK, size=before.size)
        return begun_anew(bundle, verdict, seen=seen, pins=pins, trust=trust)
    tree.verify_consistency(
        old=before.size,
        old_root=before.root,
        new=after.size,
        new_root=after.root,
        proof=[bytes.fromhex(item) for item in proof],
    )
    told = f"The {before.size} entries that you saw before are its beginning, unchanged."
    return replace(verdict, proven=(*verdict.proven, told))


def begun_anew(
    bundle: Bundle, verdict: Verdict, *, seen: str | None, pins: Pins, trust: Trust | None
) -> Verdict:
    """Return what is proven of a log, that its stewards let it begin anew included where they did.

    Parameters
    ----------
    trust : Trust or None
        Whose members stewards are; None where no network was joined: then that stays open.

    Raises
    ------
    WardnetError
        `RECOVERY_UNSIGNED`, `RECOVERY_UNPROVEN` or `LOG_KEY_MISMATCH`.
    """
    before, after = _checkpoint(seen) if seen else None, _checkpoint(bundle.checkpoint)
    if before is not None and after.number < before.number:
        open_ = f"Whether it went on so: you have seen it begin anew as {before.origin}."
        return replace(verdict, not_proven=(open_, *verdict.not_proven))
    if after.number == 1:
        return verdict
    if trust is None:
        open_ = _UNCHECKED.format(origin=after.origin)
        return replace(verdict, not_proven=(open_, *verdict.not_proven))
    if before is not None and before.origin == after.origin:
        before = None  # what was shown under this origin had to account for what was before it
    accepted = pins.accepted(after.origin, seen) if before and seen else None
    signers = beginning.check(
        bundle.recovery,
        anew=after,
        held=None if accepted else before,
        key=Ed25519PublicKey.from_public_bytes(bytes.fromhex(bundle.keys[after.origin])),
        approvers=Approvers(trust),
    )
    proven, vouched = _told(after, before, accepted)
    by, unknown = _signed(signers, pins)
    return replace(
        verdict,
        proven=(*verdict.proven, proven, by),
        not_proven=(*vouched, *unknown, *verdict.not_proven),
    )


def _told(
    after: Checkpoint, before: Checkpoint | None, accepted: Accepted | None
) -> tuple[str, tuple[str, ...]]:
    """Say that it began anew, and what its stewards alone vouch for."""
    anew = f"It began anew as {after.origin}, by an entry"
    if before is None:
        return f"{anew} that two stewards have signed.", ()
    what = f"the {before.size} entries that you saw before"
    if accepted is None:
        open_ = f"Whether it still tells {what}: its stewards vouch for that."
        return f"{anew} in which its stewards name {what}.", (open_,)
    open_ = f"Whether it still tells {what}: you accepted at {accepted.at} that it does not name"
    return f"{anew} that two stewards have signed.", (f"{open_} them: {accepted.reason}",)


def _signed(signers: dict[str, str], pins: Pins) -> tuple[str, tuple[str, ...]]:
    """Say who has signed, and whose keys nobody has compared; refuse another key than a pinned."""
    keys = pins.keys
    for name, fingerprint in signers.items():
        if keys.get(name, fingerprint) != fingerprint:
            raise WardnetError(Reason.LOG_KEY_MISMATCH, identity=name, fingerprint=fingerprint)
    unknown = tuple(
        f"Whether {name} is a steward of that hospital: compare {fingerprint} with her on another "
        "way, then pin it."
        for name, fingerprint in sorted(signers.items())
        if name not in keys
    )
    return f"The beginning is signed by {' and '.join(sorted(signers))}.", unknown


def _checkpoint(signed: str) -> Checkpoint:
    return checkpoint.parse(note.parse(signed).text)
