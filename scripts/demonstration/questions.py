"""What the demonstration asks: chosen from the dictionary, as a newcomer would type it."""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import pandas as pd

from demonstration.reference import SMALLEST_CELL, Pooled

Words: TypeAlias = tuple[str, ...]
"""What follows `wardnet query`."""

FEW_LEVELS: Final = 8
"""Most levels of a column that the answers are grouped by, so that they stay readable."""


@dataclass(frozen=True, slots=True)
class Question:
    """Hold one question.

    Parameters
    ----------
    says : str
        What it asks, in words.
    arguments : tuple of str
        What follows `wardnet query`.
    cohort : Series of bool
        The pooled rows that it is about.
    """

    says: str
    arguments: Words
    cohort: "pd.Series[bool]"


def choose(dataset: str, pooled: Pooled) -> Iterator[Question]:
    """Yield a question for every method, one with a filter, one with a cell too small to show."""
    everyone = pd.Series(data=True, index=pooled.labels.index)
    groups = [name for name in pooled.grouping if len(pooled.columns[name]["levels"]) <= FEW_LEVELS]
    numbers = pooled.measured or [str(name) for name in pooled.numbers]
    by = ("--by", groups[0]) if groups else ()
    in_words = f" by {groups[0]}" if groups else ""

    yield Question("How many patients are there?", ("count", dataset), everyone)
    if groups:
        yield Question(f"How many{in_words}?", ("count", dataset, *by), everyone)
    if numbers:
        described = numbers[:2]
        yield Question(
            f"Describe {' and '.join(described)}{in_words}.",
            ("summary", dataset, *described, *by),
            everyone,
        )
        yield Question(
            f"The quartiles of {' and '.join(described)}.",
            ("quantiles", dataset, *described),
            everyone,
        )
        yield Question(
            f"How is {numbers[0]} distributed?",
            ("histogram", dataset, numbers[0], "--bins", "8"),
            everyone,
        )
    if len(groups) > 1:
        yield Question(
            f"{groups[0]} against {groups[1]}.",
            ("crosstab", dataset, groups[0], groups[1]),
            everyone,
        )
    if numbers:
        yield _filtered(dataset, pooled, numbers)
    yield from itertools.islice(_too_small(dataset, pooled, numbers, groups), 1)


def beyond(dataset: str, pooled: Pooled, questions: Iterable[Question]) -> tuple[Words, Words]:
    """Return columns that no question needs, for a hospital to keep back, and a question for them.

    Where every column is needed, the question asks for an answer that rests on one hospital alone.
    """
    asked = set(re.findall(r"\w+", " ".join(" ".join(each.arguments) for each in questions)))
    kept_back = tuple(name for name in pooled.measured if name not in asked)[-2:]
    if not kept_back:
        return (), ("count", dataset, "--min-hospitals", "1")
    return kept_back, ("summary", dataset, *kept_back)


def _filtered(dataset: str, pooled: Pooled, numbers: list[str]) -> Question:
    """Ask about the upper half of one column."""
    described, filtered = numbers[0], numbers[1 % len(numbers)]
    values = pooled.numbers[filtered]
    middle = values.sort_values().iloc[values.count() // 2]
    return Question(
        f"Describe {described} where {filtered} is {middle:g} or more.",
        ("summary", dataset, described, "--where", f"{filtered} >= {middle:g}"),
        values >= middle,
    )


def _too_small(
    dataset: str, pooled: Pooled, numbers: list[str], groups: list[str]
) -> Iterator[Question]:
    """Look for a filter that leaves a group with fewer patients than may be shown."""
    for number, group in itertools.product(numbers, groups):
        values = pooled.numbers[number]
        for threshold in values.quantile([0.6, 0.7, 0.8, 0.9], interpolation="lower"):
            cohort = values >= threshold
            sizes = pooled.labels.loc[cohort, group].value_counts()
            if sizes.min() < SMALLEST_CELL <= sizes.max() and len(sizes) > 1:
                yield Question(
                    f"A cell that is too small to show: how many by {group} "
                    f"where {number} is {threshold:g} or more?",
                    ("count", dataset, "--by", group, "--where", f"{number} >= {threshold:g}"),
                    cohort,
                )
