"""The page as an application: routes, errors and the guard around them."""

import secrets
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet_node.desk.web.guard import Guard
from wardnet_node.desk.web.pages import (
    agreements,
    auditors,
    datasets,
    decide,
    health,
    keys,
    log,
    login,
    reports,
    share_ask,
    share_decide,
    shares,
    studies,
)
from wardnet_node.desk.web.web import (
    COOKIE,
    HERE,
    SignedOut,
    Web,
    http_status,
    page,
    redirect,
    web_of,
)


def make(web: Web) -> Guard:
    """Return the page.

    Parameters
    ----------
    web : Web
        What its requests share.
    """
    # A redirect to the same path with or without a slash would name whatever host was asked for.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.web = web
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    for pages in (login, studies, decide, agreements, datasets, log, reports, auditors, keys):
        app.include_router(pages.router)
    for pages in (share_ask, shares, share_decide):
        app.include_router(pages.router)
    app.include_router(health.router)
    app.add_exception_handler(SignedOut, _signed_out)
    app.add_exception_handler(WardnetError, _refused)
    app.add_exception_handler(HTTPException, _no_page)
    app.add_exception_handler(RequestValidationError, _no_page)
    app.add_exception_handler(Exception, _failed)
    return Guard(app)


async def _signed_out(_request: Request, _error: Exception) -> Response:
    return redirect("/login")


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, WardnetError):
        raise error
    return _page(request, error, status=http_status(error))


async def _no_page(request: Request, _error: Exception) -> Response:
    return _page(request, WardnetError(Reason.PAGE_UNKNOWN), status=HTTPStatus.NOT_FOUND)


async def _failed(request: Request, error: Exception) -> Response:
    incident = secrets.token_hex(4)
    logs.logger().error(
        "page_failed", incident=incident, error=type(error).__name__, place=logs.place(error)
    )
    return _page(request, WardnetError(Reason.INTERNAL, incident=incident), status=500)


def _page(request: Request, error: WardnetError, *, status: int) -> Response:
    session = web_of(request).sessions.find(request.cookies.get(COOKIE, ""))
    return page(request, "error.html", status=status, session=session, sentence=str(error))
