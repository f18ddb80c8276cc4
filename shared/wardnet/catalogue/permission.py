"""Reasons about what a hospital permits, and what it may disclose."""

from collections.abc import Mapping
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

ROWS: Final[Mapping[Reason, Row]] = {
    Reason.STUDY_DECIDED: Row(
        _S.FAILED_PRECONDITION, "{hospital} cannot decide so on this study: {rule}."
    ),
    Reason.AGREEMENT_MISSING: Row(
        _S.PERMISSION_DENIED,
        "{hospital} has not agreed to this study. Ask its steward.",
    ),
    Reason.AGREEMENT_TOO_WIDE: Row(
        _S.FAILED_PRECONDITION,
        "The agreement goes beyond its study at {field}: {rule}. Narrow it and sign it again.",
    ),
    Reason.AGREEMENT_SUPERSEDED: Row(
        _S.FAILED_PRECONDITION,
        "{hospital} has a newer agreement to this study. Ask again under that one.",
    ),
    Reason.AGREEMENT_ENDED: Row(
        _S.FAILED_PRECONDITION,
        "{hospital}'s agreement has ended. Ask its steward for a new one.",
    ),
    Reason.AGREEMENT_REVOKED: Row(
        _S.PERMISSION_DENIED, "{hospital} has revoked its agreement. Ask its steward."
    ),
    Reason.APPROVAL_MISSING: Row(
        _S.PERMISSION_DENIED, "This needs the signatures of {rule}. Nothing was done."
    ),
    Reason.RESEARCHER_NOT_NAMED: Row(
        _S.PERMISSION_DENIED,
        "The study does not name {identity} with this signing key. Ask with the key that it "
        "names, or propose a new study.",
    ),
    Reason.RESEARCHER_NOT_VOUCHED: Row(
        _S.PERMISSION_DENIED,
        "Nobody whom {hospital} knows has vouched for {identity}. Read your key's "
        "fingerprint (`wardnet whoami`) to its steward, who adds it: `wardnet-node book add "
        "ORGANISATION --researcher {identity} --fingerprint HEX`.",
    ),
    Reason.OUTSIDE_AGREEMENT: Row(
        _S.PERMISSION_DENIED,
        "{hospital}'s agreement does not cover the query at {field}: {rule}. Ask for less.",
    ),
    Reason.QUOTA_USED_UP: Row(
        _S.RESOURCE_EXHAUSTED,
        "All queries that {hospital} agreed to have been asked. Ask its steward for more.",
    ),
    Reason.REVOCATIONS_STALE: Row(
        _S.FAILED_PRECONDITION,
        "{hospital} has no list of what {identity} revoked that is younger than a day. Try "
        "again once the node of {identity} is connected.",
        retry=True,
    ),
    Reason.REVOCATIONS_ROLLED_BACK: Row(
        _S.UNAUTHENTICATED,
        "A list of what {identity} revoked would take something back: {rule}. The one before "
        "it stays in force.",
    ),
    Reason.AUDIT_NOT_GRANTED: Row(
        _S.PERMISSION_DENIED,
        "{hospital} has not granted you its access log with this signing key, or has taken it "
        "back. Ask its steward.",
    ),
    Reason.AUDIT_OUTSIDE_GRANT: Row(
        _S.PERMISSION_DENIED,
        "{hospital}'s grant does not cover the request at {field}: {rule}. Ask for less, or "
        "ask its steward for more.",
    ),
    Reason.ANSWER_NOT_KEPT: Row(
        _S.NOT_FOUND,
        "{hospital} keeps no answer to the query {query}. `wardnet audit search {hospital} "
        "--type query_answer` shows which it has released.",
    ),
    Reason.COHORT_TOO_SMALL: Row(
        _S.FAILED_PRECONDITION,
        "The cohort holds fewer patients than may be described. Widen it.",
    ),
    Reason.COMPLEMENT_TOO_SMALL: Row(
        _S.FAILED_PRECONDITION,
        "The cohort leaves out fewer patients than may be described. Ask without the filter, "
        "or leave out more.",
    ),
    Reason.IMPLAUSIBLE_TOTAL: Row(
        _S.ABORTED, "The total of a round cannot be right: {rule}. The query was ended."
    ),
}
