"""Reports about use, refusals, budgets, readers and disclosures say what the entries say."""

import random
import re
from pathlib import Path
from typing import Any, Final

import pytest

from support.log_entries import ANN, BEN, NODE, SOUTH, TAG, digest, entry, later, log
from wardnet.audit.entry import Actor, Budget, Entry, EventType, Outcome
from wardnet.audit.export import EXPORTS
from wardnet.audit.report import REPORTS, About, Report
from wardnet.audit.report.figure import Bars, Lines, Timeline, Tone, timeline
from wardnet.audit.report.finding import Sign
from wardnet.errors import Reason, WardnetError

HEART: Final = digest(100)
LUNG: Final = digest(200)


def asked(
    number: int, *endings: EventType, study: str = HEART, **more: object
) -> list[dict[str, Any]]:
    """Return the fields of a query's entries: accepted, and what followed."""
    same = {"request_digest": digest(number), "study": study, "dataset": "cardiology", **more}
    accepted = {**same, "type": EventType.QUERY_ACCEPTED, "outcome": Outcome.DONE, "reason": None}
    return [accepted, *({"type": kind, **same} for kind in endings)]


def report(name: str, entries: list[Entry], **about: Any) -> Report:  # noqa: ANN401 - fields of About
    """Make a report."""
    return REPORTS[name].make(entries, About(**about))


def rows(found: Report) -> list[dict[str, Any]]:
    """Return a report's rows with their headings."""
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


USED: Final = log(
    *asked(1, EventType.QUERY_PART, EventType.QUERY_ANSWER, cells_withheld=2),
    *asked(2, EventType.QUERY_PART, EventType.QUERY_ANSWER, subject=BEN),
    *asked(3, EventType.QUERY_CANCELLED),
    *asked(4, study=LUNG),
    {
        "type": EventType.QUERY_FAILED,
        "outcome": Outcome.REFUSED,
        "reason": Reason.COHORT_TOO_SMALL,
        "request_digest": digest(5),
    },
)


def test_a_query_counts_once_in_use_per_study() -> None:
    """Rounds do not multiply a query, and each is counted by how it ended."""
    heart, lung, unnamed = rows(report("studies", list(USED)))
    assert (heart["study"], heart["queries"], heart["researchers"]) == (HEART, 3, 2)
    assert (heart["answered"], heart["cancelled"], heart["cells withheld"]) == (2, 1, 2)
    assert (lung["study"], lung["queries"], lung["open"]) == (LUNG, 1, 1)
    assert (unnamed["study"], unnamed["refused"]) == ("no study named", 1)
    assert (heart["first"], heart["last"]) == (later(1), later(8))


def test_an_answer_that_is_a_refusal_counts_as_refused() -> None:
    """That a cohort is too small shows in the sums: then the answer says so, and nothing else."""
    small = {"outcome": Outcome.REFUSED, "reason": Reason.COHORT_TOO_SMALL}
    found = log(*asked(1, EventType.QUERY_ANSWER), *asked(2, EventType.QUERY_ANSWER, **small))
    (row,) = rows(report("studies", list(found)))
    assert (row["queries"], row["answered"], row["refused"]) == (2, 1, 1)


def test_a_later_refusal_does_not_take_an_answer_back() -> None:
    """Who sends an answered query again is refused, and the query stays answered."""
    again = {"type": EventType.QUERY_FAILED, "outcome": Outcome.REFUSED}
    found = log(
        *asked(1, EventType.QUERY_ANSWER), {**again, "request_digest": digest(1), "study": HEART}
    )
    (row,) = rows(report("studies", list(found)))
    assert (row["answered"], row["refused"]) == (1, 0)


def test_refusals_are_counted_by_reason_and_person() -> None:
    """The most frequent come first, with when they began and ended."""
    login = {
        "type": EventType.STEWARD_LOGIN,
        "outcome": Outcome.REFUSED,
        "reason": Reason.LOGIN_REFUSED,
        "subject": BEN,
    }
    found = report("refusals", [*USED, *log(login, login, node=SOUTH)])
    first, second = rows(found)
    assert (first["reason"], first["who"], first["times"]) == ("login_refused", BEN, 2)
    assert (second["reason"], second["who"], second["times"]) == ("cohort_too_small", ANN, 1)
    assert (first["first"], first["last"]) == (later(1), later(2))
    assert isinstance(found.figures[0], Bars)
    assert found.figures[0].labels == ("login_refused", "cohort_too_small")


def test_a_budget_burns_down_and_a_quota_adds_up() -> None:
    """The line of a budget begins with all of it; an agreement's counts what was accepted."""
    costs = [
        {"budget": Budget(mechanism="gauss", cost=cost, left=left), "dataset": "cardiology"}
        for cost, left in ((30, 70), (20, 50))
    ]
    accepted = asked(1, agreement=digest(9)) + asked(2, agreement=digest(9))
    found = report("budget", list(log(*costs, *accepted)))
    burnt, quota = rows(found)
    assert (burnt["of"], burnt["spent"], burnt["left"]) == ("budget: gauss", 50, 50)
    assert (quota["of"], quota["spent"], quota["left"]) == (digest(9), 2, "")
    left, running = found.figures
    assert isinstance(left, Lines)
    assert isinstance(running, Lines)
    assert left.lines[0].points == ((later(1), 100), (later(1), 70), (later(2), 50))
    assert [count for _, count in running.lines[0].points] == [1, 2]


