"""Keys that were taken back, and taking one back."""

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet.errors import WardnetError
from wardnet_node.desk.web.web import Form, Visit, Visitor, http_status, redirect, text

router = APIRouter()


@router.get("/keys")
async def keys(visitor: Visitor) -> Response:
    """Show what was taken back, and the form that takes a key back."""
    return await _keys(visitor)


@router.post("/keys")
async def revoke(visitor: Visitor, form: Form) -> Response:
    """Take a key back: what is to be signed is shown first, and done when that was confirmed."""
    fingerprint = "".join(filter(str.isalnum, text(form, "fingerprint"))).lower()
    reason = text(form, "reason")
    if not text(form, "sure"):
        return visitor.page("key.html", fingerprint=fingerprint, reason=reason)
    steward = visitor.session.credentials
    try:
        await visitor.web.do(
            lambda room: room.decisions.revoke_key(fingerprint, steward=steward, reason=reason)
        )
    except WardnetError as error:
        return await _keys(visitor, error=error, fingerprint=fingerprint, reason=reason)
    visitor.session.notice = "The key is taken back. The other hospitals are told."
    return redirect("/keys")


async def _keys(
    visitor: Visit, *, error: WardnetError | None = None, fingerprint: str = "", reason: str = ""
) -> Response:
    taken = await visitor.web.do(lambda room: room.decisions.taken_back())
    return visitor.page(
        "keys.html",
        status=http_status(error) if error else HTTPStatus.OK,
        taken=taken,
        sentence=str(error or ""),
        fingerprint=fingerprint,
        reason=reason,
    )
