"""Logs speak a closed vocabulary: what is not in it cannot be written."""

import json
import logging

import pytest

from wardnet import logs

CANARY = "Mustermann"


@pytest.fixture(autouse=True)
def _configured() -> None:
    """Log as a daemon does."""
    logs.configure("wardnet-test")


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_line_is_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """One object per line, with program, level and time."""
    logs.configure("wardnet-test")
    logs.logger().info("serving", address="localhost:1")
    (line,) = _lines(capsys)
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "serving",
        "address": "localhost:1",
        "level": "info",
        "program": "wardnet-test",
    }


def test_key_outside_the_vocabulary_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written, and the message does not repeat the value."""
    with pytest.raises(TypeError, match="patient") as caught:
        logs.logger().info("loaded", patient=CANARY)
    assert CANARY not in str(caught.value)
    assert _lines(capsys) == []


def test_no_key_can_hold_a_value_of_a_patient() -> None:
    """The vocabulary has no word for one."""
    assert not logs.KEYS & {"value", "values", "row", "rows", "patient", "record", "data", "text"}


def test_library_speaks_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception's text may quote data: only its type and place are kept."""
    logs.configure("wardnet-test")
    try:
        int(CANARY)
    except ValueError:
        logging.getLogger("asyncio").exception("task failed for %s", CANARY)
    err = capsys.readouterr().err
    assert CANARY not in err
    line = json.loads(err)
    assert line["error"] == "ValueError"
    assert "test_logs.py" in line["place"]


def test_place_names_code_and_no_text() -> None:
    """The frames from outside in, without the error's words."""
    with pytest.raises(ValueError, match=CANARY) as caught:
        int(CANARY)
    place = logs.place(caught.value)
    assert "test_logs.py" in place
    assert CANARY not in place
