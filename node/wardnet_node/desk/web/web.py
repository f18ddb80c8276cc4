"""What the routes share: the room behind them, sessions, forms and templates."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final, TypeVar, cast

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartParser

from wardnet.audit.export.svg import short
from wardnet.errors import Reason, Status, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Role
from wardnet.jobs import Jobs
from wardnet_node.desk import words
from wardnet_node.desk.accounts import Auditor
from wardnet_node.desk.reader import Reader
from wardnet_node.desk.web.guard import MAXIMUM_UPLOAD
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.session import IDLE_SECONDS, Limit, Rate, Session, Sessions

T = TypeVar("T")

HERE: Final = Path(__file__).parent
COOKIE: Final = "__Host-wardnet"
SEE_OTHER: Final = 303
MAXIMUM_FIELDS: Final = 5000
MAXIMUM_DOCUMENTS: Final = 20
"""Most files with one form."""

LOGIN_RATE: Final = Rate(times=30, seconds=15 * 60)
"""Most attempts of one address; each steward's own are counted besides."""


# Documents are looked at in memory: nothing of them may lie in clear on a disk.
MultiPartParser.spool_max_size = MAXIMUM_UPLOAD

_S: Final = Status

HTTP: Final = {
    _S.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    _S.NOT_FOUND: HTTPStatus.NOT_FOUND,
    _S.UNAUTHENTICATED: HTTPStatus.FORBIDDEN,
    _S.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    _S.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
    _S.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    _S.ABORTED: HTTPStatus.CONFLICT,
    _S.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    _S.ALREADY_EXISTS: HTTPStatus.CONFLICT,
}
"""HTTP status of each catalogue status; others are 500."""


@dataclass(frozen=True, slots=True)
class Login:
    """Hold what somebody typed to prove who she is."""

    steward: str
    password: str = field(repr=False)
    code: str = field(repr=False)


class Web:
    """Hold what all requests share.

    Parameters
    ----------
    desk : Jobs of Room
        Where everything is read and decided.
    hospital, network : str
        Whose page it is.
    """

    def __init__(self, desk: Jobs[Room], *, hospital: str, network: str) -> None:
        self._desk = desk
        self._logins = ThreadPoolExecutor(max_workers=1, thread_name_prefix="login")
        self.sessions = Sessions()
        self.limit = Limit(LOGIN_RATE)
        self.templates = _templates(hospital=hospital, network=network)

    async def do(self, job: Callable[[Room], T]) -> T:
        """Run a job in the desk's thread."""
        return await self._desk.do(job)

    async def log_in(self, login: Login, *, address: str) -> Credentials:
        """Return a steward's credentials.

        Raises
        ------
        WardnetError
            `LOGIN_REFUSED`, whatever was wrong; `WORK_LIMIT` after too many attempts.
        """
        stewards = await self.do(lambda room: room.stewards)
        return await self.slowly(
            lambda: stewards.log_in(login.steward, password=login.password, code=login.code),
            address=address,
        )

    async def let_in(self, login: Login, *, address: str) -> tuple[Credentials | Auditor, str]:
        """Return a steward's credentials, or an auditor, and the mark of her password before.

        Raises
        ------
        WardnetError
            As `log_in`.
        """
        # Before, so that a password that is changed meanwhile ends the session that it begins.
        door, mark = await self.do(
            lambda room: (door := room.door(login.steward), door.mark(login.steward))
        )
        person = await self.slowly(
            lambda: door.log_in(login.steward, password=login.password, code=login.code),
            address=address,
        )
        return person, mark

    async def slowly(self, attempt: Callable[[], T], *, address: str) -> T:
        """Try something with a password, which takes its time, so beside the desk.

        Raises
        ------
        WardnetError
            `WORK_LIMIT` after too many attempts of an address; what the attempt raises.
        """
        if not self.limit.allows(address):
            raise WardnetError(Reason.WORK_LIMIT, rule="attempts to sign in from this address")
        return await asyncio.get_running_loop().run_in_executor(self._logins, attempt)

    def close(self) -> None:
        """End the thread of the logins."""
        self._logins.shutdown()


@dataclass(frozen=True, slots=True)
class Visit:
    """Hold one request of somebody who is signed in.

    Parameters
    ----------
    request : Request
        As it came in.
    session : Session
        Hers.
    """

    request: Request
    session: Session

    @property
    def reader(self) -> Reader:
        """Return who reads, for the log."""
        person = self.session.person
        key = person.key if isinstance(person, Auditor) else ""
        return Reader(person.member, key, address_of(self.request))

    @property
    def web(self) -> Web:
        """Return what all requests share."""
        return web_of(self.request)

    def page(self, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
        """Answer with a page; it leaves the screen when the session has ended unused."""
        response = page(self.request, template, status=status, session=self.session, **values)
        response.headers["refresh"] = f"{IDLE_SECONDS + 1}; url=/login"
        return response


class SignedOut(Exception):  # noqa: N818 - no error: it sends the browser to the login
    """Say that nobody is signed in."""


def web_of(request: Request) -> Web:
    """Return what all requests share."""
    return cast("Web", request.app.state.web)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    session: Session | None = None,
    **values: object,
) -> HTMLResponse:
    """Answer with a page."""
    shown = web_of(request).templates.get_template(template)
    notice = session.take_notice() if session else ""
    text = shown.render(
        session=session, notice=notice, here=request.url.path.rstrip("/") or "/", **values
    )
    return HTMLResponse(text, status_code=status)


