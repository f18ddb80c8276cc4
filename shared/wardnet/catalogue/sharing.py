"""Reasons about records that one hospital hands to another."""

from collections.abc import Mapping
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

ROWS: Final[Mapping[Reason, Row]] = {
    Reason.DATASET_RECEIVED: Row(
        _S.FAILED_PRECONDITION,
        "{dataset} was received from another hospital and stays out of every question and of "
        "every other share: its patients would count twice. `wardnet-node share read` reads it "
        "under its grant, `wardnet-node share destroy` gives it back.",
    ),
    Reason.LINK_MALFORMED: Row(
        _S.INVALID_ARGUMENT,
        "This is not a share link: {rule}. Copy it again, from the first character to the "
        "last, or ask the other hospital for it.",
    ),
    Reason.SHARE_UNKNOWN: Row(
        _S.NOT_FOUND,
        "No share here has the id {share}. `wardnet-node share list` shows them all.",
    ),
    Reason.SHARE_DECIDED: Row(
        _S.FAILED_PRECONDITION,
        "{hospital} cannot do so with this share: {rule}. `wardnet-node share list` shows how "
        "it stands.",
    ),
    Reason.SHARE_NOT_FOR_US: Row(
        _S.UNAUTHENTICATED,
        "What was said about a share is meant for another hospital. Nothing was done.",
    ),
    Reason.SHARE_IDENTIFIERS: Row(
        _S.PERMISSION_DENIED,
        "Patients' numbers are handed over for treatment only, and only when the stewards of "
        "both hospitals have signed so. Ask for pseudonyms, or for treatment.",
    ),
    Reason.SHARE_TOO_WIDE: Row(
        _S.FAILED_PRECONDITION,
        "The grant goes beyond its request at {field}: {rule}. Narrow it and sign it again.",
    ),
    Reason.SHARE_REPLAYED: Row(
        _S.UNAUTHENTICATED,
        "A request for records came that was made before, or too long ago: {rule}. Make a new "
        "one with `wardnet-node share request`.",
    ),
    Reason.SHARE_ENDED: Row(
        _S.FAILED_PRECONDITION,
        "The time of this share is over, and its keys are destroyed. Ask {hospital} again with "
        "`wardnet-node share request`.",
    ),
    Reason.SHARE_REVOKED: Row(
        _S.FAILED_PRECONDITION,
        "{hospital} has taken the grant of this share back. Ask its steward why.",
    ),
    Reason.SHARE_USED_UP: Row(
        _S.RESOURCE_EXHAUSTED,
        "The parcel was fetched as often as {hospital} has granted. Ask its steward for a new "
        "grant.",
    ),
    Reason.GRANT_INVALID: Row(
        _S.INVALID_ARGUMENT,
        "{path} holds no terms of a grant, at {field}: {rule}. `wardnet-node share preview "
        "--draft` writes such a file.",
    ),
    Reason.DEIDENTIFICATION_INVALID: Row(
        _S.INVALID_ARGUMENT,
        "{column} cannot be de-identified this way: {rule}.",
    ),
    Reason.PATIENT_ID_TOO_LONG: Row(
        _S.FAILED_PRECONDITION,
        "A patient's number has more than 16 bytes: the vault keeps no way back to it. Grant "
        "pseudonyms, or no numbers.",
    ),
    Reason.PATIENTS_NOT_NAMED: Row(
        _S.FAILED_PRECONDITION,
        "{dataset} does not name its patients: a list of patients means nothing in it. Select "
        "them by a cohort.",
    ),
    Reason.SNAPSHOT_GONE: Row(
        _S.FAILED_PRECONDITION,
        "The rows of {dataset} that were looked at or granted are no longer kept: it was loaded "
        "anew. Look at a new preview. If it was granted already, take the grant back "
        "(`wardnet-node share revoke`) and let the other hospital ask again.",
    ),
    Reason.NOTHING_TO_SHARE: Row(
        _S.FAILED_PRECONDITION,
        "No row of {dataset} may leave under these conditions. Look at the preview, then widen "
        "the cohort or generalise the columns.",
    ),
    Reason.CONSENT_MISSING: Row(
        _S.NOT_FOUND, "{dataset} has no consent list. Nothing was removed."
    ),
    Reason.LIST_ENCODING: Row(
        _S.INVALID_ARGUMENT,
        "{file}, line {line}: the list is not text in UTF-8. Save it as such, one number per "
        "line, and load it again; nothing was changed.",
    ),
    Reason.PARCEL_DAMAGED: Row(
        _S.DATA_LOSS,
        "The parcel {path} is not as it was sealed: {rule}. Nothing was taken from it. "
        "`wardnet-node share fetch` gets it once more if the grant allows that; else ask its "
        "hospital for a new grant.",
    ),
    Reason.PARCEL_REFUSED: Row(
        _S.UNAUTHENTICATED,
        "The parcel is refused: {rule}. Nothing was opened; call the hospital {hospital}.",
    ),
    Reason.PARCEL_TOO_LARGE: Row(
        _S.INVALID_ARGUMENT,
        "A parcel cannot hold {rule}. Send the rest under a second request; nothing was sealed.",
    ),
    Reason.ATTACHMENT_NAME: Row(
        _S.INVALID_ARGUMENT,
        "The name of attachment {position} cannot be used: {rule}. Rename the file and try "
        "again; nothing was stored.",
    ),
    Reason.ATTACHMENT_NOT_GRANTED: Row(
        _S.FAILED_PRECONDITION,
        "{file} is not one of the files that were granted, or has changed since. Only what a "
        "steward has signed with `wardnet-node share grant --attach` goes along; nothing was "
        "sealed.",
    ),
    Reason.ATTACHMENT_MISSING: Row(
        _S.FAILED_PRECONDITION,
        "Files were granted with the share {share} that are not there, so nothing was sealed. Name "
        "all of them: `wardnet-node share send {share} --attach FILE`.",
    ),
    Reason.ATTACHMENT_UNKNOWN: Row(
        _S.NOT_FOUND,
        "The share {share} has no such attachment. `wardnet-node share read {share} "
        "--attachments` lists those that it has.",
    ),
    Reason.SHARE_COLUMN_UNKNOWN: Row(
        _S.NOT_FOUND,
        "The records of the share {share} have no column {column}. `wardnet-node share show "
        "{share}` lists those that were granted.",
    ),
    Reason.RELAY_AWAY: Row(
        _S.UNAVAILABLE,
        "The relay at {address} cannot be reached: {rule}. Check the address, the network and "
        "the proxy, then try again; the transfer goes on where it stopped.",
        retry=True,
    ),
    Reason.NODE_AWAY: Row(
        _S.UNAVAILABLE,
        "The hospital's node at {address} cannot be reached: {rule}. Try again, the transfer "
        "goes on where it stopped; or ask the hospital to send it by way of the relay.",
        retry=True,
    ),
    Reason.PARCEL_UNKNOWN: Row(
        _S.NOT_FOUND,
        "There is no parcel for this hospital under that grant: not yet, or no longer. Try "
        "again in a while, then ask the hospital that granted it to send it again.",
        retry=True,
    ),
    Reason.PARCEL_INCOMPLETE: Row(
        _S.UNAVAILABLE,
        "{hospital} has not sent the whole parcel yet. Try again later; the transfer goes on "
        "where it stopped.",
        retry=True,
    ),
    Reason.PARCEL_OVERSIZE: Row(
        _S.INVALID_ARGUMENT,
        "The relay takes no parcel larger than {rule}. Share fewer records at once, or let the "
        "other hospital fetch them from this one directly.",
    ),
    Reason.TRANSFER_ALTERED: Row(
        _S.DATA_LOSS,
        "What arrived of the parcel is not what was sent: {rule}. It was deleted; try again, "
        "and when that happens twice, call who runs the other side.",
    ),
    Reason.RELAY_FULL: Row(
        _S.RESOURCE_EXHAUSTED,
        "The relay has no room for the parcel: {rule}. Wait until other parcels are fetched, "
        "or take some back; then try again.",
        retry=True,
    ),
}
