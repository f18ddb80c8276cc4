"""Reasons about the access log and its proofs."""

from collections.abc import Mapping
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

ROWS: Final[Mapping[Reason, Row]] = {
    Reason.LOG_DAMAGED: Row(
        _S.DATA_LOSS,
        "The access log is broken at entry {line}: {rule}. Keep the file as evidence and call "
        "your auditor.",
    ),
    Reason.NODE_LOCKED: Row(
        _S.DATA_LOSS,
        "The access log is not what it was: {rule}. Keep it as evidence and put the newest whole "
        "catalog back; where that is an older one, two stewards unlock the node: `wardnet-node "
        "unlock --reason TEXT --steward A --steward B`.",
    ),
    Reason.NODE_NOT_LOCKED: Row(
        _S.FAILED_PRECONDITION,
        "The node is not locked: its access log is whole. Start it with `wardnet-node serve`.",
    ),
    Reason.CHECKPOINT_MALFORMED: Row(
        _S.INVALID_ARGUMENT,
        "The checkpoint cannot be read: {rule}. Ask for it again where you got it.",
    ),
    Reason.CHECKPOINT_UNSIGNED: Row(
        _S.UNAUTHENTICATED,
        "The checkpoint does not come from {identity}: {rule}. Keep it as evidence, believe "
        "nothing that rests on it, and call the log's owner.",
    ),
    Reason.COSIGNATURE_INVALID: Row(
        _S.UNAUTHENTICATED,
        "The cosignature of {identity} does not belong to the checkpoint: {rule}. Keep it as "
        "evidence and call that witness.",
    ),
    Reason.LOG_KEY_MISMATCH: Row(
        _S.UNAUTHENTICATED,
        "The key given for {identity} has the fingerprint {fingerprint}, not the one that you "
        "have compared. Do not go on; call its owner.",
    ),
    Reason.ENTRY_UNCOVERED: Row(
        _S.FAILED_PRECONDITION,
        "No checkpoint covers entry {line} yet. Try again in a minute.",
        retry=True,
    ),
    Reason.PROOF_REFUSED: Row(
        _S.DATA_LOSS,
        "Entry {line} is not proven: {rule}. Keep it as evidence, and ask for it again.",
    ),
    Reason.CONSISTENCY_REFUSED: Row(
        _S.DATA_LOSS,
        "The later log is not proven to continue the earlier one: {rule}. Keep both "
        "checkpoints as evidence and call the log's owner.",
    ),
    Reason.LOG_UNKNOWN: Row(
        _S.NOT_FOUND,
        "The log {identity} is not witnessed here. Ask the witness's stewards to add its key.",
    ),
    Reason.CHECKPOINT_OUTDATED: Row(
        _S.ABORTED,
        "The witness holds the log of {identity} at size {size}. Prove that the log continues "
        "from there.",
        retry=True,
    ),
    Reason.LOG_FORKED: Row(
        _S.DATA_LOSS,
        "The log of {identity} has shown two histories of the same size. Both checkpoints are "
        "kept as evidence; call its owner and your auditor.",
    ),
    Reason.LOG_ROLLED_BACK: Row(
        _S.DATA_LOSS,
        "A witness has seen {size} entries of this log, and it holds fewer: an older copy was "
        "put back, or its end is gone. Keep the file as evidence; two stewards decide.",
    ),
    Reason.LOG_UNPROVEN: Row(
        _S.UNAVAILABLE,
        "The hospital {hospital} has started again, and no other hospital has confirmed yet "
        "that its access log is whole. Ask again in a minute.",
        retry=True,
    ),
    Reason.LOG_STALE: Row(
        _S.FAILED_PRECONDITION,
        "The hospital {hospital} answers no question: for more than a day too few other "
        "hospitals have confirmed its access log. Its operator finds them with `wardnet-node "
        "log witnesses`; two of its stewards may extend the time: `wardnet-node log extend "
        "--reason TEXT --steward A --steward B`.",
    ),
    Reason.LOG_COVERED: Row(
        _S.FAILED_PRECONDITION,
        "There is nothing to extend: enough other hospitals have confirmed the whole access "
        "log, or none could.",
    ),
    Reason.RECOVERY_UNPROVEN: Row(
        _S.DATA_LOSS,
        "The log {identity} has begun anew without telling what was lost: {rule}. Believe "
        "nothing that rests on it, and call the hospital's stewards; an auditor to whom they "
        "account for it goes on with `wardnet audit trust accept {identity} --reason TEXT`.",
    ),
    Reason.RECOVERY_UNSIGNED: Row(
        _S.UNAUTHENTICATED,
        "The log {identity} has begun anew, and two stewards of its hospital have not signed "
        "that: {rule}. Believe nothing that rests on it, keep it as evidence, and call them.",
    ),
    Reason.PROMISE_MISSING: Row(
        _S.DATA_LOSS,
        "The answer of {hospital} came without its promise that the answer stands in its "
        "access log. Call the hospital: it, or the coordinator on the way, left it out.",
    ),
    Reason.DETAIL_ERASED: Row(
        _S.NOT_FOUND,
        "What entry {line} said of its patient was erased, or its time was over. The entry "
        "itself and its proof stand.",
    ),
    Reason.BUNDLE_MALFORMED: Row(
        _S.INVALID_ARGUMENT,
        "The bundle cannot be read at line {line}: {rule}. Ask for it again.",
    ),
    Reason.BUNDLE_REWRITTEN: Row(
        _S.DATA_LOSS,
        "The entries are not those of the checkpoint at size {line}: one or more were changed, "
        "moved or taken out. Keep the bundle as evidence and ask for it again.",
    ),
}
