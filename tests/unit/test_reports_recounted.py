"""Reports of a busy log, counted a second time: with loops over plain rows and nothing else."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

from support.busy_log import busy_log
from support.log_entries import TAG
from wardnet.audit.export.row import row
from wardnet.audit.report import REPORTS, About

ENTRIES: Final = [*busy_log(queries=1500, seed=7), *busy_log(queries=50, seed=8, node="node/south")]
LOG: Final = [row(entry) for entry in ENTRIES]
MINUTES: Final = {entry["time"]: datetime.fromisoformat(str(entry["time"])) for entry in LOG}


def made(name: str, **about: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - fields of About
    """Return the rows of a report."""
    report = REPORTS[name].make(reversed(ENTRIES), About(**about))
    return [dict(zip(report.columns, line, strict=True)) for line in report.rows]


def test_use_per_study() -> None:
    """Every query is in one row, under one ending."""
    endings: dict[Any, dict[Any, str]] = defaultdict(dict)
    people: dict[Any, set[Any]] = defaultdict(set)
    for entry in LOG:
        if str(entry["type"]).startswith("query"):
            ending = {
                "query_accepted": "open",
                "query_answer": "answered",
                "query_cancelled": "cancelled",
                "query_failed": str(entry["outcome"]),
            }[str(entry["type"])]
            endings[entry["study"]][entry["node"], entry["request_digest"]] = ending
            people[entry["study"]].add(entry["actor.subject"])
    rows = made("studies")
    assert {line["study"]: line["queries"] for line in rows} == {
        study: len(queries) for study, queries in endings.items()
    }
    for line in rows:
        counts = Counter(endings[line["study"]].values())
        for ending in ("answered", "refused", "failed", "cancelled", "open"):
            assert line[ending] == counts[ending]
        assert line["researchers"] == len(people[line["study"]])


def test_refusals() -> None:
    """Each refused entry counts once, whatever it refused."""
    names = ("reason", "actor.subject", "type", "study", "dataset")
    counts = Counter(
        tuple(entry[name] or "" for name in names) for entry in LOG if entry["outcome"] == "refused"
    )
    unsaid = {("", *rest): number for (reason, *rest), number in counts.items() if not reason}
    rows = {
        tuple(line[name] for name in ("reason", "who", "what", "study", "dataset")): line["times"]
        for line in made("refusals")
    }
    assert sum(rows.values()) == counts.total()
    for group, number in counts.items():
        assert rows[group if group[0] else ("no reason recorded", *group[1:])] == number
    assert unsaid, "a refused reading of the log has no reason in this log"


def test_budgets_and_quotas() -> None:
    """What was spent is the sum of the costs; what is left is what the last entry says."""
    spent: Counter[Any] = Counter()
    left: dict[Any, Any] = {}
    accepted: Counter[Any] = Counter()
    for entry in LOG:
        if isinstance(cost := entry["budget.cost"], int):
            place = (f"budget: {entry['budget.mechanism']}", entry["dataset"], entry["node"])
            spent[place] += cost
            left[place] = entry["budget.left"]
        if entry["type"] == "query_accepted":
            accepted[entry["agreement"], entry["dataset"], entry["node"]] += 1
    rows = {(line["of"], line["dataset"], line["log"]): line for line in made("budget")}
    assert len(rows) == len(spent) + len(accepted)
    for place, cost in spent.items():
        assert (rows[place]["spent"], rows[place]["left"]) == (cost, left[place])
    for place, number in accepted.items():
        assert rows[place]["spent"] == number


def test_readers() -> None:
    """Who read which log, how often, and how often in vain."""
    read = Counter((e["actor.subject"], e["node"]) for e in LOG if e["type"] == "log_read")
    vain = Counter(
        (e["actor.subject"], e["node"])
        for e in LOG
        if e["type"] == "log_read" and e["outcome"] == "refused"
    )
    rows = {(line["who"], line["log"]): line for line in made("readers")}
    assert {place: line["readings"] for place, line in rows.items()} == read
    assert all(line["refused"] == vain[place] for place, line in rows.items())


def test_disclosures_of_one_patient() -> None:
    """Every release under her tag, newest first, and nothing else."""
    released = [
        (entry["time"], entry["recipient"], entry["node"], entry["seq"])
        for entry in LOG
        if TAG in str(entry["patient_tags"]) and entry["outcome"] == "released"
    ]
    rows = made("disclosures", patient=frozenset({TAG}))
    told = [(line["time"], line["recipient"], line["log"], line["entry"]) for line in rows]
    assert sorted(told) == sorted(released)
    assert [time for time, *_ in told] == sorted((time for time, *_ in told), reverse=True)
    assert made("disclosures", patient=frozenset({"6" * 64})) == []


def test_what_was_done_outside_office_hours() -> None:
    """Nights and weekends, by person and kind; each entry is in one row."""
    late: Counter[Any] = Counter()
    for entry in LOG:
        moment = MINUTES[entry["time"]]
        if entry["type"] not in ("query_accepted", "log_read"):
            continue
        if moment.weekday() > 4 or not 7 <= moment.hour < 20:
            late[entry["node"], entry["actor.subject"], entry["type"]] += 1
    rows = [line for line in made("anomalies") if line["sign"] == "outside office hours"]
    told = {
        (line["log"], line["who"], line["what"].split(",")[0]): int(
            line["what"].split("times: ")[1].split(",")[0]
        )
        for line in rows
    }
    assert told == late


def test_who_was_refused_and_asked_again() -> None:
    """The same person, the same dataset, another question, within an hour of the refusal."""
    found: list[tuple[Any, ...]] = []
    refused: dict[Any, Any] = {}
    for entry in LOG:
        place = (entry["node"], entry["actor.subject"], entry["dataset"])
        if entry["type"] == "query_failed" and entry["outcome"] == "refused":
            refused[place] = entry
        before = refused.get(place)
        if entry["type"] == "query_answer" and before:
            late = MINUTES[entry["time"]] - MINUTES[before["time"]]
            if late <= timedelta(hours=1) and (
                before["parameter_digest"] != entry["parameter_digest"]
            ):
                found.append((entry["node"], f"{before['seq']}, {entry['seq']}"))
                del refused[place]
    rows = [line for line in made("anomalies") if line["sign"] == "refused, then reworded"]
    assert sorted((line["log"], line["entries"]) for line in rows) == sorted(found)
    assert found, "this log has some"
