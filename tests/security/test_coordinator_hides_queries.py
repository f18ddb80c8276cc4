"""Threat: the coordinator hides, invents or holds back queries; two bundles tell on it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.log_entries import ANN, COORDINATOR, NODE, digest
from support.logs import NOW, empty
from wardnet.audit import bundle, checkpoint, log
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.audit.report.finding import Sign
from wardnet.client import cli

Told = tuple[int, EventType, float]
"""Which query, what of it, and in which minute."""

SUBMITTED, ACCEPTED = EventType.QUERY_SUBMITTED, EventType.QUERY_ACCEPTED
ANSWER = EventType.QUERY_ANSWER
AT_HOSPITAL: Sequence[Told] = ((1, ACCEPTED, 0), (1, ANSWER, 0), (2, ACCEPTED, 1), (2, ANSWER, 1))
AT_COORDINATOR: Sequence[Told] = (
    (1, SUBMITTED, 0),
    (1, ANSWER, 0),
    (2, SUBMITTED, 1),
    (2, ANSWER, 1),
)


def saved(path: Path, origin: str, told: Sequence[Told]) -> Path:
    """Write the bundle of a log that tells this."""
    key = Ed25519PrivateKey.generate()
    asked = Event(type=ANSWER, node=origin, actor=Actor(subject=ANN), dataset="cardiology")
    with empty() as connection:
        connection.execute("BEGIN IMMEDIATE")
        for number, kind, minute in told:
            outcome = Outcome.RELEASED if kind is ANSWER else Outcome.DONE
            event = replace(asked, type=kind, outcome=outcome, request_digest=digest(number))
            log.append(connection, event, at=NOW + timedelta(minutes=minute))
        checkpoint.make(connection, key=key, origin=origin, at=NOW)
        connection.execute("COMMIT")
        with path.open("wb") as stream:
            whole = bundle.gather(connection, None, keys={origin: key.public_key()})
            bundle.write(whole, stream)
    connection.close()
    return path


def reconciled(
    folder: Path, hospital: Sequence[Told], coordinator: Sequence[Told], *, report: str
) -> list[dict[str, str]]:
    """Return the rows of `wardnet audit report`, from two files and nothing else."""
    mine = saved(folder / "north.bundle", NODE, hospital)
    theirs = saved(folder / "coordinator.bundle", COORDINATOR, coordinator)
    words = ["audit", "report", report, str(mine), "--coordinator", str(theirs), "--json"]
    done = CliRunner().invoke(cli.main, ["--home", str(folder), *words])
    assert done.exit_code == 0, done.output
    rows: list[dict[str, str]] = json.loads(done.stdout)["rows"]
    return rows


def test_logs_that_agree_are_told_so(tmp_path: Path) -> None:
    """No row, no false alarm."""
    assert reconciled(tmp_path, AT_HOSPITAL, AT_COORDINATOR, report="reconciliation") == []


@pytest.mark.parametrize("report", ["reconciliation", "anomalies"])
@pytest.mark.parametrize(
    ("told", "sign", "query"),
    [
        ((AT_HOSPITAL, AT_COORDINATOR[:2]), Sign.ONLY_AT_HOSPITAL, 2),
        ((AT_HOSPITAL[:2], AT_COORDINATOR), Sign.ONLY_AT_COORDINATOR, 2),
        (
            ((*AT_HOSPITAL[2:], (1, ACCEPTED, 9), (1, ANSWER, 9)), AT_COORDINATOR),
            Sign.HELD_BACK,
            1,
        ),
        (
            (AT_HOSPITAL, (*AT_COORDINATOR[:3], (2, EventType.QUERY_FAILED, 1))),
            Sign.CONTRADICTION,
            2,
        ),
    ],
    ids=["hidden from its log", "hidden from the hospital", "reordered", "told otherwise"],
)
def test_what_the_coordinator_does_with_a_query_shows(
    told: tuple[Sequence[Told], Sequence[Told]],
    sign: Sign,
    query: int,
    report: str,
    tmp_path: Path,
) -> None:
    """One sign, and it names the query; in the report for that, and among the anomalies."""
    rows = reconciled(tmp_path, *told, report=report)
    found = [row for row in rows if row["sign"] == sign]
    assert len(found) == 1
    assert digest(query) in found[0]["what"]
    if sign is Sign.HELD_BACK:
        assert "behind queries that were submitted later" in found[0]["what"]
