"""Auditors at the desk, and a log in which there is something to read."""

import base64
from datetime import timedelta
from typing import Final

from support.busy_log import busy_log
from support.desk import Browser, DeskHome
from support.questions import key
from wardnet import clock
from wardnet.audit import log
from wardnet.audit.entry import Entry, Event, from_bytes
from wardnet.audit.scope import Scope
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Role
from wardnet_node.desk.door import code_at

PASSWORD: Final = "seven quiet herons at noon"
WHOLE: Final = Scope(patients=True, answers=True)


def fill_busy(home: DeskHome, *, queries: int = 400) -> None:
    """Write three busy months into a hospital's log."""
    node = home.credentials.member.uri
    with home.catalog() as catalog, catalog.transaction() as connection:
        for entry in busy_log(queries=queries, node=node):
            log.append(connection, event_of(entry), at=clock.from_moment(entry.time))


def event_of(entry: Entry) -> Event:
    """Return what an entry tells, without its place."""
    return Event(**{name: getattr(entry, name) for name in Event.__dataclass_fields__})


def olga(home: DeskHome) -> Credentials:
    """Return auditor olga's credentials."""
    return home.network.credentials(Role.AUDITOR, "olga")


def grant(home: DeskHome, scope: Scope = WHOLE, *, of: Credentials | None = None) -> None:
    """Let steward anna grant olga the log, for a key of hers or another one."""
    with home.room() as room:
        room.grants.grant(
            "olga",
            key=key(of or olga(home)),
            scope=scope,
            until=clock.now() + timedelta(days=30),
            stewards=[home.steward("anna")],
        )


def invite(home: DeskHome) -> str:
    """Let steward anna invite olga to the desk; return the code."""
    with home.room() as room:
        return room.accounts.invite("olga", steward=home.steward("anna"))


def accept(home: DeskHome, code: str) -> str:
    """Set olga's password; return the secret of her authenticator."""
    with home.room() as room:
        uri = room.accounts.accept("olga", code=code, password=PASSWORD)
    return uri.partition("secret=")[2].partition("&")[0]


def sign_in(home: DeskHome, browser: Browser, scope: Scope = WHOLE) -> str:
    """Grant, invite and sign in; return the page that she comes to."""
    grant(home, scope)
    secret = accept(home, invite(home))
    response = browser.sign_in("olga", password=PASSWORD, digits=code_of(secret))
    return browser.follow(response)


def code_of(secret: str, *, later: int = 0) -> str:
    """Return the present code of an authenticator with this secret, in base 32."""
    raw = base64.b32decode(secret.replace(" ", ""))
    return code_at(raw, at=clock.now() + timedelta(seconds=later))


def entries(home: DeskHome) -> list[Entry]:
    """Return the log."""
    with home.catalog() as catalog, catalog.reading() as connection:
        rows = connection.execute("SELECT entry FROM access_log ORDER BY seq").fetchall()
    return [from_bytes(bytes(data)) for (data,) in rows]
