"""A hospital that sends absurd sums, or a coordinator that tells absurd totals."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import reduce
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.examples import EXAMPLES, Parameters, ask
from support.people import DIGEST, HOSPITALS, ROWS_ARE_PATIENTS, Deal, made_up, without_patients
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF
from wardnet.question import answer as answers
from wardnet.question.answer import Participant
from wardnet.statistics.session import Session
from wardnet.sums import arrays
from wardnet.sums.arrays import ArraySpec, Sums

PARTICIPANTS = tuple(Participant(hospital, "1") for hospital in HOSPITALS)
ROUNDS = 4
"""Of every question, the first few are lied in."""

Array = NDArray[Any]
Lie = Callable[[Array, int], Array]
"""Return what is told instead of an array whose entries are at most so large."""


def _first_ten(told: Array, most: int) -> Array:
    told.ravel()[:10] = most
    return told


LIES: Mapping[str, Lie] = {
    "nothing": lambda told, _: told * 0,
    "negated": lambda told, _: -told,
    "the most": lambda told, most: told * 0 + most,
    "the least": lambda told, most: told * 0 - most,
    "a few of the most": _first_ten,
}


def _honest(session: Session) -> Sums:
    rows = without_patients(made_up(7, rows=300))
    parts = Deal(hospitals=3, batch=200, seed=4).parts(rows).values()
    tally = session.tally
    return reduce(arrays.add, (tally.sums(tally.part(batches)) for batches in parts))


def _told(total: Sums, spec: ArraySpec, lie: Lie) -> Sums:
    return {**total, spec.name: lie(total[spec.name].copy(), spec.limit * len(PARTICIPANTS))}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("method", "parameters"),
    [(method, each) for method, examples in EXAMPLES.items() for each in examples],
)
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_absurd_totals_end_in_a_named_refusal_or_an_answer(
    method: str, parameters: Parameters, lie: Lie
) -> None:
    """No exception, no endless loop and nothing that is no number, in whichever round it comes."""
    query = ask(method, parameters)
    honest = Session(query, digest=DIGEST, dictionary=ROWS_ARE_PATIENTS, rules=OFF)
    for _ in range(ROUNDS):
        if honest.answer is not None:
            return
        total = _honest(honest)
        for spec in honest.tally.specs:
            session = deepcopy(honest)
            try:
                session.advance(_told(total, spec, lie), PARTICIPANTS)
                while session.answer is None:
                    session.advance(_honest(session), PARTICIPANTS)
            except WardnetError as refusal:
                assert refusal.reason is Reason.IMPLAUSIBLE_TOTAL  # noqa: PT017 - or none
                continue
            answers.to_bytes(session.answer)
        honest.advance(total, PARTICIPANTS)


def test_a_hospital_count_of_none_does_not_divide_by_it() -> None:
    """Hospitals that all say they have no rows, while their rows are counted, are found."""
    parameters: Parameters = {"outcome": "smoker", "features": ["age"], "weights": "equal"}
    session = Session(
        ask("fedavg", parameters), digest=DIGEST, dictionary=ROWS_ARE_PATIENTS, rules=OFF
    )
    session.advance(_honest(session), PARTICIPANTS)
    told = {**_honest(session), "hospitals": np.zeros(1, np.int64)}
    with pytest.raises(WardnetError) as refusal:
        session.advance(told, PARTICIPANTS)
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL
