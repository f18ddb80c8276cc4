"""Formulas as people write them."""

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.question.formula import Formula, parse


def test_a_formula_names_outcome_terms_and_factors() -> None:
    """A product stands for its parts and their interaction; nothing is meant twice."""
    found = parse(" died~age + C( stage )*sex + age:sex + age", method="glm")
    terms = (("age",), ("stage",), ("sex",), ("stage", "sex"), ("age", "sex"))
    assert found == Formula("died", terms, ("stage",))
    assert found.parameters() == {
        "outcome": "died",
        "terms": [list(term) for term in terms],
        "factors": ["stage"],
    }


@pytest.mark.parametrize(
    "text", ["age", "died ~", "died ~ age +", "C(died) ~ age", "died ~ log(age)", "died ~ 1", ""]
)
def test_what_is_no_formula_is_refused(text: str) -> None:
    """The refusal names the method and says what a formula is."""
    with pytest.raises(WardnetError) as refusal:
        parse(text, method="glm")
    assert refusal.value.reason is Reason.PARAMETER_INVALID
    assert refusal.value.details["parameter"] == "formula"
