"""Accept, narrow, decline, revoke: each is shown exactly as it will be signed, and then signed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet import canonical
from wardnet.agreement import agreement as agreements
from wardnet.agreement.agreement import Agreement
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet_node.desk.study_state import State, StudyState
from wardnet_node.desk.web.forms import LABELS, Narrowed, from_agreement, from_form
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.session import Draft
from wardnet_node.desk.web.terms import Shown, Term, columns, methods, terms
from wardnet_node.desk.web.web import (
    Form,
    Visit,
    Visitor,
    address_of,
    http_status,
    login_of,
    redirect,
    text,
)
from wardnet_node.desk.widening import widens

DONE: Final = {
    "agree": "You have signed the agreement. It is on its way to the researchers.",
    "decline": "You have declined. The researchers will read your reason.",
    "revoke": "You have taken the agreement back. From now on every question under it is refused.",
}

_LONGEST_REASON: Final = 4000

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Hold what is shown before it is signed.

    Parameters
    ----------
    state : StudyState
        Of the study that it is about.
    terms : Sequence of Term
        Of the agreement; empty when none is given.
    columns, methods : Sequence
        What is allowed, with labels.
    exact : str
        The very text that is signed, spread over lines.
    digest : str
        SHA-256 of the bytes that are signed; empty where they are known only then.
    two : bool
        Whether a second steward must sign: something is allowed that was not before.
    """

    state: StudyState
    terms: Sequence[Term]
    columns: Sequence[Shown]
    methods: Sequence[tuple[str, str, bool]]
    exact: str
    digest: str
    two: bool


@router.post("/studies/{digest}/accept")
async def accept(visitor: Visitor, digest: str, _form: Form) -> Response:
    """Begin to accept a study as it was proposed."""
    whole = await visitor.web.do(lambda room: room.decisions.draft(digest))
    return _confirm(visitor, Draft("agree", whole.study, whole))


@router.get("/studies/{digest}/narrow")
async def narrow_form(visitor: Visitor, digest: str) -> Response:
    """Show the form that narrows: filled in as agreed last, or as proposed."""
    state, whole = await visitor.web.do(lambda room: _begin(room, digest))
    return await _narrow_page(visitor, state, from_agreement(state.agreement or whole))


@router.post("/studies/{digest}/narrow")
async def narrow(visitor: Visitor, digest: str, form: Form) -> Response:
    """Read the form; what is wrong is said at its field."""
    state, whole = await visitor.web.do(lambda room: _begin(room, digest))
    dictionary = await visitor.web.do(lambda room: room.dictionary(state.study.data.dataset))
    filled = from_form(form, whole=whole, study=state.study, dictionary=dictionary)
    if filled.agreement is None:
        return await _narrow_page(visitor, state, filled)
    return _confirm(visitor, Draft("agree", state.study.digest, filled.agreement))


@router.get("/studies/{digest}/{kind}")
async def reason_form(visitor: Visitor, digest: str, kind: str) -> Response:
    """Show the form that asks why a study is declined or an agreement taken back."""
    _check_kind(kind)
    state = await visitor.web.do(lambda room: room.decisions.study(digest))
    return visitor.page("reason.html", state=state, kind=kind, reason="", sentence="")


@router.post("/studies/{digest}/{kind}")
async def give_reason(visitor: Visitor, digest: str, kind: str, form: Form) -> Response:
    """Read why."""
    _check_kind(kind)
    state = await visitor.web.do(lambda room: room.decisions.study(digest))
    reason = text(form, "reason")
    if not 1 <= len(reason) <= _LONGEST_REASON:
        sentence = f"A reason of at most {_LONGEST_REASON} characters is needed."
        return visitor.page(
            "reason.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            state=state,
            kind=kind,
            reason=reason,
            sentence=sentence,
        )
    held = state.agreement if kind == "revoke" else None
    return _confirm(visitor, Draft(kind, state.study.digest, held, reason))


@router.get("/confirm/{name}")
async def confirmation(visitor: Visitor, name: str) -> Response:
    """Show exactly what will be signed."""
    return await _confirm_page(visitor, name)


