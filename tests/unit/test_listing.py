"""Lists of datasets, columns and hospitals."""

from wardnet.client.printing.listing import Columns, Dataset, Hospital, datasets, hospitals
from wardnet.question.dictionary import Column, ColumnType, Dictionary

DICTIONARY = Dictionary(
    "heart",
    2,
    (
        Column("record", ColumnType.IDENTIFIER),
        Column("age", ColumnType.INTEGER, "Age", "a", minimum="0", maximum="120"),
        Column("st", ColumnType.REAL, unit="mV", minimum="-3", maximum="7", resolution="0.1"),
        Column("sex", ColumnType.CATEGORY, levels=("f", "m")),
        Column("note", ColumnType.TEXT),
    ),
    label="Heart patients",
)


def test_only_columns_that_questions_may_name_are_listed() -> None:
    """What is never shared is not even shown."""
    columns = Columns(DICTIONARY)
    assert [column.name for column in columns] == ["age", "st", "sex"]
    assert columns[0].unit == "a"
    assert "record" not in repr(columns)
    assert [column["name"] for column in columns.to_dict()] == ["age", "st", "sex"]


def test_columns_print_with_their_values() -> None:
    """Bounds, step and levels tell what can be asked for."""
    assert Columns(DICTIONARY).sheet().text(80).split("\n") == [
        "heart, version 2: Heart patients",
        "",
        "name  type      values             unit  label",
        "age   integer   0 to 120           a     Age",
        "st    real      -3 to 7, step 0.1  mV",
        "sex   category  f, m",
    ]


def test_lists_become_frames_and_json() -> None:
    """One row each."""
    listed = datasets([Dataset("heart", "Heart patients", 2, "ab", ("a", "b"), behind=("c",))])
    assert listed.to_dict() == [
        {
            "name": "heart",
            "label": "Heart patients",
            "version": 2,
            "dictionary": "ab",
            "hospitals": ["a", "b"],
            "behind": ["c"],
        }
    ]
    assert listed.to_frame()["version"].tolist() == [2]
    assert "a, b" in repr(listed)
    assert hospitals([Hospital("a", connected=True)]).to_dict() == [
        {"hospital": "a", "connected": True}
    ]


def test_an_empty_list_says_so() -> None:
    """Nothing is better said than shown."""
    assert repr(datasets([])) == "datasets: none yet"
    assert len(datasets([])) == 0
