"""What it costs to decide on a query at a hospital with many agreements."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.figures import REPEATS, Figure, seconds
from support.studies import AT, STUDY, VIEW, changed, held, key, resting_on
from wardnet.agreement.agreement import accept_whole
from wardnet.agreement.permission import judge
from wardnet.agreement.purpose import Permission
from wardnet.agreement.view import Held
from wardnet.question.cohort import And, Compare

AGREEMENTS: Final = 1000


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:  # noqa: ARG001 - every suite is called alike
    """Measure an allowed query and one with every fault, among 1000 agreements just looked up."""
    repeats = 1 if quick else REPEATS
    every = tuple(_held(number) for number in range(AGREEMENTS))
    last = every[-1]
    allowed = resting_on(last.agreement)
    ages = tuple(Compare(column="name", operator="!=", value=str(age)) for age in range(100))
    refused = replace(
        changed(allowed, "query", replace(allowed.query, cohort=And(of=ages), method="x")),
        key=key("coordinator"),
        purpose=replace(allowed.purpose, permission=Permission.NRES, modifiers=()),
    )
    for name, request in (("allowed", allowed), ("refused", refused)):
        # A new view each time: what the hospital knows may have changed since the last query.
        elapsed = seconds(
            lambda request=request: judge(  # type: ignore[misc]
                request, view=replace(VIEW, agreements=every), at=AT
            ),
            repeats=repeats,
        )
        yield Figure(
            f"permission check, {name}",
            1000 * elapsed,
            "ms",
            1.0,
            f"all reasons for one query among {AGREEMENTS} agreements in memory, view made anew",
        )


def _held(number: int) -> Held:
    study = changed(STUDY, "project.title", f"Study {number}")
    return held(accept_whole(study, hospital="a"), study=study)