def test_readers_of_the_log_are_named() -> None:
    """Each reader has a row, refused attempts beside the others."""
    read = {"type": EventType.LOG_READ, "outcome": Outcome.DONE}
    auditor = Actor(subject="wardnet://heartnet/auditor/eve", role="auditor")
    refused = {**read, "outcome": Outcome.REFUSED, "actor": auditor}
    operator, eve = sorted(
        rows(report("readers", list(log(read, read, refused)))), key=lambda row: -row["readings"]
    )
    assert (operator["who"], operator["readings"], operator["refused"]) == (ANN, 2, 0)
    assert (eve["role"], eve["readings"], eve["refused"]) == ("auditor", 1, 1)


DISCLOSED: Final = {"patient_tags": (TAG,), "recipient": BEN, "dataset": "cardiology"}


def test_disclosures_of_one_patient_are_all_listed() -> None:
    """A release counts, also one whose outcome was never written; a refusal does not."""
    found = log(
        DISCLOSED,
        {**DISCLOSED, "outcome": None},
        {**DISCLOSED, "outcome": Outcome.REFUSED},
        {**DISCLOSED, "patient_tags": ("6" * 64,)},
        {"dataset": "cardiology"},
    )
    listed = rows(report("disclosures", list(found), patient=frozenset({TAG})))
    assert [row["entry"] for row in listed] == [2, 1]
    assert {row["recipient"] for row in listed} == {BEN}


def test_disclosures_reach_back_six_years() -> None:
    """A release six years ago is listed, one a millisecond older is not."""
    found = [
        entry(1, time="2020-02-29T11:59:59.999Z", **DISCLOSED),
        entry(2, time="2020-02-29T12:00:00.000Z", **DISCLOSED),
    ]
    about = {"patient": frozenset({TAG}), "at": "2026-02-28T12:00:00.000Z"}
    assert len(rows(report("disclosures", found, **about))) == 2
    about["at"] = "2026-03-01T12:00:00.000Z"
    assert rows(report("disclosures", found, **about)) == []
    leap = entry(3, time="2018-03-01T00:00:00.000Z", **DISCLOSED)
    about["at"] = "2024-02-29T00:00:00.000Z"
    assert [row["entry"] for row in rows(report("disclosures", [leap], **about))] == [3]


@pytest.mark.parametrize("name", [kind.name for kind in REPORTS.values() if kind.needs])
def test_a_report_does_not_guess_what_it_needs(name: str) -> None:
    """Without a patient, or the coordinator's log, there is a refusal and no empty report."""
    with pytest.raises(WardnetError) as refused:
        report(name, list(USED))
    assert refused.value.reason is Reason.PARAMETER_INVALID
    assert refused.value.details["parameter"] == REPORTS[name].needs


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("entries", [[], list(USED)], ids=["empty", "used"])
def test_rows_fit_their_columns(name: str, entries: list[Entry]) -> None:
    """Every report keeps its name and title, of an empty log too."""
    about = About(patient=frozenset({TAG}), coordinator=(entry(1),))
    found = REPORTS[name].make(entries, about)
    assert (
        (found.name, found.title)
        == (REPORTS[name].name, REPORTS[name].title)
        == (name, found.title)
    )
    assert {len(row) for row in found.rows} <= {len(found.columns)}


@pytest.mark.parametrize("name", REPORTS)
def test_the_order_of_entries_does_not_matter(name: str) -> None:
    """Shuffled, repeated entries of two logs give the same report."""
    south = [entry(one.seq, **{"node": SOUTH, "dataset": "lung", **DISCLOSED}) for one in USED]
    every = [*USED, *south]
    shuffled = every * 2
    random.Random(4).shuffle(shuffled)
    about = About(patient=frozenset({TAG}), coordinator=(entry(1, node=NODE),))
    first, second = (REPORTS[name].make(entries, about) for entries in (every, shuffled))
    assert sorted(map(str, first.rows)) == sorted(map(str, second.rows))


@pytest.mark.parametrize(
    ("last", "periods"),
    [
        ("2026-03-04", 3),
        ("2026-06-01", 92),
        ("2026-06-02", 4),
        ("2029-12-31", 46),
        ("2031-01-01", 6),
    ],
)
def test_a_timeline_has_few_enough_columns(last: str, periods: int) -> None:
    """Days become months and months years before they are too many; none is left out."""
    moments = ["2026-03-02T09:00:00.000Z", f"{last}T09:00:00.000Z"]
    found = timeline("x", {"all": (Tone.PLAIN, moments)})
    assert isinstance(found, Timeline)
    assert len(found.periods) == periods
    assert sum(found.series[0].values) == 2


@pytest.mark.parametrize("name", [*REPORTS, *EXPORTS, *Sign])
def test_the_guide_explains_everything(name: str) -> None:
    """Every report, sign and export has its line in the auditor's guide."""
    guide = (Path(__file__).parents[2] / "docs" / "auditor.md").read_text()
    rows = re.findall(r"^\| `?([^`|]+?)`? \|", guide, re.MULTILINE)
    assert name in rows


@pytest.mark.parametrize("kind", EventType)
def test_the_guide_names_every_kind_of_entry(kind: EventType) -> None:
    """Whoever meets a type in a log finds it in the guide."""
    guide = (Path(__file__).parents[2] / "docs" / "auditor.md").read_text()
    (kinds,) = re.findall(r"^\| `--type` .*?^$", guide, re.MULTILINE | re.DOTALL)
    assert f"`{kind.value}`" in kinds
