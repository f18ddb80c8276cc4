"""Reports over the log, with figures."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet.audit.export.svg import draw
from wardnet.audit.report import REPORTS, Report
from wardnet.errors import Reason, WardnetError
from wardnet_node.desk.reading import MOST_REPORTED
from wardnet_node.desk.web.filters import Asked
from wardnet_node.desk.web.web import Anybody

MOST_ROWS: Final = 200
"""Of a table."""

HERE: Final = {name: kind for name, kind in REPORTS.items() if kind.needs in ("", "patient")}
"""Those that need nothing but this log; to reconcile, both logs are needed."""

router = APIRouter()


@router.get("/reports")
async def reports(visitor: Anybody) -> Response:
    """Show what reports there are."""
    reader = visitor.reader
    right = await visitor.web.do(lambda room: room.reading.right(reader))
    kinds = [
        (kind, ABOUT[name]) for name, kind in HERE.items() if not kind.needs or right.scope.patients
    ]
    return visitor.page("reports.html", kinds=kinds)


@router.get("/reports/{name}")
async def report(visitor: Anybody, asked: Asked, name: str) -> Response:
    """Show one report."""
    if name not in HERE:
        raise WardnetError(Reason.PAGE_UNKNOWN)
    reader, kind = visitor.reader, HERE[name]
    made, more = None, False
    if not kind.needs or asked.wanted.tag:
        made, more = await visitor.web.do(
            lambda room: room.reading.report(reader, name, asked.wanted)
        )
    return visitor.page(
        "report.html",
        kind=kind,
        report=made,
        more=more,
        most=MOST_REPORTED,
        rows=MOST_ROWS,
        columns=_filled(made) if made else (),
        figures=[draw(figure) for figure in made.figures] if made else (),
        asked=asked,
    )


def _filled(report: Report) -> Sequence[int]:
    """Return the columns that hold anything."""
    return [
        column
        for column in range(len(report.columns))
        if any(row[column] != "" for row in report.rows)
    ]


ABOUT: Final = {
    "studies": "Who asked how much under which study, and what came of it.",
    "refusals": "What was refused, to whom and why.",
    "budget": "How much of each agreement's questions and privacy budget is used up.",
    "readers": "Who has read this log, and how often.",
    "disclosures": "To whom records about one patient went, in the last six years.",
    "shares": "Who received records from whom, until when, and whether they were destroyed.",
    "anomalies": "What an auditor should look at: near-identical cohorts, refusals that were "
    "reworded, work at night, gaps.",
}
"""What each tells, in one sentence."""
