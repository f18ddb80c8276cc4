"""Reasons about machines, disks and networks."""

from collections.abc import Mapping
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

ROWS: Final[Mapping[Reason, Row]] = {
    Reason.COORDINATOR_AWAY: Row(
        _S.UNAVAILABLE,
        "The coordinator at {address} cannot be reached: {rule}. Check the address, the "
        "network and the proxy, then try again.",
        retry=True,
    ),
    Reason.HOSPITAL_AWAY: Row(
        _S.UNAVAILABLE,
        "{hospital} is not connected, or did not answer in time. `wardnet hospitals` shows who "
        "is there; try again later.",
        retry=True,
    ),
    Reason.SYSLOG_AWAY: Row(
        _S.UNAVAILABLE,
        "The syslog receiver {address} cannot be used: {rule}. Check its address, that it "
        "listens, and for TLS the authority that vouches for it; then send again.",
        retry=True,
    ),
    Reason.NOTIFICATION_AWAY: Row(
        _S.UNAVAILABLE,
        "Nobody can be notified through {address}: {rule}. Check {setting}, that the service "
        "runs, and that a firewall lets the node out to it; then `wardnet-node notify test`.",
        retry=True,
    ),
    Reason.NOTIFICATION_UNTRUSTED: Row(
        _S.UNAUTHENTICATED,
        "Nobody is notified through {address}, for there is no trusted TLS: {rule}. Name the "
        "file of the authority that vouches for it in notify_authority, or correct {setting}; "
        "then `wardnet-node notify test`.",
    ),
    Reason.NOTIFICATION_LOGIN: Row(
        _S.UNAUTHENTICATED,
        "The mail server {address} does not let the node in: {rule}. Correct notify_mail_user "
        "and the file that notify_mail_password_file names, then `wardnet-node notify test`.",
    ),
    Reason.NOTIFICATION_REFUSED: Row(
        _S.FAILED_PRECONDITION,
        "{address} was reached and does not take the notification: {rule}. Correct {setting}, "
        "then `wardnet-node notify test`.",
        retry=True,
    ),
    Reason.NOTIFICATION_OFF: Row(
        _S.FAILED_PRECONDITION,
        "Notifications are off. Set notify_mail_server or notify_webhook, as "
        "docs/hospital.md shows, and try again.",
    ),
    Reason.WAIT_TOO_LONG: Row(
        _S.DEADLINE_EXCEEDED,
        "No answer within {seconds} seconds. The query goes on; `wardnet query wait {query}` "
        "takes it up again.",
        retry=True,
    ),
    Reason.IN_USE: Row(
        _S.FAILED_PRECONDITION,
        "{path} is in use by another process ({rule}). Stop it first.",
        retry=True,
    ),
    Reason.DISK_FULL: Row(
        _S.RESOURCE_EXHAUSTED,
        "The disk of {path} is full. Nothing was stored; free some space and try again.",
        retry=True,
    ),
    Reason.VAULT_DAMAGED: Row(
        _S.DATA_LOSS,
        "{path} does not hold what was stored there: {rule}. Stop the daemon and restore the "
        "home folder from a backup.",
    ),
    Reason.NODE_UNABLE: Row(
        _S.UNAVAILABLE,
        "The hospital cannot use its data at present; its log tells its operator why. Ask "
        "again later, or ask the other hospitals.",
        retry=True,
    ),
    Reason.STATE_DAMAGED: Row(_S.DATA_LOSS, "{path} is damaged: {rule}. Restore it from a backup."),
    Reason.INTERNAL: Row(
        _S.INTERNAL,
        "Something went wrong inside. Tell the operator the incident id {incident}.",
    ),
}
