"""The syslog export: messages that a strict reader of RFC 5424 takes apart again."""

import io
import re
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from support.log_entries import entry
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.export.syslog import LONGEST_VALUE, message, write
from wardnet.errors import Reason

# RFC 5424, section 6, as one expression.
MESSAGE: Final = re.compile(
    r"<(?P<priority>[0-9]{1,3})>1 (?P<time>[0-9T:.-]+Z) (?P<host>[!-~]{1,255}) "
    r"(?P<app>[!-~]{1,48}) - (?P<id>[!-~]{1,32}) "
    r'(?P<data>(?:\[[!#-<>-\\^-~]{1,32}(?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\.)*")*\])+)'
    "(?: \ufeff(?P<text>.*))?"
)


def parameters(data: str) -> dict[str, str]:
    """Return the parameters of a message, their escapes undone."""
    found = re.findall(r' ([^= ]+)="((?:[^"\\\]]|\\.)*)"', data)
    return {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in found}


def read(data: bytes) -> tuple[re.Match[str], dict[str, str]]:
    """Take a message apart."""
    match = MESSAGE.fullmatch(data.decode())
    assert match is not None
    return match, parameters(match["data"])


@given(st.text(max_size=LONGEST_VALUE // 12))
def test_no_value_leaves_its_place(text: str) -> None:
    """Quotes, brackets, backslashes and line breaks stay inside the parameter they are in."""
    message_read, found = read(message(entry(dataset=text, study=text)))
    assert "\n" not in message_read.string
    shown = text if text.isprintable() else None
    if shown is not None:
        assert (found["dataset"], found["study"]) == (shown, shown)
    assert found["seq"] == "1"


def test_the_header_says_who_when_and_what() -> None:
    """A receiver can sort by host, kind and severity without reading on."""
    refused = entry(4, type=EventType.QUERY_FAILED, outcome=Outcome.REFUSED)
    found, _ = read(message(refused))
    assert found["priority"] == str(13 * 8 + 4)
    assert (found["host"], found["app"], found["id"]) == ("north", "wardnet", "query_failed")
    assert found["time"] == refused.time


def test_severity_follows_the_outcome() -> None:
    """A failure is an error, a refusal a warning, anything else information."""
    outcomes = (Outcome.FAILED, Outcome.REFUSED, Outcome.RELEASED, Outcome.DONE, None)
    priorities = [read(message(entry(outcome=outcome)))[0]["priority"] for outcome in outcomes]
    assert priorities == ["107", "108", "110", "110", "110"]


def test_broken_glass_is_critical_and_changed_powers_are_notices() -> None:
    """A monitor wakes somebody for the first, however it ended; a refused change is a warning."""

    def priority(kind: EventType, outcome: Outcome) -> int:
        return int(read(message(entry(type=kind, outcome=outcome)))[0]["priority"]) - 13 * 8

    assert {priority(EventType.BREAK_GLASS, outcome) for outcome in Outcome} == {2}
    for kind in (
        EventType.KEY_REVOKED,
        EventType.STEWARD_REMOVED,
        EventType.PASSWORD_CHANGED,
        EventType.AUDITOR_GRANTED,
        EventType.DETAIL_ERASED,
    ):
        assert (priority(kind, Outcome.DONE), priority(kind, Outcome.REFUSED)) == (5, 4)


def test_the_text_is_for_people() -> None:
    """The message ends with a sentence."""
    told = entry(dataset="cardiology", outcome=Outcome.REFUSED, reason=Reason.COHORT_TOO_SMALL)
    found, _ = read(message(told))
    assert found["text"] == (
        "query answer by wardnet://heartnet/researcher/ann about cardiology: "
        "refused cohort_too_small"
    )


def test_a_message_fits_a_datagram() -> None:
    """However much an entry holds, its message does not grow beyond what UDP carries."""
    large = entry(
        study="\u2028" * 100_000, patient_tags=("5" * 64,) * 5_000, sealed_detail="x" * 99
    )
    assert len(message(large)) < 65_507
    assert "sealed_detail" not in read(message(large))[1]


def test_a_file_holds_one_message_per_line() -> None:
    """A line break in a value does not begin a line."""
    stream = io.BytesIO()
    write([entry(1, dataset="a\nb"), entry(2)], stream)
    lines = stream.getvalue().decode().splitlines()
    assert [read(line.encode())[1]["seq"] for line in lines] == ["1", "2"]
