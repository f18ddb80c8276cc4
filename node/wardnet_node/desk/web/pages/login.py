"""Sign in and out."""

from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import Response

from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Role
from wardnet_node.desk.web.session import new_token
from wardnet_node.desk.web.web import (
    COOKIE,
    Anybody,
    AnybodysForm,
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

NOT_INVITED: Final = (
    "There is no such invitation: the name or the code is wrong, or it was used before, or its "
    "seven days are over. Type both again; if that does not help, ask the steward for a new one."
)

router = APIRouter()


@router.get("/login")
async def show(request: Request) -> Response:
    """Show the login."""
    session = web_of(request).sessions.find(request.cookies.get(COOKIE, ""))
    if session is not None:
        return redirect(session.home)
    return _form(request)


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Sign in by password and code; the session is a new one."""
    web = web_of(request)
    data = await read_form(request)
    check_token(data, request.cookies.get(FORM_COOKIE, ""))
    login = login_of(data)
    try:
        person, mark = await web.let_in(login, address=address_of(request))
    except WardnetError as error:
        return _form(request, error=error, steward=login.steward)
    web.sessions.close(request.cookies.get(COOKIE, ""))
    response = redirect("/" if person.member.role is Role.STEWARD else "/log")
    _set(response, COOKIE, web.sessions.open(person, mark=mark))
    response.delete_cookie(FORM_COOKIE, secure=True, httponly=True, samesite="strict")
    return response


@router.get("/welcome")
async def welcome(request: Request) -> Response:
    """Ask an invited auditor for her code, and for a password of her own."""
    return _welcome(request)


@router.post("/welcome")
async def accept(request: Request) -> Response:
    """Make an auditor's account, and show what her authenticator needs, once."""
    web = web_of(request)
    data = await read_form(request)
    check_token(data, request.cookies.get(FORM_COOKIE, ""))
    login = login_of(data)
    if data.get("again") != login.password:
        error = WardnetError(Reason.PASSPHRASES_DIFFER)
        return _welcome(request, error=error, name=login.steward)
    try:
        accounts = await web.do(lambda room: room.accounts)
        uri = await web.slowly(
            lambda: accounts.accept(login.steward, code=login.code, password=login.password),
            address=address_of(request),
        )
    except WardnetError as error:
        return _welcome(request, error=error, name=login.steward)
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    groups = [secret[at : at + 4] for at in range(0, len(secret), 4)]
    return page(request, "welcomed.html", uri=uri, secret=" ".join(groups), name=login.steward)


def _welcome(request: Request, *, error: WardnetError | None = None, name: str = "") -> Response:
    token, sentence = new_token(), str(error or "")
    if error is not None and error.reason is Reason.LOGIN_REFUSED:
        sentence = NOT_INVITED
    status = http_status(error) if error else HTTPStatus.OK
    response = page(
        request, "welcome.html", status=status, token=token, sentence=sentence, name=name
    )
    _set(response, FORM_COOKIE, token)
    return response


@router.post("/logout")
async def sign_out(visitor: Anybody, _form: AnybodysForm) -> Response:
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
