"""Sign in and out."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from wardnet.errors import WardnetError
from wardnet_node.desk.web.session import new_token
from wardnet_node.desk.web.web import (
    COOKIE,
    Form,
    Visitor,
    address_of,
    check_token,
    http_status,
    login_of,
    page,
    read_form,
    redirect,
    web_of,
)

FORM_COOKIE: Final = "__Host-wardnet-login"
"""Holds the login form's token: there is no session yet that could."""

router = APIRouter()


@router.get("/login")
async def show(request: Request) -> Response:
    """Show the login."""
    if web_of(request).sessions.find(request.cookies.get(COOKIE, "")) is not None:
        return redirect("/")
    return _form(request)


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Sign in by password and code; the session is a new one."""
    web = web_of(request)
    data = await read_form(request)
    check_token(data, request.cookies.get(FORM_COOKIE, ""))
    login = login_of(data)
    mark = ""
    try:
        # Before, so that a password that is changed meanwhile ends the session that it begins.
        mark = await web.do(lambda room: room.stewards.mark(login.steward))
        credentials = await web.log_in(login, address=address_of(request))
    except WardnetError as error:
        return _form(request, error=error, steward=login.steward)
    web.sessions.close(request.cookies.get(COOKIE, ""))
    response = redirect("/")
    _set(response, COOKIE, web.sessions.open(credentials, mark=mark))
    response.delete_cookie(FORM_COOKIE, secure=True, httponly=True, samesite="strict")
    return response


@router.post("/logout")
async def sign_out(visitor: Visitor, _form: Form) -> Response:
    """Sign out."""
    visitor.web.sessions.close(visitor.request.cookies[COOKIE])
    response = redirect("/login")
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="strict")
    return response


def _form(request: Request, *, error: WardnetError | None = None, steward: str = "") -> Response:
    token, sentence = new_token(), str(error or "")
    status = http_status(error) if error else HTTPStatus.OK
    response = page(
        request, "login.html", status=status, token=token, sentence=sentence, steward=steward
    )
    _set(response, FORM_COOKIE, token)
    return response


def _set(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, secure=True, httponly=True, samesite="strict")
