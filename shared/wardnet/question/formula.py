"""A model's formula: `outcome ~ age + sex + C(stage) + age:sex`.

`a:b` is an interaction, `a * b` is `a + b + a:b`, and `C(a)` takes a column of whole numbers by its
levels. There is always an intercept.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NoReturn

from pydantic import JsonValue

from wardnet.errors import Reason, WardnetError

_NAME: Final = r"[A-Za-z][A-Za-z0-9_]{0,62}"
_NAMED: Final = 40
_FACTOR: Final = re.compile(rf"(?:C\(\s*({_NAME})\s*\)|({_NAME}))\Z")


@dataclass(frozen=True, slots=True)
class Formula:
    """Hold what a model explains by what.

    Parameters
    ----------
    outcome : str
        The column that is explained.
    terms : tuple of tuples of str
        The columns of each term: one for a main effect, more for an interaction; in order.
    factors : tuple of str
        The columns of whole numbers that are taken by their levels.
    """

    outcome: str
    terms: tuple[tuple[str, ...], ...]
    factors: tuple[str, ...] = ()

    def parameters(self) -> Mapping[str, JsonValue]:
        """Return the formula as methods take it."""
        return {
            "outcome": self.outcome,
            "terms": [list(term) for term in self.terms],
            "factors": list(self.factors),
        }


def parse(text: str, *, method: str) -> Formula:
    """Read a formula.

    Parameters
    ----------
    text : str
        Such as `died ~ age + sex`.
    method : str
        For whom; refusals name it.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID`.

    Examples
    --------
    >>> parse("died ~ age * sex + C(stage)", method="glm").terms
    (('age',), ('sex',), ('age', 'sex'), ('stage',))
    """
    left, tilde, right = text.partition("~")
    if not tilde or not right.strip():
        _refuse(method, "needs the form outcome ~ column + column")
    factors: dict[str, None] = {}
    outcome, is_factor = _column(left, method)
    if is_factor:
        _refuse(method, "cannot take its outcome by levels; leave out C( ) on the left")
    terms: dict[tuple[str, ...], None] = {}
    for summand in right.split("+"):
        for term in _terms(summand):
            names: list[str] = []
            for each in term:
                name, is_factor = _column(each, method)
                names.append(name)
                factors |= {name: None} if is_factor else {}
            terms[tuple(names)] = None
    return Formula(outcome, tuple(terms), tuple(factors))


def _terms(summand: str) -> Iterator[tuple[str, ...]]:
    """Return the terms of a summand: those of `a * b` in order of their size."""
    parts = summand.split("*")
    for size in range(1, len(parts) + 1):
        for some in combinations(parts, size):
            yield tuple(":".join(some).split(":"))


def _column(text: str, method: str) -> tuple[str, bool]:
    """Return a column's name, and whether it is taken by its levels."""
    found = _FACTOR.match(text.strip())
    if found is None:
        rule = "takes columns, joined by +, : or *, and C( ) around a column with levels"
        _refuse(method, f"{rule}; {text.strip()[:_NAMED]!r} is none")
    return found[1] or found[2], found[1] is not None


def _refuse(method: str, rule: str) -> NoReturn:
    raise WardnetError(Reason.PARAMETER_INVALID, method=method, parameter="formula", rule=rule)
