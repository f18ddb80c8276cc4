"""Ask another hospital for records: which dataset, then which columns, patients, what for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from wardnet.question.dictionary import NEVER_SHARED, Dictionary
from wardnet.sharing.request import MOST_HOURS, MOST_PATIENTS, Basis
from wardnet_node import published
from wardnet_node.desk.shares.asking import Wish
from wardnet_node.desk.web.fields import Fields
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.session import ShareDraft
from wardnet_node.desk.web.web import Form, Visit, Visitor, redirect, text, texts

LABELS: Final = {
    "columns": "Columns",
    "basis": "What allows it",
    "purpose": "What for",
    "patients": "Only these patients",
    "where": "Only where",
    "hours": "For how many hours",
}
"""What the fields are called on the page."""

TREATMENT: Final = "treatment"
_LONGEST_PURPOSE: Final = 4000

router = APIRouter()


@dataclass(slots=True)
class Asked(Fields):
    """Hold the form of a request.

    Parameters
    ----------
    columns : frozenset of str
        What is ticked.
    identifiers : bool
        Whether the patients' numbers are asked for.
    """

    columns: frozenset[str] = frozenset()
    identifiers: bool = False


@router.get("/shares/new")
async def new(visitor: Visitor, of: str = "") -> Response:
    """Show which datasets there are, or the form for one of them."""
    if not of:
        return visitor.page("share_new.html", choices=await _choices(visitor))
    owner, dictionary = await _wanted(visitor, of)
    empty = Asked({**dict.fromkeys(LABELS, ""), "hours": "1", "basis": TREATMENT})
    return await _page(visitor, owner, dictionary, empty)


@router.post("/shares/new")
async def ask(visitor: Visitor, form: Form) -> Response:
    """Read the form; go on to sign it."""
    owner, dictionary = await _wanted(visitor, text(form, "of"))
    asked, wish = read_wish(form, owner, dictionary)
    if asked.errors:
        return await _page(visitor, owner, dictionary, asked)
    if wish.basis is Basis.STUDY and not wish.purpose:
        wish = await visitor.web.do(lambda room: _named(room, wish))
    draft = ShareDraft(kind="request", wish=wish, dictionary=dictionary)
    return redirect(f"/sign/{visitor.session.keep(draft)}")


def read_wish(form: FormData, owner: str, dictionary: Dictionary) -> tuple[Asked, Wish]:
    """Read what was filled in; the wish counts only where the form has no errors."""
    fields = ("basis", "purpose", "patients", "where", "hours")
    known = {column.name for column in dictionary.columns if column.type not in NEVER_SHARED}
    asked = Asked(
        values={name: text(form, name) for name in fields},
        columns=frozenset(texts(form, "columns")) & known,
        identifiers=bool(text(form, "identifiers")),
    )
    basis, purpose = asked.values["basis"], asked.values["purpose"]
    treats = basis == TREATMENT
    ids = sorted(set(asked.lines("patients")))
    if not asked.columns:
        asked.wrong("columns", "At least one is needed.")
    if not basis:
        asked.wrong("basis", "Choose the treatment, or a study.")
    if len(purpose) > _LONGEST_PURPOSE or (treats and not purpose):
        asked.wrong("purpose", f"Say so in 1 to {_LONGEST_PURPOSE} characters.")
    if asked.identifiers and not treats:
        asked.wrong("patients", "Numbers of patients are handed over for treatment only.")
    if len(ids) > MOST_PATIENTS:
        asked.wrong("patients", f"At most {MOST_PATIENTS}; describe more by a condition.")
    return asked, Wish(
        owner=owner,
        basis=Basis.TREATMENT if treats else Basis.STUDY,
        study=None if treats else basis,
        purpose=purpose,
        columns=sorted(asked.columns),
        cohort=asked.cohort("where", dictionary),
        patients=ids,
        identifiers=asked.identifiers,
        hours=asked.whole("hours", most=MOST_HOURS) or 1,
    )


def _named(room: Room, wish: Wish) -> Wish:
    """Return a wish whose words are the title of its study."""
    return replace(wish, purpose=room.decisions.study(wish.study or "").study.project.title)


async def _choices(visitor: Visit) -> Sequence[tuple[str, str]]:
    """Return which hospital has which dataset, as the coordinator lists them."""
    credentials, address = await visitor.web.do(lambda room: (room.credentials, room.coordinator))
    listed = await asyncio.to_thread(published.listed, credentials=credentials, address=address)
    own = credentials.member.id
    return [
        (hospital, name)
        for name, item in sorted(listed.items())
        for hospital in item.hospitals
        if hospital != own
    ]


async def _wanted(visitor: Visit, of: str) -> tuple[str, Dictionary]:
    """Return the hospital that is asked, and the network's dictionary of its dataset."""
    owner, _, name = of.partition(" ")
    credentials, address = await visitor.web.do(lambda room: (room.credentials, room.coordinator))
    dictionary = await asyncio.to_thread(
        published.fetch, name, credentials=credentials, address=address
    )
    return owner, dictionary


async def _page(visitor: Visit, owner: str, dictionary: Dictionary, asked: Asked) -> Response:
    studies = await visitor.web.do(
        lambda room: [
            (state.study.digest, state.study.project.title)
            for state in room.decisions.studies()
            if state.study.data.dataset == dictionary.name
        ]
    )
    return visitor.page(
        "share_ask.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if asked.errors else HTTPStatus.OK,
        owner=owner,
        dictionary=dictionary,
        columns=[one for one in dictionary.columns if one.type not in NEVER_SHARED],
        form=asked,
        studies=studies,
        labels=LABELS,
    )
