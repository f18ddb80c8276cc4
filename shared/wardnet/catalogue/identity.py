"""Reasons about who somebody is."""

from collections.abc import Mapping
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

ROWS: Final[Mapping[Reason, Row]] = {
    Reason.PASSPHRASE_WRONG: Row(
        _S.UNAUTHENTICATED,
        "The passphrase does not open {path}. {rule}.",
    ),
    Reason.PASSPHRASE_MISSING: Row(
        _S.UNAUTHENTICATED,
        "A passphrase is needed to open {path}. Name a file that holds it with {setting}, or "
        "run the command on a terminal.",
    ),
    Reason.PASSPHRASE_WEAK: Row(
        _S.INVALID_ARGUMENT, "The passphrase is too short: {rule}. Choose a longer one."
    ),
    Reason.PASSPHRASES_DIFFER: Row(
        _S.INVALID_ARGUMENT,
        "The passphrase was not the same both times. Nothing was done; try again.",
    ),
    Reason.RECOVERY_KEY_WRONG: Row(
        _S.UNAUTHENTICATED,
        "The recovery key does not open {path}: {rule}. Copy it again from your notes.",
    ),
    Reason.LOGIN_REFUSED: Row(
        _S.UNAUTHENTICATED,
        "The login was refused: name, password or code is wrong, or there were ten wrong "
        "attempts. Try again with the next code; after ten wrong attempts wait 15 minutes.",
    ),
    Reason.FILE_MODE: Row(
        _S.FAILED_PRECONDITION,
        "{path} can be read by other users. Run `chmod 600 {path}` and try again.",
    ),
    Reason.INVITATION_MALFORMED: Row(
        _S.INVALID_ARGUMENT,
        "This is not a whole invitation: {rule}. Copy it again, from the first "
        "character to the last.",
    ),
    Reason.INVITATION_REFUSED: Row(
        _S.UNAUTHENTICATED,
        "The invitation was used, has expired, or is for somebody else. Ask the coordinator's "
        "operator for a new one.",
    ),
    Reason.INVITATION_ROLE: Row(
        _S.INVALID_ARGUMENT,
        "The invitation is for a {role}. It is redeemed with {rule}.",
    ),
    Reason.INVITATION_NETWORK: Row(
        _S.INVALID_ARGUMENT,
        "The invitation is for another network than {identity}. Ask the operator of that one "
        "for an invitation.",
    ),
    Reason.FINGERPRINT_NEEDED: Row(
        _S.UNAUTHENTICATED,
        "Nobody has compared the network's fingerprint. Get it from the coordinator's operator "
        "on another way than the invitation, and pass it with --fingerprint.",
    ),
    Reason.FINGERPRINT_MISMATCH: Row(
        _S.UNAUTHENTICATED,
        "The network's fingerprint is {fingerprint}, not the one you gave. Do not go on; call "
        "the coordinator's operator.",
    ),
    Reason.CERTIFICATE_REFUSED: Row(
        _S.UNAUTHENTICATED,
        "The certificate is not accepted: {rule}. Check that both sides belong to the same "
        "network and that the clock is right.",
    ),
    Reason.IDENTITY_MISMATCH: Row(
        _S.UNAUTHENTICATED,
        "The peer claims to be {identity}, and its certificate says otherwise. The "
        "call was refused.",
    ),
    Reason.ROLE_REFUSED: Row(
        _S.PERMISSION_DENIED, "The role of {role} may not do this. Ask with the right identity."
    ),
    Reason.TLS_TOO_OLD: Row(
        _S.UNAUTHENTICATED, "Only TLS 1.3 is accepted. Update the client or the proxy between."
    ),
    Reason.SIGNATURE_INVALID: Row(
        _S.UNAUTHENTICATED, "The signature does not hold: {rule}. Nothing was done."
    ),
    Reason.ANSWER_SEALED: Row(
        _S.UNAUTHENTICATED,
        "The answer is sealed for the home that the query was asked from, and this is another "
        "one. Open it there, or ask again.",
    ),
    Reason.QUERY_EXPIRED: Row(
        _S.FAILED_PRECONDITION,
        "The query is outside its time of validity. Check the clock and ask again.",
    ),
    Reason.QUERY_REPLAYED: Row(
        _S.UNAUTHENTICATED, "This query's nonce was used before. Ask again with a new query."
    ),
    Reason.QUERY_BEFORE_UNLOCK: Row(
        _S.FAILED_PRECONDITION,
        "The query was signed before the hospital's node was unlocked, which cannot tell "
        "whether it was answered before. Ask again with a new query some minutes later.",
    ),
    Reason.QUERY_NOT_FOR_US: Row(
        _S.UNAUTHENTICATED, "The query is addressed to others. Nothing was done."
    ),
    Reason.ALREADY_EXISTS: Row(
        _S.ALREADY_EXISTS, "{path} exists already. Choose another place or name."
    ),
    Reason.KEY_REVOKED: Row(
        _S.UNAUTHENTICATED,
        "The signing key of {identity} was revoked. Ask your organisation for a new one.",
    ),
}
