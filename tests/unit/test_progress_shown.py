"""What a terminal shows of a question that is under way."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO

import pandas as pd
import pytest
from rich.console import Console

from support.pki import TestNetwork
from support.questions import count_query, signed
from wardnet.client.commands import display
from wardnet.client.queries.record import HospitalState, Progress, Record, State
from wardnet.errors import Reason, WardnetError
from wardnet.simulation import simulate


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Give what a terminal has shown so far."""
    screen = StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr(display, "console", lambda **_: terminal)
    return screen.getvalue


def record(**changes: object) -> Record:
    """Return a record of a query whose two hospitals compute."""
    network = TestNetwork()
    question = count_query(network)
    return Record(
        query="0" * 64,
        question=question,
        envelope=signed(network, question),
        state=State.RUNNING,
        attempt=1,
        round=57,
        hospitals=tuple(Progress(name, HospitalState.COMPUTING) for name in "ab"),
        failure=None,
        submitted=datetime(2026, 1, 1, tzinfo=UTC),
        ended=None,
        **changes,  # type: ignore[arg-type]
    )


def test_a_question_shows_its_round_and_what_hospitals_tell(shown: Callable[[], str]) -> None:
    """The newest numbers stand below the hospitals; without any there is no such line."""
    with display.progress() as show:
        show(record())
        assert "loss" not in shown()
        numbers = {"loss after 12 trees": 0.43123456, "validation loss after 12 trees": 0.5}
        show(record(interim=numbers))
    assert "round 57" in shown()
    assert "  loss after 12 trees 0.431235, validation loss after 12 trees 0.5" in shown()


def test_a_doubt_is_shown_in_words_and_cannot_move_the_cursor(shown: Callable[[], str]) -> None:
    """Names come from a hospital: nothing in them controls the terminal."""
    doubt = WardnetError(Reason.INTERIM_DIFFERS, hospitals="a and b")
    with display.progress() as show:
        show(record(interim={"loss\x1b[2J": 0.5}, doubt=doubt))
    assert "a and b tell different numbers" in shown()
    assert "\x1b[2J" not in shown()


def test_a_simulation_shows_the_curve_as_it_grows(shown: Callable[[], str]) -> None:
    """The last thing to be seen of its rounds is how far the curve had come."""
    frame = pd.DataFrame({"age": range(20, 80), "sick": ["no", "yes", "yes"] * 20})
    network = simulate([frame, frame], dataset="ward")
    network.learn.boosting("sick ~ age", "ward", trees=3, depth=1)
    assert "simulation, boosting of ward: sick by age: round" in shown()
    assert "loss after 2 trees" in shown()
