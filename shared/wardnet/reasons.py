"""What can go wrong: one `Reason` per cause, and the shape of what each means.

The rows themselves are in `wardnet.catalogue`, one module per area; everybody else imports from
`wardnet.errors`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from types import MappingProxyType
from typing import Final


class Status(StrEnum):
    """Name a gRPC status; its position is the commands' exit code."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    ABORTED = "ABORTED"
    UNAVAILABLE = "UNAVAILABLE"
    DATA_LOSS = "DATA_LOSS"
    INTERNAL = "INTERNAL"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    CANCELLED = "CANCELLED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"


EXIT_CODES: Final[Mapping[Status, int]] = MappingProxyType(
    {status: number for number, status in enumerate(Status, start=3)}
)
"""Exit code of each status: 3, 4, 5 ... (0 is success, 1 a crash, 2 a usage error of the shell)."""


class Reason(StrEnum):
    """Name one cause of failure; the catalogue says what it means to a person."""

    # requests: what is asked, and whether it is there
    MALFORMED = "malformed"
    WRONG_SETTING = "wrong_setting"
    COHORT_SYNTAX = "cohort_syntax"
    DICTIONARY_INVALID = "dictionary_invalid"
    STUDY_INVALID = "study_invalid"
    PARAMETER_INVALID = "parameter_invalid"
    NO_MODEL = "no_model"
    MESSAGE_TOO_LARGE = "message_too_large"
    FORM_OUTDATED = "form_outdated"
    DEADLINE_MISSING = "deadline_missing"
    COLUMN_UNAVAILABLE = "column_unavailable"
    DATASET_UNAVAILABLE = "dataset_unavailable"
    PAGE_UNKNOWN = "page_unknown"
    QUERY_UNKNOWN = "query_unknown"
    STUDY_UNKNOWN = "study_unknown"
    STUDY_NEEDED = "study_needed"
    NOT_INITIALISED = "not_initialised"
    METHOD_UNKNOWN = "method_unknown"
    DICTIONARY_OUTDATED = "dictionary_outdated"
    # intake: files that become datasets
    FILE_UNREADABLE = "file_unreadable"
    FILE_EMPTY = "file_empty"
    FILE_TRUNCATED = "file_truncated"
    FILE_ENCODING = "file_encoding"
    FILE_IS_UTF_8 = "file_is_utf_8"
    FILE_QUOTES = "file_quotes"
    FILE_HEADER = "file_header"
    ROWS_REJECTED = "rows_rejected"
    ROWS_LOST = "rows_lost"
    DICTIONARY_MISMATCH = "dictionary_mismatch"
    LOCAL_PART_LOST = "local_part_lost"
    NOT_ADOPTED = "not_adopted"
    # identity: who somebody is
    PASSPHRASE_WRONG = "passphrase_wrong"
    PASSPHRASE_MISSING = "passphrase_missing"
    PASSPHRASE_WEAK = "passphrase_weak"
    PASSPHRASES_DIFFER = "passphrases_differ"
    RECOVERY_KEY_WRONG = "recovery_key_wrong"
    LOGIN_REFUSED = "login_refused"
    FILE_MODE = "file_mode"
    INVITATION_MALFORMED = "invitation_malformed"
    INVITATION_REFUSED = "invitation_refused"
    INVITATION_ROLE = "invitation_role"
    INVITATION_NETWORK = "invitation_network"
    FINGERPRINT_NEEDED = "fingerprint_needed"
    FINGERPRINT_MISMATCH = "fingerprint_mismatch"
    CERTIFICATE_REFUSED = "certificate_refused"
    IDENTITY_MISMATCH = "identity_mismatch"
    ROLE_REFUSED = "role_refused"
    TLS_TOO_OLD = "tls_too_old"
    SIGNATURE_INVALID = "signature_invalid"
    ANSWER_SEALED = "answer_sealed"
    QUERY_EXPIRED = "query_expired"
    QUERY_REPLAYED = "query_replayed"
    QUERY_BEFORE_UNLOCK = "query_before_unlock"
    QUERY_NOT_FOR_US = "query_not_for_us"
    ALREADY_EXISTS = "already_exists"
    KEY_REVOKED = "key_revoked"
    # permission: what a hospital permits, and what it may disclose
    STUDY_DECIDED = "study_decided"
    AGREEMENT_MISSING = "agreement_missing"
    AGREEMENT_TOO_WIDE = "agreement_too_wide"
    AGREEMENT_SUPERSEDED = "agreement_superseded"
    AGREEMENT_ENDED = "agreement_ended"
    AGREEMENT_REVOKED = "agreement_revoked"
    APPROVAL_MISSING = "approval_missing"
    RESEARCHER_NOT_NAMED = "researcher_not_named"
    RESEARCHER_NOT_VOUCHED = "researcher_not_vouched"
    OUTSIDE_AGREEMENT = "outside_agreement"
    QUOTA_USED_UP = "quota_used_up"
    REVOCATIONS_STALE = "revocations_stale"
    REVOCATIONS_ROLLED_BACK = "revocations_rolled_back"
    AUDIT_NOT_GRANTED = "audit_not_granted"
    AUDIT_OUTSIDE_GRANT = "audit_outside_grant"
    ANSWER_NOT_KEPT = "answer_not_kept"
    COHORT_TOO_SMALL = "cohort_too_small"
    COMPLEMENT_TOO_SMALL = "complement_too_small"
    IMPLAUSIBLE_TOTAL = "implausible_total"
    # rounds: rounds and their hospitals
    HOSPITALS_LOST = "hospitals_lost"
    HOSPITAL_REFUSED = "hospital_refused"
    ROUNDS_DIVERGED = "rounds_diverged"
    INTERIM_DIFFERS = "interim_differs"
    QUERY_CANCELLED = "query_cancelled"
    SUPERSEDED = "superseded"
    LEASE_ENDED = "lease_ended"
    WORK_LIMIT = "work_limit"
    # sharing: records that one hospital hands to another
    DATASET_RECEIVED = "dataset_received"
    LINK_MALFORMED = "link_malformed"
    SHARE_UNKNOWN = "share_unknown"
    SHARE_DECIDED = "share_decided"
    SHARE_NOT_FOR_US = "share_not_for_us"
    SHARE_IDENTIFIERS = "share_identifiers"
    SHARE_TOO_WIDE = "share_too_wide"
    SHARE_REPLAYED = "share_replayed"
    SHARE_ENDED = "share_ended"
    SHARE_REVOKED = "share_revoked"
    SHARE_USED_UP = "share_used_up"
    GRANT_INVALID = "grant_invalid"
    DEIDENTIFICATION_INVALID = "deidentification_invalid"
    PATIENT_ID_TOO_LONG = "patient_id_too_long"
    PATIENTS_NOT_NAMED = "patients_not_named"
    SNAPSHOT_GONE = "snapshot_gone"
    NOTHING_TO_SHARE = "nothing_to_share"
    CONSENT_MISSING = "consent_missing"
    LIST_ENCODING = "list_encoding"
    PARCEL_DAMAGED = "parcel_damaged"
    PARCEL_REFUSED = "parcel_refused"
    PARCEL_TOO_LARGE = "parcel_too_large"
    ATTACHMENT_NAME = "attachment_name"
    ATTACHMENT_NOT_GRANTED = "attachment_not_granted"
    ATTACHMENT_MISSING = "attachment_missing"
    ATTACHMENT_UNKNOWN = "attachment_unknown"
    SHARE_COLUMN_UNKNOWN = "share_column_unknown"
    RELAY_AWAY = "relay_away"
    NODE_AWAY = "node_away"
    PARCEL_UNKNOWN = "parcel_unknown"
    PARCEL_INCOMPLETE = "parcel_incomplete"
    PARCEL_OVERSIZE = "parcel_oversize"
    TRANSFER_ALTERED = "transfer_altered"
    RELAY_FULL = "relay_full"
    # models: answers that predict, as they are handed on
    MODEL_UNREADABLE = "model_unreadable"
    MODEL_ALTERED = "model_altered"
    MODEL_FOREIGN = "model_foreign"
    MODEL_UNPROVEN = "model_unproven"
    MODEL_UNKNOWN = "model_unknown"
    MODEL_NAME_TAKEN = "model_name_taken"
    MODEL_QUOTA = "model_quota"
    MODEL_EXPORT = "model_export"
    MODEL_COLUMN_FOREIGN = "model_column_foreign"
    MODEL_ROWS_REJECTED = "model_rows_rejected"
    EXTRA_MISSING = "extra_missing"
    # log: the access log and its proofs
    LOG_DAMAGED = "log_damaged"
    NODE_LOCKED = "node_locked"
    NODE_NOT_LOCKED = "node_not_locked"
    CHECKPOINT_MALFORMED = "checkpoint_malformed"
    CHECKPOINT_UNSIGNED = "checkpoint_unsigned"
    COSIGNATURE_INVALID = "cosignature_invalid"
    LOG_KEY_MISMATCH = "log_key_mismatch"
    ENTRY_UNCOVERED = "entry_uncovered"
    PROOF_REFUSED = "proof_refused"
    CONSISTENCY_REFUSED = "consistency_refused"
    LOG_UNKNOWN = "log_unknown"
    CHECKPOINT_OUTDATED = "checkpoint_outdated"
    LOG_FORKED = "log_forked"
    LOG_ROLLED_BACK = "log_rolled_back"
    LOG_UNPROVEN = "log_unproven"
    LOG_STALE = "log_stale"
    LOG_COVERED = "log_covered"
    RECOVERY_UNPROVEN = "recovery_unproven"
    RECOVERY_UNSIGNED = "recovery_unsigned"
    PROMISE_MISSING = "promise_missing"
    DETAIL_ERASED = "detail_erased"
    BUNDLE_MALFORMED = "bundle_malformed"
    BUNDLE_REWRITTEN = "bundle_rewritten"
    # machines: machines, disks and networks
    COORDINATOR_AWAY = "coordinator_away"
    HOSPITAL_AWAY = "hospital_away"
    SYSLOG_AWAY = "syslog_away"
    NOTIFICATION_AWAY = "notification_away"
    NOTIFICATION_UNTRUSTED = "notification_untrusted"
    NOTIFICATION_LOGIN = "notification_login"
    NOTIFICATION_REFUSED = "notification_refused"
    NOTIFICATION_OFF = "notification_off"
    WAIT_TOO_LONG = "wait_too_long"
    IN_USE = "in_use"
    DISK_FULL = "disk_full"
    VAULT_DAMAGED = "vault_damaged"
    NODE_UNABLE = "node_unable"
    STATE_DAMAGED = "state_damaged"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Row:
    """Say what one reason means.

    Parameters
    ----------
    status : Status
        The gRPC status it travels as.
    sentence : str
        What a person reads; `{name}` takes a detail of `DETAIL_NAMES`.
    retry : bool
        Whether the same call may succeed later without a change.
    """

    status: Status
    sentence: str
    retry: bool = False

    @property
    def exit_code(self) -> int:
        """Return the commands' exit code for this row."""
        return EXIT_CODES[self.status]

    @property
    def fields(self) -> frozenset[str]:
        """Return the detail names that the sentence uses."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self.sentence) if name)


DETAIL_NAMES: Final = frozenset(
    {
        "field",
        "rule",
        "file",
        "line",
        "column",
        "position",
        "report",
        "path",
        "dataset",
        "study",
        "hospital",
        "hospitals",
        "method",
        "parameter",
        "role",
        "identity",
        "fingerprint",
        "address",
        "version",
        "query",
        "share",
        "model",
        "incident",
        "seconds",
        "setting",
        "size",
    }
)
"""The only details an error may carry; none can hold a patient's value."""
