"""What a researcher can do with an answer."""

import json
from dataclasses import replace

from wardnet.client.queries.result import Absent, Result
from wardnet.question.answer import Answer, Participant, Table, Withheld
from wardnet.question.cohort import EVERYONE, col
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import Query

SMALL = "fewer than 10 patients"
QUERY = Query(
    version=1,
    network="heartnet",
    researcher="ada",
    dataset="heart",
    dictionary="0" * 64,
    method="summary",
    method_version=1,
    parameters={"columns": ["age"], "by": ["sex"]},
    cohort=(col("age") >= 40).cohort,
    hospitals=("a", "b", "c"),
    minimum_hospitals=2,
    mode="clear",
    study="0" * 64,
    agreements=dict.fromkeys(("a", "b", "c"), "0" * 64),
    purpose={},
    minimum_patients=10,
    recipient="0" * 64,
    nonce="0" * 32,
    not_before="2026-01-01T00:00:00.000Z",
    not_after="2026-01-01T00:15:00.000Z",
)
DICTIONARY = Dictionary("heart", 1, (Column("age", ColumnType.INTEGER, minimum="0", maximum="99"),))
TABLE = Table(
    keys=("variable", "sex"),
    values=("n", "mean", "sd"),
    rows=(
        ("age", "female", 120, 53.51086956521739, 9.4),
        ("age", "male", None, None, None),
        ("age", "other", 11, 60, None),
    ),
    withheld=(
        Withheld(cell={"variable": "age", "sex": "male"}, columns=("n", "mean", "sd"), rule=SMALL),
    ),
)


def result(table: Table = TABLE, **changes: object) -> Result:
    """Make a result of a table."""
    answer = Answer(
        version=1,
        query="ab" * 32,
        outcome="released",
        reason="",
        method="summary",
        method_version=1,
        table=table,
        participants=(Participant("a", "1:x"), Participant("b", "4:y")),
        rules=("a cell holds at least 10 patients",),
        rounds=2,
    )
    made = Result(QUERY, answer, table, lambda: DICTIONARY, (Absent("c", "gave no part in time"),))
    return replace(made, **changes)  # type: ignore[arg-type]


def test_counts_stay_whole_and_means_doubles_beside_what_is_withheld() -> None:
    """A frame's types follow from the statistics, not from what happens to stand there."""
    table = Table(("sex",), ("n", "mean"), (("f", 30, 59), ("m", None, None)))
    frame = result(table).to_frame()
    assert [str(kind) for kind in frame.dtypes[1:]] == ["Int64", "Float64"]
    assert frame["n"].tolist()[0] == 30
    assert frame["mean"].isna().tolist() == [False, True]


def test_no_statistic_vanishes_behind_a_key_of_its_name() -> None:
    """Keys keep their names; a statistic gets prefixes until its own is free."""
    table = Table(("n", "summary_n"), ("n", "mean"), (("1", "2", 30, 4.5),))
    assert result(table).to_dict()["rows"] == [
        {"n": "1", "summary_n": "2", "summary_summary_n": 30, "mean": 4.5}
    ]
    assert result(table).to_frame().shape == (1, 4)


def test_it_prints_everything_that_must_be_known() -> None:
    """Numbers, withheld cells and why, who took part, who did not and why, rules, question."""
    text = result().sheet().text(100)
    assert text.split("\n") == [
        "summary of heart: age by sex, where age >= 40",
        "",
        "variable  sex            n      mean        sd",
        "age       female       120   53.5109       9.4",
        "age       male    withheld  withheld  withheld",
        "age       other         11   60              -",
        "",
        "withheld   fewer than 10 patients",
        "-          not defined for so few or such values",
        "hospitals  a, b",
        "absent     c: gave no part in time",
        "rules      a cell holds at least 10 patients",
        "query      simulated, without signatures",
    ]


def test_several_rules_are_told_apart() -> None:
    """Each mark names its rule."""
    other = Withheld(cell={"sex": "other"}, columns=("sd",), rule="another rule")
    text = result(replace(TABLE, withheld=(*TABLE.withheld, other))).sheet().text(100)
    assert "withheld (1)  fewer than 10 patients" in text
    assert "withheld (2)  another rule" in text
    assert text.count("withheld (1)") == 4
    assert text.count("withheld (2)") == 2


def test_a_frame_has_keys_and_statistics_as_columns() -> None:
    """Withheld and undefined are NA, numbers are full doubles."""
    frame = result().to_frame()
    assert list(frame.columns) == ["variable", "sex", "n", "mean", "sd"]
    assert frame["mean"][0] == 53.51086956521739
    assert frame["mean"].isna()[1]
    assert frame["sd"].isna()[2]


def test_a_frame_of_no_rows_keeps_its_columns() -> None:
    """An empty table is a table."""
    frame = result(replace(TABLE, rows=(), withheld=())).to_frame()
    assert list(frame.columns) == ["variable", "sex", "n", "mean", "sd"]
    assert "summary of heart" in repr(result(replace(TABLE, rows=(), withheld=())))


def test_a_statistic_called_like_a_key_is_told_apart() -> None:
    """A column of the dataset may be called `n`."""
    table = Table(keys=("n",), values=("n", "mean"), rows=(("1", 20, 3.5),))
    made = result(table)
    assert list(made.to_frame().columns) == ["n", "summary_n", "mean"]
    assert made.to_dict()["rows"] == [{"n": "1", "summary_n": 20, "mean": 3.5}]


def test_json_holds_answer_hospitals_and_what_was_withheld() -> None:
    """The layout is stable, and everything in it is JSON."""
    value = result().to_dict()
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert list(value) == [
        "query",
        "dataset",
        "dictionary",
        "method",
        "method_version",
        "parameters",
        "where",
        "keys",
        "values",
        "rows",
        "withheld",
        "hospitals",
        "absent",
        "rules",
        "rounds",
    ]
    assert value["where"] == "age >= 40"
    assert value["withheld"] == [
        {
            "cell": {"variable": "age", "sex": "male"},
            "columns": ["n", "mean", "sd"],
            "rule": SMALL,
        }
    ]
    assert value["hospitals"] == [
        {"hospital": "a", "snapshot": "1:x"},
        {"hospital": "b", "snapshot": "4:y"},
    ]
    assert value["absent"] == [{"hospital": "c", "why": "gave no part in time"}]


def test_everyone_is_no_condition() -> None:
    """The literally unfiltered cohort shows as none."""
    made = result(question=replace(QUERY, cohort=EVERYONE))
    assert made.to_dict()["where"] is None
    assert "where" not in repr(made)


def test_a_notebook_shows_escaped_html() -> None:
    """What others named cannot become markup."""
    table = replace(TABLE, rows=(("age", "<b>", 20, 1.5, 1.5),), withheld=())
    html = result(table)._repr_html_()
    assert "<b></td>" not in html
    assert "&lt;b&gt;" in html
