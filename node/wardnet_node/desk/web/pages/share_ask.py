"""Ask another hospital for records: which dataset, then which columns, patients, what for."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.datastructures import FormData

from wardnet.errors import WardnetError
from wardnet.question import cohort as cohorts
from wardnet.question.cohort import EVERYONE, Cohort
from wardnet.question.dictionary import NEVER_SHARED, Dictionary
from wardnet.question.grammar import parse
from wardnet.sharing.request import MOST_HOURS, MOST_PATIENTS, Basis
from wardnet_node import published
from wardnet_node.desk.shares.asking import Wish
from wardnet_node.desk.web.forms import bare
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
_DIGITS: Final = re.compile(r"[0-9]{1,5}")
_LONGEST_PURPOSE: Final = 4000

router = APIRouter()


@dataclass(slots=True)
class Asked:
    """Hold the form as it is shown: filled in, and what is wrong with it.

    Parameters
    ----------
    values : Mapping of str to str
        Of the fields that take text.
    columns : frozenset of str
        What is ticked.
    identifiers : bool
        Whether the patients' numbers are asked for.
    errors : dict of str to str
        By field, what is wrong.
    """

    values: Mapping[str, str]
    columns: frozenset[str] = frozenset()
    identifiers: bool = False
    errors: dict[str, str] = field(default_factory=dict)


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
    ids = sorted({line.strip() for line in asked.values["patients"].split("\n") if line.strip()})
    wrong = asked.errors
    if not asked.columns:
        wrong["columns"] = "At least one is needed."
    if not basis:
        wrong["basis"] = "Choose the treatment, or a study."
    if len(purpose) > _LONGEST_PURPOSE or (treats and not purpose):
        wrong["purpose"] = f"Say so in 1 to {_LONGEST_PURPOSE} characters."
    if asked.identifiers and not treats:
        wrong["patients"] = "Numbers of patients are handed over for treatment only."
    if len(ids) > MOST_PATIENTS:
        wrong["patients"] = f"At most {MOST_PATIENTS}; describe more by a condition."
    return asked, Wish(
        owner=owner,
        basis=Basis.TREATMENT if treats else Basis.STUDY,
        study=None if treats else basis,
        purpose=purpose,
        columns=sorted(asked.columns),
        cohort=_cohort(asked, dictionary),
        patients=ids,
        identifiers=asked.identifiers,
        hours=_hours(asked),
    )


def _named(room: Room, wish: Wish) -> Wish:
    """Return a wish whose words are the title of its study."""
    return replace(wish, purpose=room.decisions.study(wish.study or "").study.project.title)


def _cohort(asked: Asked, dictionary: Dictionary) -> Cohort:
    written = asked.values["where"]
    try:
        cohort = parse(written) if written else EVERYONE
        cohorts.check(cohort, dictionary)
    except WardnetError as error:
        asked.errors["where"] = bare(error)
        return EVERYONE
    return cohort


def _hours(asked: Asked) -> int:
    written = asked.values["hours"]
    if _DIGITS.fullmatch(written) and 1 <= int(written) <= MOST_HOURS:
        return int(written)
    asked.errors["hours"] = f"A whole number from 1 to {MOST_HOURS} is needed."
    return 1


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
