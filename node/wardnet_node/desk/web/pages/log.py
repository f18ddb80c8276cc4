"""The access log: search it, look at an entry with its proof, check it, take it along."""

import json
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path
from fastapi.responses import Response

from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.export import EXPORTS
from wardnet.audit.export import path as pictures
from wardnet.audit.export.svg import short
from wardnet.audit.verifier import Verdict
from wardnet.errors import Reason, WardnetError
from wardnet_node.desk import words
from wardnet_node.desk.reader import Shown
from wardnet_node.desk.reading import BUNDLE
from wardnet_node.desk.web import filters
from wardnet_node.desk.web.filters import Asked
from wardnet_node.desk.web.web import Anybody, AnybodysForm, Visit, redirect, text

PAGE: Final = 50
"""Entries on one page."""

FORMS: Final = {
    BUNDLE: "Bundle: the evidence, for wardnet audit verify",
    "html": "Report with figures, one page",
    "csv": "Table (CSV)",
    "fhir": "FHIR AuditEvents",
    "syslog": "Syslog lines",
}
"""What may be taken along, in words."""

Seq = Annotated[int, Path(ge=1, lt=1 << 52)]

router = APIRouter()


@router.get("/log")
async def log(visitor: Anybody, asked: Asked) -> Response:
    """Show the entries that are searched for, newest first."""
    reader = visitor.reader
    found, right, names = await visitor.web.do(
        lambda room: (
            room.reading.search(reader, asked.wanted, limit=PAGE + 1),
            room.reading.right(reader),
            [item.name for item in room.vault.datasets()],
        )
    )
    return visitor.page(
        "log.html",
        entries=found[:PAGE],
        older=found[PAGE - 1].seq if len(found) > PAGE else 0,
        asked=asked,
        paged=bool(asked.wanted.before),
        types=right.scope.kinds or list(EventType),
        outcomes=list(Outcome),
        datasets=right.scope.datasets or names,
        right=right,
        forms=FORMS,
    )


@router.post("/log/patient")
async def patient(visitor: Anybody, form: AnybodysForm) -> Response:
    """Go to the entries about one patient: her number stands in no address and no history."""
    reader, number = visitor.reader, text(form, "patient")
    given = dict(filters.read({name: text(form, name) for name in filters.FIELDS}).given)
    given.pop("tag", None)
    if number:
        given["tag"] = await visitor.web.do(lambda room: room.reading.patient_tag(reader, number))
    target = "/reports/disclosures" if text(form, "report") else "/log"
    return redirect(f"{target}?{urlencode(given)}")


@router.get("/log/export/{form}")
async def export(visitor: Anybody, asked: Asked, form: str) -> Response:
    """Give what was found as a file."""
    if form not in FORMS:
        raise WardnetError(Reason.PAGE_UNKNOWN)
    reader = visitor.reader
    data = await visitor.web.do(lambda room: room.reading.export(reader, form, asked.wanted))
    suffix, kind = ".jsonl", "application/jsonl"
    if form != BUNDLE:
        suffix, kind = EXPORTS[form].suffix, EXPORTS[form].media_type
    name = f"access-log{suffix}"
    return Response(
        data, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'}
    )


@router.get("/log/{seq}")
async def entry(visitor: Anybody, seq: Seq) -> Response:
    """Show one entry, and the path of hashes that proves it."""
    return await _entry(visitor, seq)


@router.post("/log/{seq}/verify")
async def verify(visitor: Anybody, form: AnybodysForm, seq: Seq) -> Response:
    """Check one entry and say in plain words what that proves."""
    given, verdict = text(form, "fingerprint"), None
    error: WardnetError | None = None
    try:
        verdict = await _verdict(visitor, seq, given)
    except WardnetError as refused:
        if refused.reason is Reason.PAGE_UNKNOWN:
            raise
        error = refused
    return await _entry(visitor, seq, verdict=verdict, error=error, fingerprint=given)


@router.post("/log/verify")
async def verify_all(visitor: Anybody, form: AnybodysForm) -> Response:
    """Check the whole log."""
    given, verdict = text(form, "fingerprint"), None
    error: WardnetError | None = None
    try:
        verdict = await _verdict(visitor, None, given)
    except WardnetError as refused:
        if refused.reason is Reason.AUDIT_OUTSIDE_GRANT:
            raise
        error = refused
    return visitor.page("verdict.html", verdict=verdict, error=str(error or ""), fingerprint=given)


@router.get("/log/{seq}/answer")
async def answer(visitor: Anybody, seq: Seq) -> Response:
    """Show the answer that was released."""
    reader = visitor.reader
    data = await visitor.web.do(lambda room: room.reading.answer(reader, seq))
    shown = json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    return visitor.page("answer.html", seq=seq, answer=shown)


async def _verdict(visitor: Visit, seq: int | None, given: str) -> Verdict:
    reader = visitor.reader
    fingerprint = "".join(filter(str.isalnum, given)).lower()
    return await visitor.web.do(
        lambda room: room.reading.verify(reader, seq, fingerprint=fingerprint)
    )


async def _entry(
    visitor: Visit,
    seq: int,
    *,
    verdict: Verdict | None = None,
    error: WardnetError | None = None,
    fingerprint: str = "",
) -> Response:
    reader = visitor.reader
    shown = await visitor.web.do(lambda room: room.reading.entry(reader, seq))
    path, picture = _picture(shown)
    return visitor.page(
        "entry.html",
        status=HTTPStatus.OK,
        shown=shown,
        facts=words.entry(shown.entry),
        exact=json.dumps(json.loads(shown.proved.data), indent=2, ensure_ascii=False),
        path=path,
        fits=path.root.hash == shown.checkpoint.root,
        picture=picture,
        verdict=verdict,
        error=str(error or ""),
        fingerprint=fingerprint,
    )


def _picture(shown: Shown) -> tuple[pictures.Path, str]:
    checkpoint = shown.checkpoint
    path = pictures.path(
        shown.proved.data, shown.entry.seq, size=checkpoint.size, proof=shown.proved.proof
    )
    seen = [
        f"Cosigned by {short(each.name)}, {each.at:%Y-%m-%d %H:%M} UTC" for each in shown.cosigned
    ]
    return path, pictures.draw_path(path, checkpoint, seen_by=seen)