def redirect(path: str) -> Response:
    """Send the browser to another page of ours, by GET."""
    return RedirectResponse(path, status_code=SEE_OTHER)


def address_of(request: Request) -> str:
    """Return the network address that the request came from."""
    return request.client.host if request.client else "unknown"


def http_status(error: WardnetError) -> int:
    """Return the HTTP status of a refusal."""
    if error.reason is Reason.MESSAGE_TOO_LARGE:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return HTTP.get(error.row.status, HTTPStatus.INTERNAL_SERVER_ERROR)


async def visit_of_anybody(request: Request) -> Visit:
    """Return the visit of a signed-in steward or auditor.

    Raises
    ------
    SignedOut
        When nobody is signed in.
    """
    web, token = web_of(request), request.cookies.get(COOKIE, "")
    session = web.sessions.find(token)
    if session is None:
        raise SignedOut
    member = session.person.member
    if await web.do(lambda room: room.mark(member)) != session.mark:
        web.sessions.close(token)
        raise SignedOut
    return Visit(request, session)


async def visit(visitor: Annotated[Visit, Depends(visit_of_anybody)]) -> Visit:
    """Return the visit of a signed-in steward: what is not marked otherwise is hers alone.

    Raises
    ------
    WardnetError
        `ROLE_REFUSED` for an auditor.
    """
    if visitor.session.role is not Role.STEWARD:
        raise WardnetError(Reason.ROLE_REFUSED, role=visitor.session.role)
    return visitor


async def form_of_anybody(
    visitor: Annotated[Visit, Depends(visit_of_anybody)],
) -> AsyncIterator[FormData]:
    """Give a form that one of this session's own pages has sent.

    Only a signed-in steward's may carry files: nobody else's is read at all.

    Raises
    ------
    WardnetError
        `FORM_OUTDATED` when it was not.
    """
    steward = visitor.session.role is Role.STEWARD
    data = await read_form(visitor.request, files=MAXIMUM_DOCUMENTS if steward else 0)
    try:
        check_token(data, visitor.session.form_token)
        yield data
    finally:
        await data.close()


async def form(
    _visitor: Annotated[Visit, Depends(visit)],
    data: Annotated[FormData, Depends(form_of_anybody)],
) -> FormData:
    """Give a steward's form."""
    return data


async def read_form(request: Request, *, files: int = 0) -> FormData:
    """Read a form, with at most so many files.

    Raises
    ------
    WardnetError
        `FORM_OUTDATED` when it is written in other letters than the page asks for: among those
        that Python knows, some take seconds to read.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    if options.get(b"charset", b"utf-8").lower() != b"utf-8":
        raise WardnetError(Reason.FORM_OUTDATED)
    return await request.form(max_files=files, max_fields=MAXIMUM_FIELDS)


def check_token(data: FormData, expected: str) -> None:
    """Refuse a form that does not carry the page's token.

    Raises
    ------
    WardnetError
        `FORM_OUTDATED`.
    """
    given = text(data, "token").encode()
    if not expected or not secrets.compare_digest(given, expected.encode()):
        raise WardnetError(Reason.FORM_OUTDATED)


def text(data: FormData, name: str) -> str:
    """Return a field's text with plain line ends; empty when it is not there."""
    value = data.get(name)
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def texts(data: FormData, name: str) -> tuple[str, ...]:
    """Return all values of a field that may stand several times."""
    return tuple(value for value in data.getlist(name) if isinstance(value, str))


def login_of(data: FormData, *, prefix: str = "") -> Login:
    """Return what was typed to sign in; a password keeps its spaces."""
    password = data.get(f"{prefix}password")
    return Login(
        steward=text(data, f"{prefix}steward"),
        password=password if isinstance(password, str) else "",
        code=text(data, f"{prefix}code").replace(" ", ""),
    )


def _templates(*, hospital: str, network: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"hospital": hospital, "network": network}
    environment.filters |= {"moment": words.moment, "day": words.day, "size": words.size}
    environment.filters |= {"happened": words.happened, "who": words.who, "scope": words.scope}
    environment.filters["short"] = short
    return environment


Visitor = Annotated[Visit, Depends(visit)]
"""A signed-in steward, in a route's signature."""

Form = Annotated[FormData, Depends(form)]
"""A steward's checked form, in a route's signature."""

Anybody = Annotated[Visit, Depends(visit_of_anybody)]
"""A signed-in steward or auditor, in a route's signature."""

AnybodysForm = Annotated[FormData, Depends(form_of_anybody)]
"""A checked form of either, in a route's signature."""
