"""Read the terms of a signed formula as the columns of a design matrix."""

from itertools import combinations, product
from math import prod
from typing import Annotated, Final

from pydantic import Field
from pydantic.dataclasses import dataclass as checked

from wardnet.question.dictionary import NUMBERS, STRICT, ColumnType, Dictionary, Name
from wardnet.statistics import parameters as read
from wardnet.statistics.design import Design
from wardnet.statistics.regressors import Factor, Regressor

MOST_COLUMNS: Final = 128
"""Of a design matrix."""


@checked(frozen=True, config=STRICT)
class Terms:
    """Hold what of a formula a signed question carries.

    Parameters
    ----------
    outcome : str
        What is explained.
    terms : tuple of tuples of str
        By what: the columns of each main effect or interaction, at least one.
    factors : tuple of str
        The columns of whole numbers among them that are taken by their levels.
    """

    outcome: Name
    terms: Annotated[
        tuple[Annotated[tuple[Name, ...], Field(min_length=1, max_length=3)], ...],
        Field(max_length=MOST_COLUMNS),
    ]
    factors: tuple[Name, ...] = ()


def outcome_number(method: str, name: str, dictionary: Dictionary) -> Regressor:
    """Return a column of numbers as an outcome.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for another type.
    """
    (column,) = read.numbers(method, "outcome", (name,), dictionary)
    return Regressor((Factor(column),))


def design(method: str, terms: Terms, outcome: Regressor, dictionary: Dictionary) -> Design:
    """Return the columns of a model.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for what makes no model.
    """
    known: dict[str, tuple[Factor, ...]] = {}
    for name in dict.fromkeys(name for term in terms.terms for name in term):
        known[name] = _factors(method, name, dictionary, by_level=name in terms.factors)
        if name == terms.outcome:
            read.refuse(method, "terms", f"holds the outcome, {name}")
    for name in terms.factors:
        if name not in known:
            read.refuse(method, "factors", "names a column that is in no term")
    seen: set[frozenset[str]] = set()
    regressors = [Regressor()]
    for term in terms.terms:
        if len(set(term)) < len(term) or frozenset(term) in seen:
            read.refuse(method, "terms", "names a column or an interaction twice")
        seen.add(frozenset(term))
        for size in range(1, len(term)):
            if any(frozenset(part) not in seen for part in combinations(term, size)):
                read.refuse(method, "terms", "needs the parts of an interaction before it")
        if len(regressors) + prod(len(known[name]) for name in term) > MOST_COLUMNS:
            read.refuse(method, "terms", f"gives more than {MOST_COLUMNS} columns; use fewer")
        regressors += map(Regressor, product(*(known[name] for name in term)))
    return Design(outcome, tuple(regressors))


def _factors(
    method: str, name: str, dictionary: Dictionary, *, by_level: bool
) -> tuple[Factor, ...]:
    """Return a number, or every level but the first."""
    column = dictionary.column(name)
    if column.type in NUMBERS and not by_level:
        read.numbers(method, "terms", (name,), dictionary)
        return (Factor(column),)
    read.grouping(
        method, "factors" if column.type is ColumnType.INTEGER else "terms", (name,), dictionary
    )
    return tuple(Factor(column, level) for level in range(1, len(column.labels)))
