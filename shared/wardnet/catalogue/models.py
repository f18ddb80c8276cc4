"""Reasons about models that are handed on."""

from collections.abc import Mapping
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

ROWS: Final[Mapping[Reason, Row]] = {
    Reason.MODEL_UNREADABLE: Row(
        _S.DATA_LOSS,
        "This is no model that can be read: {rule}. Get it once more from whoever gave it; "
        "nothing of it was used.",
    ),
    Reason.MODEL_ALTERED: Row(
        _S.DATA_LOSS,
        "This model is not what was signed: {rule}. Nothing of it was used; get it once more, and "
        "ask whoever gave it when that does not help.",
    ),
    Reason.MODEL_FOREIGN: Row(
        _S.UNAUTHENTICATED,
        "This model belongs to another network, {identity}. Only the members of that network can "
        "check who signed it; ask one of them.",
    ),
    Reason.MODEL_UNPROVEN: Row(
        _S.PERMISSION_DENIED,
        "Only a model that hospitals of this network have fitted and signed is evaluated; of this "
        "one it is not proven: {rule}. Fit it anew, and hand the result as it is to `net.evaluate` "
        "or its query to `wardnet learn evaluate`.",
    ),
    Reason.MODEL_UNKNOWN: Row(
        _S.NOT_FOUND,
        "There is no model {model} here. `wardnet model list` shows those of the network, "
        "`wardnet-node model list` those that are installed.",
    ),
    Reason.MODEL_NAME_TAKEN: Row(
        _S.ALREADY_EXISTS,
        "The name {model} is taken by another model. Choose another name, or remove the model "
        "that is installed under it.",
    ),
    Reason.MODEL_QUOTA: Row(
        _S.RESOURCE_EXHAUSTED,
        "The coordinator keeps at most {rule} of each researcher. Hand the model on as a file with "
        "`wardnet model save`, or ask the network's operator for more room.",
    ),
    Reason.MODEL_EXPORT: Row(
        _S.INVALID_ARGUMENT,
        "A model of {method} cannot be written as {field}: {rule}. `wardnet-node predict` uses "
        "it as it is.",
    ),
    Reason.MODEL_COLUMN_FOREIGN: Row(
        _S.INVALID_ARGUMENT,
        "{file}, line 1: column number {position} is none of the dictionary of {dataset}. Take it "
        "out, or name its column in a local part; nothing was predicted.",
    ),
    Reason.MODEL_ROWS_REJECTED: Row(
        _S.INVALID_ARGUMENT,
        "{file}, line {line}, column {column}: {rule}. Nothing was predicted; correct the file.",
    ),
    Reason.EXTRA_MISSING: Row(
        _S.FAILED_PRECONDITION,
        "This needs {rule}, which is not installed here. Install Wardnet with its extra: "
        "`pip install 'wardnet[models]'`.",
    ),
}
