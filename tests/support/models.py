"""Read the table of a model by its terms."""

from collections.abc import Mapping
from typing import Any


def by_term(answer: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return each row of a model's answer, with the rule that empties it as `why`.

    Coefficients are found by their term, facts of the fit by `fit` and their name.
    """
    rules = {tuple(held["cell"].values()): held["rule"] for held in answer["withheld"]}
    return {
        (row["term"] if row["part"] == "coefficient" else f"fit {row['term']}"): {
            **row,
            "why": rules.get((row["part"], row["term"]), ""),
        }
        for row in answer["rows"]
    }
