"""What a researcher is shown: answers, lists, and queries that she leaves and takes up again."""

import json

import pytest

from support.command import Run, exit_code
from support.postoffice import PostOffice, honest
from wardnet.client import RemoteNetwork
from wardnet.errors import Reason


def test_an_answer_is_printed_as_a_table(wardnet: Run) -> None:
    """Numbers on stdout, everything else on stderr."""
    done = wardnet("query", "summary", "heart", "age", "--by", "sex", "--where", "age >= 35")
    assert done.exit_code == 0
    assert done.stdout.startswith("summary of heart: age by sex, where age >= 35\n\nvariable  sex")
    assert "hospitals  a, b" in done.stdout
    assert done.stderr.startswith("query ")


def test_an_answer_is_printed_as_json(wardnet: Run) -> None:
    """Programs read the same as `Result.to_dict()`."""
    done = wardnet("query", "count", "heart", "--by", "sex", "--json")
    answer = json.loads(done.stdout)
    assert answer["rows"] == [
        {"sex": "female", "rows": 30, "patients": 30},
        {"sex": "male", "rows": 60, "patients": 60},
    ]
    assert [each["hospital"] for each in answer["hospitals"]] == ["a", "b"]


def test_what_the_network_holds_is_listed(wardnet: Run) -> None:
    """Datasets, dictionaries, hospitals, settings: as tables and as JSON."""
    assert "a, b" in wardnet("datasets").stdout
    assert json.loads(wardnet("datasets", "--json").stdout)[0]["name"] == "heart"
    assert "female, male" in wardnet("dictionary", "heart").stdout
    columns = json.loads(wardnet("dictionary", "heart", "--json").stdout)["columns"]
    assert [column["name"] for column in columns] == ["age", "sex", "smoker"]
    assert json.loads(wardnet("hospitals", "--json").stdout)[0] == {
        "hospital": "a",
        "connected": True,
    }
    assert json.loads(wardnet("config", "--json").stdout)[0]["source"] == "file"


def test_a_query_can_be_left_and_taken_up(wardnet: Run) -> None:
    """Closing the laptop loses nothing."""
    query = wardnet("query", "count", "heart", "--no-wait").stdout.strip()
    assert len(query) == 64
    assert json.loads(wardnet("query", "count", "heart", "--no-wait", "--json").stdout)["query"]
    assert "running" in wardnet("query", "show", query[:8]).stdout
    waited = wardnet("query", "wait", query[:8])
    shown = wardnet("query", "show", query[:8])
    assert waited.stdout == shown.stdout
    assert "patients" in shown.stdout
    listed = wardnet("query", "list")
    assert query[:12] in listed.stdout
    assert "count of heart" in listed.stdout
    assert wardnet("query", "list", "--json", "--limit", "1").stdout.count('"query"') == 1


def test_waiting_has_an_end_that_says_how_to_go_on(wardnet: Run, office: PostOffice) -> None:
    """The query itself goes on."""
    office.records = lambda office, envelope: honest(office, envelope)[:1]
    done = wardnet("query", "count", "heart", "--timeout", "0.05")
    assert done.exit_code == exit_code(Reason.WAIT_TOO_LONG)
    assert "wardnet query wait" in done.stderr


def test_ctrl_c_leaves_the_query_running_and_says_how_to_go_on(
    wardnet: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stops waiting does not stop the question."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RemoteNetwork, "wait", interrupt)
    done = wardnet("query", "count", "heart")
    assert done.exit_code == 1
    assert "The query goes on; `wardnet query wait " in done.stderr


def test_a_cancelled_query_is_told(wardnet: Run) -> None:
    """Its state is shown, and waiting for it ends with the reason."""
    query = wardnet("query", "count", "heart", "--no-wait").stdout.strip()
    assert "is cancelled" in wardnet("query", "cancel", query[:8]).stderr
    assert wardnet("query", "wait", query).exit_code == exit_code(Reason.QUERY_CANCELLED)
    shown = wardnet("query", "show", query).stdout
    assert "count of heart: cancelled" in shown
    assert "computing" not in shown
