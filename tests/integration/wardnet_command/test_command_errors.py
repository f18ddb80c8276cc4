"""What a person did wrong is told in one sentence, with an exit code."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from support.command import Run, exit_code
from wardnet.client import cli
from wardnet.errors import Reason


def test_a_condition_that_cannot_be_read_is_pointed_at(wardnet: Run) -> None:
    """The caret stands below the character, and nothing is sent."""
    done = wardnet("query", "count", "heart", "--where", "age >= forty")
    assert done.exit_code == exit_code(Reason.COHORT_SYNTAX)
    shown, caret, error = done.stderr.splitlines()
    assert shown == "  age >= forty"
    assert caret == "         ^"
    assert error.startswith("Error: The cohort cannot be read at character 8: expected a value")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["query", "count", "lungs"], Reason.DATASET_UNAVAILABLE),
        (["query", "summary", "heart", "bmi"], Reason.COLUMN_UNAVAILABLE),
        (["query", "crosstab", "heart", "sex", "age"], Reason.PARAMETER_INVALID),
        (
            ["query", "histogram", "heart", "age", "--bins", "3", "--edges", "1,2"],
            Reason.PARAMETER_INVALID,
        ),
        (["query", "count", "heart", "--hospitals", "z"], Reason.PARAMETER_INVALID),
        (["query", "count", "heart", "--min-hospitals", "9"], Reason.PARAMETER_INVALID),
        (["query", "count", "heart", "--where", "age == 30"], Reason.COHORT_TOO_SMALL),
        (["query", "count", "heart", "--study", "abcdef"], Reason.STUDY_UNKNOWN),
        (["query", "count", "heart", "--study", "abcdef", "--explain"], Reason.STUDY_UNKNOWN),
        (["study", "status", "abcdef"], Reason.STUDY_UNKNOWN),
        (["study", "new", "study.toml", "--dataset", "lungs"], Reason.DATASET_UNAVAILABLE),
        (["study", "new", "none/study.toml", "--dataset", "heart"], Reason.FILE_UNREADABLE),
        (["study", "check", "none.toml"], Reason.FILE_UNREADABLE),
        (["query", "show", "abcdef"], Reason.QUERY_UNKNOWN),
        (["query", "wait", "abcdef"], Reason.QUERY_UNKNOWN),
        (["query", "cancel", "abcdef"], Reason.QUERY_UNKNOWN),
        (["dictionary", "lungs"], Reason.DATASET_UNAVAILABLE),
        (["login", "nowhere.txt"], Reason.FILE_UNREADABLE),
        (["login", "wardnet-invitation-v1:abc"], Reason.INVITATION_MALFORMED),
    ],
)
def test_an_error_is_one_sentence_and_an_exit_code(
    wardnet: Run, words: list[str], reason: Reason
) -> None:
    """Both from the catalogue; stdout stays empty."""
    done = wardnet(*words)
    assert done.exit_code == exit_code(reason)
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_a_home_without_keys_says_what_to_do(tmp_path: Path) -> None:
    """Before anybody is asked for a passphrase."""
    done = CliRunner().invoke(cli.main, ["--home", str(tmp_path / "none"), "datasets"])
    assert done.exit_code == exit_code(Reason.NOT_INITIALISED)
    assert "Run `wardnet login` first." in done.stderr


def test_a_wrong_passphrase_is_told(home: Path) -> None:
    """And nothing else happens."""
    wrong = home / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("not the passphrase\n")
    words = ["--home", str(home), "--passphrase-file", str(wrong), "datasets"]
    assert CliRunner().invoke(cli.main, words).exit_code == exit_code(Reason.PASSPHRASE_WRONG)
