"""The guide to dictionaries is true: its example loads, and it names every type and action."""

import re
from pathlib import Path

import click
import pytest

from wardnet.question.dictionary import NEVER_SHARED, Action, ColumnType
from wardnet_node.cli.dataset import dataset
from wardnet_node.intake import dictionary_file, local_part
from wardnet_node.intake.batches import Batch, read

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "dictionary.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the guide's blocks of code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Read the guide's file with both parts of its dictionary."""
    shared, local, table = (tmp_path / name for name in ("shared.toml", "local.toml", "table.csv"))
    texts = blocks("toml")
    shared.write_text(texts[0], encoding="utf-8")
    local.write_text(texts[1], encoding="utf-8")
    table.write_text(blocks("csv")[0], encoding="cp1252")
    dictionary, own = dictionary_file.read(shared), local_part.read(local)
    local_part.check(own, dictionary)
    (read_in,) = read(table, dictionary, local=own)
    texts_of = {
        name: [None if code < 0 else dictionary.column(name).text(int(code)) for code in codes]
        for name, codes in read_in.columns.items()
    }
    assert texts_of == {
        "age": ["61", "47", "55"],
        "sex": ["female", "male", "female"],
        "admitted": ["2024-02-03", "2023-11-17", "2024-07-01"],
        "chol": ["5.5", None, "4.8"],
        "smoker": ["true", "false", None],
    }
    return read_in


def test_the_example_means_what_the_guide_says(batch: Batch) -> None:
    """German dates, decimal commas, codes and units arrive; no record is rejected."""
    assert batch.rejects == ()
    assert batch.patients is not None
    assert batch.patients.to_pylist() == ["1001", "1002", "1003"]


def test_every_type_has_its_line_and_every_action_its_words() -> None:
    """Whoever adds one explains it; what is never shared is said to be never asked about."""
    lines = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\w ]+) \|$", PAGE, re.MULTILINE))
    assert lines.keys() == {kind.value for kind in ColumnType}
    assert {kind for kind, asked in lines.items() if asked == "never"} == {
        kind.value for kind in NEVER_SHARED
    }
    assert all(f"`{action.value}`" in PAGE for action in Action)


@pytest.mark.parametrize("command", ["publish", "adopt", "load"])
def test_the_guides_speak_of_every_choice_about_a_dataset(command: str) -> None:
    """What a hospital can say to these commands stands in a guide, not in the reference alone."""
    guides = "".join(
        (DOCS / name).read_text(encoding="utf-8") for name in ("dictionary.md", "hospital.md")
    )
    options = [item for item in dataset.commands[command].params if isinstance(item, click.Option)]
    missing = {option.opts[0] for option in options if option.opts[0] not in guides}
    assert missing <= {"--json"}
