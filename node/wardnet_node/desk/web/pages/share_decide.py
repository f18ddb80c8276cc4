"""Preview, grant, decline, take back, destroy: shown exactly as it will be signed, then signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.question.dictionary import Column, Dictionary
from wardnet.sharing.grant import Grant, check_within
from wardnet.sharing.notice import Cause
from wardnet_node.desk.shares.describe import granted, patients
from wardnet_node.desk.shares.state import Share
from wardnet_node.desk.shares.terms import Terms
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.session import ShareDraft
from wardnet_node.desk.web.share_forms import (
    LABELS,
    TermsForm,
    blame,
    choices,
    terms_from,
    whole_form,
)
from wardnet_node.desk.web.web import Form, Visit, Visitor, http_status, redirect, text
from wardnet_node.sharing.giving.preview import Preview

KINDS: Final = ("decline", "revoke", "destroy")

DONE: Final = {
    "request": "You have asked. The other hospital decides.",
    "grant": "You have granted it. The node makes the parcel and sends it by itself.",
    "decline": "You have declined. The other hospital reads your reason.",
    "revoke": "You have taken it back. The other hospital destroys what it has.",
    "destroy": "What was lent is destroyed, and every key to it. The owner gets a receipt.",
}

_LONGEST_REASON: Final = 4000

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Hold what the page of a grant shows.

    Parameters
    ----------
    share : Share
        That is decided on.
    dictionary : Dictionary or None
        Of its dataset.
    grant : Grant or None
        What the terms make of it; None when they cannot be.
    preview : Preview or None
        What would leave by it.
    problem : str
        Why nothing would leave, or nothing can.
    """

    share: Share
    dictionary: Dictionary | None
    grant: Grant | None = None
    preview: Preview | None = None
    problem: str = ""

    def column(self, name: str) -> Column | None:
        """Return a column of the dataset."""
        columns = self.dictionary.columns if self.dictionary else ()
        return next((column for column in columns if column.name == name), None)


@router.get("/shares/{digest}/grant")
async def grant_form(visitor: Visitor, digest: str) -> Response:
    """Show the form that narrows, and what would leave if nothing were narrowed."""
    form = whole_form((await visitor.web.do(lambda room: room.preparing.owned(digest))).request)
    prepared = await visitor.web.do(lambda room: _prepare(room, digest, form, Terms()))
    return _grant_page(visitor, prepared, form)


@router.post("/shares/{digest}/grant")
async def grant(visitor: Visitor, digest: str, data: Form) -> Response:
    """Read the form; show what would leave now, or go on to sign it."""
    share, dictionary = await visitor.web.do(lambda room: _look(room, digest))
    form, terms = terms_from(data, share.request, dictionary)
    if form.errors:
        return _grant_page(visitor, Prepared(share, dictionary), form)
    prepared = await visitor.web.do(lambda room: _prepare(room, digest, form, terms))
    ready = prepared.grant is not None and prepared.preview is not None and not prepared.problem
    if not ready or form.errors or text(data, "look"):
        return _grant_page(visitor, prepared, form)
    draft = ShareDraft(kind="grant", share=share.digest, grant=prepared.grant)
    return _confirm(visitor, draft)


@router.get("/shares/{digest}/{kind}")
async def reason_form(visitor: Visitor, digest: str, kind: str) -> Response:
    """Show the form that asks why."""
    share = await _decided(visitor, digest, kind)
    if kind == "destroy":
        return _confirm(visitor, ShareDraft(kind=kind, share=share.digest))
    return visitor.page("share_reason.html", share=share, kind=kind, reason="", sentence="")


@router.post("/shares/{digest}/{kind}")
async def give_reason(visitor: Visitor, digest: str, kind: str, data: Form) -> Response:
    """Read why."""
    share = await _decided(visitor, digest, kind)
    reason = text(data, "reason")
    if not 1 <= len(reason) <= _LONGEST_REASON:
        return visitor.page(
            "share_reason.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            share=share,
            kind=kind,
            reason=reason,
            sentence=f"A reason of at most {_LONGEST_REASON} characters is needed.",
        )
    return _confirm(visitor, ShareDraft(kind=kind, share=share.digest, reason=reason))


