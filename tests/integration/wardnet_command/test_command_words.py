"""What a researcher types becomes what is signed: statistics, models and how these are judged."""

import json
from pathlib import Path

import pytest

from support.command import Run


@pytest.mark.parametrize(
    ("words", "method", "parameters"),
    [
        (["count", "heart"], "count", {"by": []}),
        (["count", "heart", "--by", "sex,smoker"], "count", {"by": ["sex", "smoker"]}),
        (
            ["count", "heart", "--by", "sex", "--by", "smoker"],
            "count",
            {"by": ["sex", "smoker"]},
        ),
        (["count", "heart", "--by", "sex"], "count", {"by": ["sex"]}),
        (["summary", "heart", "age"], "summary", {"columns": ["age"], "by": []}),
        (
            ["quantiles", "heart", "age", "--probabilities", "0.1,0.5", "--by", "sex"],
            "quantiles",
            {"columns": ["age"], "probabilities": [0.1, 0.5], "by": ["sex"]},
        ),
        (
            ["histogram", "heart", "age", "--bins", "4"],
            "histogram",
            {"column": "age", "bins": 4, "by": []},
        ),
        (
            ["histogram", "heart", "age", "--edges", "30,50,70"],
            "histogram",
            {"column": "age", "bins": [30, 50, 70], "by": []},
        ),
        (["histogram", "heart", "age"], "histogram", {"column": "age", "bins": 10, "by": []}),
        (
            ["crosstab", "heart", "sex", "smoker"],
            "crosstab",
            {"rows": "sex", "columns": "smoker"},
        ),
        (
            ["pca", "heart", "age", "smoker", "--no-standardise", "--components", "1"],
            "pca",
            {
                "columns": ["age", "smoker"],
                "factors": [],
                "standardise": False,
                "components": 1,
            },
        ),
        (
            ["kmeans", "heart", "age", "--clusters", "2", "--start", "30", "--start", "60"],
            "kmeans",
            {
                "columns": ["age"],
                "factors": [],
                "clusters": 2,
                "start": [[30], [60]],
                "standardise": True,
                "rounds": 300,
                "searches": 1,
                "seed": 0,
            },
        ),
        (
            ["mixture", "heart", "age", "--components", "2", "--covariance", "diagonal"],
            "mixture",
            {
                "columns": ["age"],
                "factors": [],
                "components": 2,
                "covariance": "diagonal",
                "start": [],
                "ridge": 0,
                "tolerance": 1e-06,
                "rounds": 500,
            },
        ),
    ],
)
def test_words_become_the_parameters_that_are_signed(
    wardnet: Run, words: list[str], method: str, parameters: object
) -> None:
    """Every statistic has its command."""
    answer = json.loads(wardnet("query", *words, "--json").stdout)
    assert (answer["method"], answer["parameters"]) == (method, parameters)


@pytest.mark.parametrize(
    ("words", "method", "parameters"),
    [
        (
            ["linear", "heart", "age ~ sex * smoker", "--penalty", "2.5"],
            "linear",
            {
                "outcome": "age",
                "terms": [["sex"], ["smoker"], ["sex", "smoker"]],
                "factors": [],
                "penalty": 2.5,
                "lasso_share": 0,
                "errors": "classical",
            },
        ),
        (
            ["logistic", "heart", "smoker ~ . - sex"],
            "glm",
            {
                "outcome": "smoker",
                "terms": [["age"]],
                "factors": [],
                "family": "logistic",
                "penalty": 0,
                "lasso_share": 0,
                "errors": "classical",
            },
        ),
    ],
)
def test_a_formula_becomes_the_columns_that_are_signed(
    wardnet: Run, words: list[str], method: str, parameters: object
) -> None:
    """Every model has its command, and no formula is ever signed."""
    answer = json.loads(wardnet("learn", *words, "--json").stdout)
    assert (answer["method"], answer["parameters"]) == (method, parameters)


def test_a_model_is_validated_evaluated_and_drawn(wardnet: Run, tmp_path: Path) -> None:
    """By the id of the question that fitted it; a validation asks as many as it needs."""
    fitted = json.loads(wardnet("learn", "logistic", "heart", "smoker ~ age", "--json").stdout)
    told = json.loads(wardnet("learn", "evaluate", fitted["query"][:12], "--json").stdout)
    assert {"measure": "n", "of": ""}.items() <= told["rows"][0].items()
    validate = ("learn", "cross-validate", "heart", "smoker ~ age", "--model", "logistic")
    parts = json.loads(wardnet(*validate, "--folds", "2", "--json").stdout)
    assert [part["fold"] for part in parts] == ["1", "2", "mean", "sd"]
    words = ("--model", "logistic", "--try", "penalty=0,10", "--folds", "2")
    tried = json.loads(wardnet("learn", "search", "heart", "smoker ~ age", *words, "--json").stdout)
    assert {choice["penalty"] for choice in tried} == {0, 10}
    picture = tmp_path / "model.svg"
    assert wardnet("learn", "plot", fitted["query"], str(picture)).exit_code == 0
    assert "odds ratio" in picture.read_text()
