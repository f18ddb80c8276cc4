"""A model's formula, as a person writes it, becomes the parameters that are signed.

`outcome ~ .` stands for all other columns that a model can take, `outcome ~ . - site` for all but
that one.
"""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import NUMBERS, ColumnType, Dictionary
from wardnet.question.formula import parse

FORMULA: Final = "formula"
"""The parameter that stands for a model's outcome and its terms or features."""

_OF_TERMS: Final = frozenset({"linear", "glm"})
"""Methods that take interactions and factors; others take features, which are columns."""

_ALL: Final = re.compile(r"\s*\.\s*(?:-(.*))?\Z", re.DOTALL)
_TAKEN: Final = NUMBERS | {ColumnType.CATEGORY, ColumnType.BOOLEAN}


def spelled_out(
    method: str, parameters: Mapping[str, JsonValue], dictionary: Dictionary
) -> dict[str, JsonValue]:
    """Return parameters with columns in the place of a formula; unchanged where there is none.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` for what is no formula, or one that the method cannot take;
        `COLUMN_UNAVAILABLE` for a column to leave out that is not there.
    """
    rest = dict(parameters)
    if FORMULA not in rest:
        return rest
    written = parse(_named(str(rest.pop(FORMULA)), dictionary), method=method)
    if method in _OF_TERMS:
        return {**written.parameters(), **rest}
    if written.factors or any(len(term) > 1 for term in written.terms):
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method=method,
            parameter=FORMULA,
            rule="takes names of columns joined by +; leave out :, * and C( )",
        )
    return {"outcome": written.outcome, "features": [name for (name,) in written.terms], **rest}


def _named(formula: str, dictionary: Dictionary) -> str:
    """Return a formula with names in the place of the dot."""
    outcome, _, right = formula.partition("~")
    every = _ALL.match(right)
    if every is None:
        return formula
    left_out = [name.strip() for name in (every[1] or "").split("-") if name.strip()]
    without = {outcome.strip(), *(dictionary.column(name).name for name in left_out)}
    taken = (each for each in dictionary.columns if each.type in _TAKEN)
    return f"{outcome}~{'+'.join(each.name for each in taken if each.name not in without)}"
