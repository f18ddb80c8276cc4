"""Reasons about what is asked, and whether it is there."""

from collections.abc import Mapping
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

ROWS: Final[Mapping[Reason, Row]] = {
    Reason.MALFORMED: Row(
        _S.INVALID_ARGUMENT,
        "The message is malformed at {field}: {rule}. Update both sides to the same version.",
    ),
    Reason.WRONG_SETTING: Row(
        _S.INVALID_ARGUMENT,
        "The setting {setting} in {path} is not valid: {rule}. Correct it and start again.",
    ),
    Reason.COHORT_SYNTAX: Row(
        _S.INVALID_ARGUMENT,
        "The cohort cannot be read at character {position}: {rule}.",
    ),
    Reason.DICTIONARY_INVALID: Row(
        _S.INVALID_ARGUMENT,
        "The dictionary {path} is not valid at {field}: {rule}. Edit the file and try again.",
    ),
    Reason.STUDY_INVALID: Row(
        _S.INVALID_ARGUMENT,
        "The study {path} is not valid at {field}: {rule}. Edit the file and try again.",
    ),
    Reason.PARAMETER_INVALID: Row(
        _S.INVALID_ARGUMENT, "{method} cannot be asked this way: {parameter} {rule}."
    ),
    Reason.NO_MODEL: Row(
        _S.INVALID_ARGUMENT,
        "The answer of {method} holds no model that predicts: {rule}. Ask for another one.",
    ),
    Reason.MESSAGE_TOO_LARGE: Row(
        _S.INVALID_ARGUMENT, "The message is larger than {rule}. Ask for fewer cells at once."
    ),
    Reason.FORM_OUTDATED: Row(
        _S.FAILED_PRECONDITION,
        "This form is no longer valid. Open its page again and fill it in once more; nothing "
        "was done.",
    ),
    Reason.DEADLINE_MISSING: Row(
        _S.INVALID_ARGUMENT, "The call carries no deadline. Set one and call again."
    ),
    Reason.COLUMN_UNAVAILABLE: Row(
        _S.NOT_FOUND,
        "The column {column} is not available to you in {dataset}. `wardnet dictionary "
        "{dataset}` lists those that are.",
    ),
    Reason.DATASET_UNAVAILABLE: Row(
        _S.NOT_FOUND,
        "The dataset {dataset} is not available to you. `wardnet datasets` lists those that are.",
    ),
    Reason.PAGE_UNKNOWN: Row(_S.NOT_FOUND, "There is no such page. Go back to the inbox."),
    Reason.QUERY_UNKNOWN: Row(
        _S.NOT_FOUND, "No query of yours has the id {query}. `wardnet query list` shows them."
    ),
    Reason.STUDY_UNKNOWN: Row(
        _S.NOT_FOUND,
        "No study here has the id {study}. `wardnet study list` shows a researcher's, "
        "`wardnet-node study list` those that a hospital was asked about.",
    ),
    Reason.STUDY_NEEDED: Row(
        _S.FAILED_PRECONDITION,
        "A question about {dataset} needs a study that a hospital has agreed to: {rule}.",
    ),
    Reason.NOT_INITIALISED: Row(
        _S.FAILED_PRECONDITION, "There is nothing at {path} yet. Run {rule} first."
    ),
    Reason.METHOD_UNKNOWN: Row(
        _S.FAILED_PRECONDITION,
        "{method} version {version} is not known here. Update the older side.",
    ),
    Reason.DICTIONARY_OUTDATED: Row(
        _S.FAILED_PRECONDITION,
        "This is for another version of the dictionary of {dataset}. Fetch the current "
        "one with `wardnet dictionary {dataset}` and ask again.",
    ),
}
