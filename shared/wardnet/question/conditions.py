"""The conditions of a cohort: frozen values that travel in a signed query."""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Discriminator, Field
from pydantic.dataclasses import dataclass

from wardnet.question.dictionary import STRICT, Name

Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]

MOST_FOLDS: Final = 100

FOLD_RULE: Final = (
    f"needs whole numbers: a part from 1, 2 to {MOST_FOLDS} parts, and a seed below 2**32"
)


@dataclass(frozen=True, config=STRICT)
class Everyone:
    """Select every row."""

    kind: Literal["everyone"] = "everyone"


@dataclass(frozen=True, config=STRICT)
class Compare:
    """Select the rows whose value stands in a relation to a literal."""

    column: Name
    operator: Operator
    value: str
    kind: Literal["compare"] = "compare"


@dataclass(frozen=True, config=STRICT)
class In:
    """Select the rows whose value is one of a list."""

    column: Name
    values: tuple[str, ...]
    kind: Literal["in"] = "in"


@dataclass(frozen=True, config=STRICT)
class Between:
    """Select the rows whose value lies between two literals, both included."""

    column: Name
    low: str
    high: str
    kind: Literal["between"] = "between"


@dataclass(frozen=True, config=STRICT)
class Missing:
    """Select the rows without a value."""

    column: Name
    kind: Literal["missing"] = "missing"


@dataclass(frozen=True, config=STRICT)
class Fold:
    """Select one of several parts of about the same size, drawn by a seed.

    Parameters
    ----------
    part : int
        Which one, from 1.
    of : int
        How many there are, 2 to `MOST_FOLDS`.
    seed : int
        Another one draws other parts.
    by : tuple of str
        Where rows name no patients: the columns by whose values a row is drawn. Where they do, a
        patient is drawn with all rows, and no columns are named.
    """

    part: Annotated[int, Field(ge=1)]
    of: Annotated[int, Field(ge=2, le=MOST_FOLDS)]
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    by: tuple[Name, ...] = ()
    kind: Literal["fold"] = "fold"


@dataclass(frozen=True, config=STRICT)
class Not:
    """Select the rows for which a condition is false (not those for which it is unknown)."""

    of: "Cohort"
    kind: Literal["not"] = "not"


@dataclass(frozen=True, config=STRICT)
class And:
    """Select the rows for which all conditions hold."""

    of: "tuple[Cohort, ...]"
    kind: Literal["and"] = "and"


@dataclass(frozen=True, config=STRICT)
class Or:
    """Select the rows for which at least one condition holds."""

    of: "tuple[Cohort, ...]"
    kind: Literal["or"] = "or"


Cohort: TypeAlias = Annotated[
    Everyone | Compare | In | Between | Missing | Fold | Not | And | Or, Discriminator("kind")
]

EVERYONE: Final = Everyone()


def size(cohort: Cohort) -> int:
    """Return the number of conditions, connectives and values.

    Examples
    --------
    >>> size(Not(of=In(column="pain", values=("typical", "atypical"))))
    4
    """
    match cohort:
        case Not(of=inner):
            return 1 + size(inner)
        case And(of=parts) | Or(of=parts):
            return 1 + sum(map(size, parts))
        case In(values=values) | Fold(by=values):
            return 1 + len(values)
        case _:
            return 1


def columns_of(cohort: Cohort) -> frozenset[str]:
    """Return the names of all columns that the cohort looks at."""
    match cohort:
        case Everyone():
            return frozenset()
        case Not(of=inner):
            return columns_of(inner)
        case And(of=parts) | Or(of=parts):
            return frozenset[str]().union(*(columns_of(part) for part in parts))
        case Compare(column=name) | In(column=name) | Between(column=name) | Missing(column=name):
            return frozenset({name})
        case Fold(by=names):
            return frozenset(names)


def joined_by_and(cohort: Cohort) -> frozenset[Cohort]:
    """Return the conditions that a cohort joins by `and`; those of a narrower one are among them.

    Examples
    --------
    >>> joined_by_and(And(of=(EVERYONE, Missing(column="age")))) == {Missing(column="age")}
    True
    """
    match cohort:
        case Everyone():
            return frozenset()
        case And(of=parts):
            return frozenset[Cohort]().union(*(joined_by_and(part) for part in parts))
        case _:
            return frozenset({cohort})
