"""Totals of components and clusters that no rows can give are refused, whatever the round."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import pytest

from support.examples import Parameters, ask
from support.people import DIGEST, HOSPITALS, SEVERAL_ROWS, Deal, made_up
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF
from wardnet.question.answer import Participant
from wardnet.statistics.session import Session
from wardnet.sums import arrays
from wardnet.sums.arrays import Sums
from wardnet.sums.products import UNIT

PARTICIPANTS = tuple(Participant(hospital, "1") for hospital in HOSPITALS)
ONE = 1 << UNIT
"""A row, in units of a sum of real terms."""

CLUSTERS: Parameters = {"columns": ["age", "weight"], "clusters": 3}
MIXTURE: Parameters = {"columns": ["age", "weight"], "components": 2}


PCA: Parameters = {"columns": ["age"]}


@dataclass(frozen=True)
class Lie:
    """Hold what is changed in a total.

    Parameters
    ----------
    stage, array : str
        Of which round, and of which of its sums.
    place : tuple of int
        Which entry.
    change : int
        What is added to it.
    rule : str
        What the refusal says.
    """

    stage: str
    array: str
    place: tuple[int, ...]
    change: int
    rule: str


def rounds(method: str, parameters: Parameters) -> Iterator[tuple[Session, Sums]]:
    """Lead a question to its answer, yielding each total before it is taken."""
    dealt = Deal(hospitals=3, batch=90, seed=3).parts(made_up(4, rows=200)).values()
    query = ask(method, parameters, dictionary=SEVERAL_ROWS)
    session = Session(query, digest=DIGEST, dictionary=SEVERAL_ROWS, rules=OFF)
    while session.answer is None:
        tally = session.tally
        total = reduce(arrays.add, (tally.sums(tally.part(batches)) for batches in dealt))
        yield session, total
        session.advance(total, PARTICIPANTS)


@pytest.mark.parametrize(
    ("method", "parameters", "lie"),
    [
        ("pca", PCA, Lie("First", "products", (0, 0, 0), 1, "larger than its rows")),
        ("pca", PCA, Lie("First", "products", (0, 0, 1), 1, "differ with their order")),
        ("kmeans", CLUSTERS, Lie("Halves", "products", (0, 0, 0), 1, "no half")),
        ("kmeans", CLUSTERS, Lie("Halves", "products", (0, 0, 0), 900 * ONE, "no half")),
        ("kmeans", CLUSTERS, Lie("Halves", "products", (0, 1, 2), 1, "no half")),
        ("kmeans", CLUSTERS, Lie("Lloyd", "sums", (0, 0, 0), 1, "no whole number")),
        ("kmeans", CLUSTERS, Lie("Lloyd", "sums", (0, 0, 0), ONE, "other rows")),
        ("kmeans", CLUSTERS, Lie("Lloyd", "sums", (0, 1, 2), 900 * ONE, "larger than its rows")),
        ("kmeans", CLUSTERS, Lie("Lloyd", "patients", (0, 0), 900, "more patients than rows")),
        ("mixture", MIXTURE, Lie("Weighing", "moments", (0, 0, 1, 1), 900 * ONE, "its rows")),
        ("mixture", MIXTURE, Lie("Weighing", "moments", (0, 0, 0, 0), 2 * ONE, "other rows")),
        ("mixture", MIXTURE, Lie("Weighing", "patients", (0, 1), 900, "more patients than")),
    ],
)
def test_a_total_that_no_rows_give_is_refused(
    method: str, parameters: Parameters, lie: Lie
) -> None:
    """Every hospital sees it in the same round, and nothing is answered."""
    asked = rounds(method, parameters)
    session, total = next(
        (session, total)
        for session, total in asked
        if type(session.tally.state).__name__ == lie.stage
    )
    changed = {name: each.copy() for name, each in total.items()}
    changed[lie.array][lie.place] += lie.change
    with pytest.raises(WardnetError) as refusal:
        session.advance(changed, PARTICIPANTS)
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL
    assert lie.rule in str(refusal.value.details["rule"])
