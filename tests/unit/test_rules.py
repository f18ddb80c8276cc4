"""The disclosure rules on totals."""

import numpy as np
import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF, STANDARD, Guard, Output


@pytest.mark.parametrize(
    ("patients", "left_out", "reason"),
    [
        (0, None, Reason.COHORT_TOO_SMALL),
        (9, None, Reason.COHORT_TOO_SMALL),
        (10, None, None),
        (0, 100, Reason.COHORT_TOO_SMALL),
        (9, 91, Reason.COHORT_TOO_SMALL),
        (10, 90, None),
        (90, 10, None),
        (91, 9, Reason.COMPLEMENT_TOO_SMALL),
        (100, 0, Reason.COMPLEMENT_TOO_SMALL),
    ],
)
def test_a_cohort_and_what_it_leaves_out_hold_ten(
    *, patients: int, left_out: int | None, reason: Reason | None
) -> None:
    """Nobody and nobody-left-out are small, too; only the unfiltered cohort may hold everybody."""
    if reason is None:
        STANDARD.check_cohort(patients=patients, left_out=left_out)
        return
    with pytest.raises(WardnetError) as refusal:
        STANDARD.check_cohort(patients=patients, left_out=left_out)
    assert refusal.value.reason is reason
    assert not refusal.value.details


def test_small_cells_are_withheld_and_their_counts_forgotten() -> None:
    """No method sees what the rules withhold."""
    guards = {"cells": Guard(4), "missing": Guard(4, empty_allowed=True)}
    totals = {name: np.array([0, 1, 9, 10]) for name in guards}
    held = STANDARD.withhold(guards, totals)
    assert held.withheld["cells"].tolist() == [True, True, True, False]
    assert held.patients["cells"].tolist() == [0, 0, 0, 10]
    assert held.withheld["missing"].tolist() == [False, True, True, False]
    assert held.patients["missing"].tolist() == [0, 0, 0, 10]


def test_a_quantile_needs_ten_others_beside_the_record_it_may_be() -> None:
    """Ten at or beyond it may be nine and the patient herself."""
    assert STANDARD.too_few_beyond(10)
    assert not STANDARD.too_few_beyond(11)


def test_switched_off_nothing_is_withheld_or_listed() -> None:
    """The simulation's switch."""
    OFF.check_cohort(patients=0, left_out=0)
    held = OFF.withhold({"cells": Guard(2)}, {"cells": np.array([0, 1])})
    assert not held.withheld["cells"].any()
    assert not OFF.too_few_beyond(0)
    assert OFF.describe(Output.QUANTILES) == ()


def test_the_answer_lists_the_rules_of_its_kind() -> None:
    """Only moments have the rule of the levels, only quantiles that of the two sides."""
    assert len(STANDARD.describe(Output.COUNTS)) == 2
    assert "five levels or fewer" in STANDARD.describe(Output.MOMENTS)[-1]
    assert "10 other patients" in STANDARD.describe(Output.QUANTILES)[-1]
