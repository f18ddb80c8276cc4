"""Auditors: who may read the log, given and taken back by a steward."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from wardnet import canonical, clock
from wardnet.audit.entry import EventType
from wardnet.audit.grant import Grant
from wardnet.audit.scope import Scope
from wardnet.errors import Reason, WardnetError
from wardnet_node.desk import words
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.web import Form, Visit, Visitor, http_status, redirect, text, texts

LABELS: Final = {
    "auditor": "Her name in the network",
    "key": "Fingerprint of her signing key",
    "until": "First day without the grant",
    "datasets": "Which entries",
    "scope_since": "From",
    "scope_until": "Before",
}
"""What the fields are called on the page."""

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Row:
    """Show one auditor.

    Parameters
    ----------
    grant : Grant
        The newest about her.
    state : str
        `in force`, `ended` or `taken back`.
    scope : Sequence of str
        What she may read, in words.
    account : bool
        Whether she has a password here.
    """

    grant: Grant
    state: str
    scope: Sequence[str]
    account: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Hold a grant as it was filled in.

    Parameters
    ----------
    auditor, key : str
        Her id, and the fingerprint of her signing key.
    scope : Scope
        What she may read.
    until : date or None
        First day without it.
    wrong : dict of str to str
        By field, what is wrong.
    """

    auditor: str
    key: str
    scope: Scope
    until: date | None
    wrong: dict[str, str]


@router.get("/auditors")
async def auditors(visitor: Visitor) -> Response:
    """Show who may read the log."""
    rows = await visitor.web.do(_rows)
    return visitor.page("auditors.html", rows=rows, sentence="")


@router.get("/auditors/new")
async def new(visitor: Visitor) -> Response:
    """Show the form of a grant."""
    return await _form(visitor, None)


@router.post("/auditors/new")
async def grant(visitor: Visitor, form: Form) -> Response:
    """Show what will be signed; when that was confirmed, sign it."""
    wanted = read_grant(form)
    if wanted.wrong or wanted.until is None or text(form, "change"):
        return await _form(visitor, wanted)
    if not text(form, "sure"):
        return _confirm(visitor, form, wanted)
    until, stewards = wanted.until, [visitor.session.credentials]
    try:
        await visitor.web.do(
            lambda room: room.grants.grant(
                wanted.auditor,
                key=wanted.key,
                scope=wanted.scope,
                until=datetime.combine(until, time(), UTC),
                stewards=stewards,
            )
        )
    except WardnetError as error:
        return _confirm(visitor, form, wanted, error=error)
    visitor.session.notice = f"{wanted.auditor} may read the log from now on."
    return redirect("/auditors")


@router.post("/auditors/{auditor}/revoke")
async def revoke(visitor: Visitor, form: Form, auditor: str) -> Response:
    """Take a grant back, after a question."""
    if not text(form, "sure"):
        return visitor.page("auditor_revoke.html", auditor=auditor)
    stewards = [visitor.session.credentials]
    await visitor.web.do(lambda room: room.grants.revoke(auditor, stewards=stewards))
    visitor.session.notice = f"{auditor} may not read the log any more."
    return redirect("/auditors")


@router.post("/auditors/{auditor}/invite")
async def invite(visitor: Visitor, _form: Form, auditor: str) -> Response:
    """Make an invitation to the desk, and show its code once."""
    steward = visitor.session.credentials
    code = await visitor.web.do(lambda room: room.accounts.invite(auditor, steward=steward))
    address = str(visitor.request.url_for("welcome"))
    return visitor.page("invited.html", auditor=auditor, code=code, address=address)


def read_grant(form: FormData) -> Wanted:
    """Read what was filled in; every field that is wrong is named."""
    wrong: dict[str, str] = {}
    auditor = text(form, "auditor").lower()
    key = "".join(filter(str.isalnum, text(form, "key"))).lower()
    if not auditor:
        wrong["auditor"] = "her name in the network is needed"
    if len(key) != 64 or set(key) - set("0123456789abcdef"):
        wrong["key"] = "it has 64 digits and letters from a to f, as wardnet whoami shows them"
    until = _day(form, "until", wrong)
    if until is None:
        wrong.setdefault("until", "it must be a day in the future")
    elif until <= clock.now().date():
        wrong["until"] = "it must lie in the future"
    return Wanted(auditor, key, _scope(form, wrong), until, wrong)


def _scope(form: FormData, wrong: dict[str, str]) -> Scope:
    since, before = _day(form, "scope_since", wrong), _day(form, "scope_until", wrong)
    kinds = {EventType(kind) for kind in texts(form, "kinds") if kind in set(EventType)}
    try:
        return canonical.validated(
            lambda: Scope(
                datasets=tuple(sorted(set(texts(form, "datasets")))),
                studies=tuple(sorted(set(texts(form, "studies")))),
                kinds=tuple(sorted(kinds)),
                since=_moment(since),
                until=_moment(before),
                patients=bool(text(form, "patients")),
                answers=bool(text(form, "answers")),
            )
        )
    except WardnetError as error:
        if error.reason is not Reason.MALFORMED:
            raise
        wrong["datasets"] = error.details["rule"]
        return Scope()


def _moment(day: date | None) -> str:
    return clock.to_moment(datetime.combine(day, time(), UTC)) if day else ""


def _day(form: FormData, name: str, wrong: dict[str, str]) -> date | None:
    written = text(form, name)
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        wrong[name] = "write it as 2026-01-31"
        return None


async def _form(visitor: Visit, wanted: Wanted | None) -> Response:
    datasets, studies = await visitor.web.do(_choices)
    return visitor.page(
        "auditor_new.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if wanted and wanted.wrong else HTTPStatus.OK,
        wanted=wanted or Wanted("", "", Scope(), None, {}),
        datasets=datasets,
        studies=studies,
        kinds=list(EventType),
        labels=LABELS,
    )


def _confirm(
    visitor: Visit, form: FormData, wanted: Wanted, *, error: WardnetError | None = None
) -> Response:
    fields = [
        (name, value)
        for name, value in form.multi_items()
        if isinstance(value, str) and name not in {"token", "sure", "change"}
    ]
    return visitor.page(
        "auditor_confirm.html",
        status=http_status(error) if error else HTTPStatus.OK,
        wanted=wanted,
        scope=words.scope(wanted.scope),
        fields=fields,
        sentence=str(error or ""),
    )


def _choices(room: Room) -> tuple[Sequence[str], Sequence[tuple[str, str]]]:
    studies = [(item.study.digest, item.study.project.title) for item in room.decisions.studies()]
    return [item.name for item in room.vault.datasets()], studies


def _rows(room: Room) -> Sequence[Row]:
    now, names = clock.to_moment(clock.now()), set(room.accounts.names())
    rows = []
    for granted in room.grants.list():
        grant = granted.grant
        ended = "ended" if grant.not_after <= now else "in force"
        state = "taken back" if grant.scope is None else ended
        scope = words.scope(grant.scope) if grant.scope else ()
        rows.append(Row(grant, state, scope, grant.auditor in names))
    return rows