@router.post("/confirm/{name}")
async def sign(visitor: Visitor, name: str, form: Form) -> Response:
    """Sign it, with a second steward where one is needed."""
    draft = _draft(visitor, name)
    stewards = [visitor.session.credentials]
    try:
        if text(form, "steward"):
            login = login_of(form)
            address = address_of(visitor.request)
            stewards.append(await visitor.web.log_in(login, address=address))
        await visitor.web.do(lambda room: _sign(room, draft, stewards))
    except WardnetError as error:
        return await _confirm_page(visitor, name, error=error)
    del visitor.session.drafts[name]
    visitor.session.notice = DONE[draft.kind]
    return redirect(f"/studies/{draft.study}")


def _begin(room: Room, digest: str) -> tuple[StudyState, Agreement]:
    return room.decisions.study(digest), room.decisions.draft(digest)


async def _narrow_page(visitor: Visit, state: StudyState, filled: Narrowed) -> Response:
    dictionary = await visitor.web.do(lambda room: room.dictionary(state.study.data.dataset))
    whole = await visitor.web.do(lambda room: room.decisions.draft(state.study.digest))
    return visitor.page(
        "narrow.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if filled.errors else HTTPStatus.OK,
        state=state,
        form=filled,
        labels=LABELS,
        columns=columns(state.study, whole, dictionary),
        methods=methods(state.study, whole),
    )


def _confirm(visitor: Visit, draft: Draft) -> Response:
    return redirect(f"/confirm/{visitor.session.keep(draft)}")


async def _confirm_page(
    visitor: Visit, name: str, *, error: WardnetError | None = None
) -> Response:
    draft = _draft(visitor, name)
    shown = await visitor.web.do(lambda room: _confirmation(room, draft))
    return visitor.page(
        "confirm.html",
        status=http_status(error) if error else HTTPStatus.OK,
        shown=shown,
        draft=draft,
        name=name,
        sentence=str(error or ""),
    )


def _confirmation(room: Room, draft: Draft) -> Confirmation:
    state = room.decisions.study(draft.study)
    dictionary = room.dictionary(state.study.data.dataset)
    agreement = draft.agreement if draft.kind == "agree" else None
    data = agreements.to_bytes(agreement) if agreement else b""
    return Confirmation(
        state=state,
        terms=terms(state.study, agreement) if agreement else (),
        columns=columns(state.study, agreement, dictionary) if agreement else (),
        methods=methods(state.study, agreement) if agreement else (),
        exact=json.dumps(json.loads(data), indent=2, ensure_ascii=False) if data else "",
        digest=canonical.digest(data) if data else "",
        two=agreement is not None and _loosens(state, agreement),
    )


def _loosens(state: StudyState, agreement: Agreement) -> bool:
    """Say whether it allows what was not allowed before, after a first agreement."""
    before = state.agreement
    if before is None:
        return False
    return state.state in {State.REVOKED, State.DECLINED} or widens(agreement, before)


def _sign(room: Room, draft: Draft, stewards: Sequence[Credentials]) -> None:
    decisions, first = room.decisions, stewards[0]
    if draft.kind == "decline":
        decisions.decline(draft.study, steward=first, reason=draft.reason)
        return
    state = decisions.study(draft.study)
    if draft.kind == "revoke":
        # What was shown is what is taken back, not what another steward has signed meanwhile.
        if draft.agreement is None or draft.agreement != state.agreement:
            raise WardnetError(Reason.FORM_OUTDATED)
        decisions.revoke(draft.study, steward=first, reason=draft.reason)
        return
    decisions.accept(draft.study, stewards=stewards, narrowed=draft.agreement)


def _draft(visitor: Visit, name: str) -> Draft:
    draft = visitor.session.drafts.get(name)
    if not isinstance(draft, Draft):
        raise WardnetError(Reason.FORM_OUTDATED)
    return draft


def _check_kind(kind: str) -> None:
    if kind not in {"decline", "revoke"}:
        raise WardnetError(Reason.PAGE_UNKNOWN)
