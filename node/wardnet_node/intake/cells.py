"""Cells of a file, as text, become a column's codes and floats."""

from contextlib import suppress
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardnet.question.dictionary import NUMBERS, Column
from wardnet.question.values import NOT_A_NUMBER, Encoded, encode, numbers, place
from wardnet_node.intake.local_part import LocalColumn


def encode_cells(column: Column, text: pa.Array, *, local: LocalColumn, decimal: str) -> Encoded:
    """Give every cell its code or float.

    Parameters
    ----------
    column : Column
        Of a type that may be shared.
    text : arrow array of string, shape (rows,)
        The cells; empty ones are null.
    local : LocalColumn
        How this hospital writes them.
    decimal : str
        The file's decimal mark.
    """
    encoded = _encode(column, text, local, decimal)
    if not encoded.problems:
        return encoded
    # Trimming costs time, and most files have no spaces around their cells.
    return _encode(column, trim(text), local, decimal)


def trim(text: pa.Array) -> pa.Array:
    """Return the cells without white space around them; what is empty then is null."""
    trimmed = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def drop_missing(text: pa.Array, codes: tuple[str, ...]) -> pa.Array:
    """Return the cells with the declared codes of a missing value null."""
    if not codes:
        return text
    return pc.if_else(pc.is_in(text, value_set=pa.array(codes, type=pa.string())), None, text)


def plain_numbers(text: pa.Array, decimal: str) -> pa.Array:
    """Return numbers with a decimal comma as numbers with a point, and make others unreadable."""
    if decimal == ".":
        return text
    swapped = pc.replace_substring(text, ".", "?")
    return pc.replace_substring(swapped, ",", ".")


def _encode(column: Column, text: pa.Array, local: LocalColumn, decimal: str) -> Encoded:
    text = drop_missing(text, local.missing)
    if local.mapping:
        codes = pa.array(list(local.mapping), type=pa.string())
        levels = pa.array(list(local.mapping.values()), type=pa.string())
        text = pc.coalesce(pc.take(levels, pc.index_in(text, value_set=codes)), text)
    if column.type not in NUMBERS:
        return encode(
            column,
            text,
            date_format=local.date_format,
            round_to_resolution=local.round_to_resolution,
        )
    floats, bad = numbers(plain_numbers(text, decimal))
    for code in local.missing:
        with suppress(ValueError):
            floats[floats == float(code.replace(decimal, "."))] = np.nan
    if local.factor:
        floats *= float(Decimal(local.factor))
    return place(column, floats, bad, rule=NOT_A_NUMBER, rounds=local.round_to_resolution)