@router.get("/sign/{name}")
async def confirmation(visitor: Visitor, name: str) -> Response:
    """Show exactly what will be signed."""
    return await _confirm_page(visitor, name)


@router.post("/sign/{name}")
async def sign(visitor: Visitor, name: str, _form: Form) -> Response:
    """Sign it."""
    draft = _draft(visitor, name)
    stewards = [visitor.session.credentials]
    try:
        share = await visitor.web.do(lambda room: _sign(room, draft, stewards))
    except WardnetError as error:
        return await _confirm_page(visitor, name, error=error)
    del visitor.session.drafts[name]
    visitor.session.notice = DONE[draft.kind]
    return redirect(f"/shares/{share.digest}")


def _look(room: Room, digest: str) -> tuple[Share, Dictionary | None]:
    share = room.preparing.owned(digest)
    return share, room.dictionary(share.request.dataset)


def _prepare(room: Room, digest: str, form: TermsForm, terms: Terms) -> Prepared:
    """Draft and preview; what is wrong with the terms is said in the form."""
    share, dictionary = _look(room, digest)
    try:
        drafted = room.preparing.draft(digest, terms)
        for excess in check_within(drafted, share.request):
            blame(form, excess)
        if form.errors:
            return Prepared(share, dictionary)
        found = room.preparing.preview(digest, drafted)
    except WardnetError as error:
        try:
            blame(form, error)
        except WardnetError as other:
            return Prepared(share, dictionary, problem=str(other))
        return Prepared(share, dictionary)
    nothing = WardnetError(Reason.NOTHING_TO_SHARE, dataset=found.dataset)
    problem = "" if found.rows else str(nothing)
    return Prepared(share, dictionary, drafted, found, problem)


def _grant_page(visitor: Visit, prepared: Prepared, form: TermsForm) -> Response:
    names = prepared.share.request.columns
    return visitor.page(
        "share_grant.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK,
        shown=prepared,
        share=prepared.share,
        form=form,
        columns=[(name, prepared.column(name), choices(prepared.column(name))) for name in names],
        labels=LABELS,
    )


async def _decided(visitor: Visit, digest: str, kind: str) -> Share:
    if kind not in KINDS:
        raise WardnetError(Reason.PAGE_UNKNOWN)
    return await visitor.web.do(lambda room: room.shares.show(digest))


def _confirm(visitor: Visit, draft: ShareDraft) -> Response:
    return redirect(f"/sign/{visitor.session.keep(draft)}")


async def _confirm_page(
    visitor: Visit, name: str, *, error: WardnetError | None = None
) -> Response:
    draft = _draft(visitor, name)
    share = (
        await visitor.web.do(lambda room: room.shares.show(draft.share)) if draft.share else None
    )
    given = draft.grant
    return visitor.page(
        "share_confirm.html",
        status=http_status(error) if error else HTTPStatus.OK,
        draft=draft,
        name=name,
        share=share,
        whose=patients(draft.wish.cohort) if draft.wish else "",
        lines=tuple(granted(given, share.request)) if given and share else (),
        sentence=str(error or ""),
    )


def _sign(room: Room, draft: ShareDraft, stewards: Sequence[Credentials]) -> Share:
    shares = room.shares
    match draft:
        case ShareDraft(kind="request", wish=wish, dictionary=dictionary) if wish and dictionary:
            return shares.request(wish, dictionary=dictionary, stewards=stewards)
        case ShareDraft(kind="grant", grant=given) if given:
            return shares.grant(draft.share, given, stewards=stewards)
        case ShareDraft(kind="decline"):
            return shares.decline(draft.share, reason=draft.reason, stewards=stewards)
        case ShareDraft(kind="revoke"):
            return shares.revoke(draft.share, reason=draft.reason, stewards=stewards)
        case ShareDraft(kind="destroy"):
            return room.recipient.destroy(draft.share, cause=Cause.UNWANTED, stewards=stewards)
    raise WardnetError(Reason.FORM_OUTDATED)


def _draft(visitor: Visit, name: str) -> ShareDraft:
    draft = visitor.session.drafts.get(name)
    if not isinstance(draft, ShareDraft):
        raise WardnetError(Reason.FORM_OUTDATED)
    return draft
