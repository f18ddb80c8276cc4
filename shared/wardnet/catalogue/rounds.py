"""Reasons about rounds and their hospitals."""

from collections.abc import Mapping
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

ROWS: Final[Mapping[Reason, Row]] = {
    Reason.HOSPITALS_LOST: Row(
        _S.ABORTED,
        "No answer in time from {hospitals}, and too few hospitals are left. Ask again when "
        "they are back, or allow fewer with --min-hospitals.",
        retry=True,
    ),
    Reason.HOSPITAL_REFUSED: Row(_S.PERMISSION_DENIED, "{hospital} refused the query: {rule}"),
    Reason.ROUNDS_DIVERGED: Row(
        _S.ABORTED, "The hospitals did not reach the same state: {rule}. The query was ended."
    ),
    Reason.INTERIM_DIFFERS: Row(
        _S.ABORTED,
        "{hospitals} tell different numbers while the query runs, where all hospitals have the "
        "same. Believe none of them before the answer, which every hospital has to sign.",
    ),
    Reason.QUERY_CANCELLED: Row(_S.CANCELLED, "The query was cancelled by its researcher."),
    Reason.SUPERSEDED: Row(
        _S.ABORTED, "A newer process of {identity} has taken over. This one stops."
    ),
    Reason.LEASE_ENDED: Row(
        _S.UNAVAILABLE,
        "Nothing was heard from {hospital} for {seconds} seconds. Its node connects again.",
        retry=True,
    ),
    Reason.WORK_LIMIT: Row(
        _S.RESOURCE_EXHAUSTED, "Too much is open at once: {rule}. Try again later.", retry=True
    ),
}
