"""Regressions with chosen coefficients, as a question of `evaluate` holds them."""

from collections.abc import Mapping
from typing import TypeAlias

from pydantic import JsonValue

from wardnet.statistics.regression.estimates import COEFFICIENT, KEYS, VALUES

Parameters: TypeAlias = Mapping[str, JsonValue]


def regression(method: str, parameters: Parameters, estimates: Mapping[str, float]) -> JsonValue:
    """Return a regression as an answer of its method states it.

    Parameters
    ----------
    parameters : mapping
        Of the question that would have fitted it.
    estimates : mapping of str to float
        The coefficient of each term, the intercept first.
    """
    rows: list[JsonValue] = [
        [COEFFICIENT, term, estimate, 1.0, estimate, 0.5, None, None]
        for term, estimate in estimates.items()
    ]
    table: JsonValue = {"keys": [*KEYS], "values": [*VALUES], "rows": rows}
    return {"method": method, "version": 1, "parameters": dict(parameters), "table": table}
