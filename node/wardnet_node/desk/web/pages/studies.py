"""The inbox, and one study in plain language."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet.agreement.agreement import Agreement
from wardnet_node.desk import words
from wardnet_node.desk.study_state import State, StudyState
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.terms import Person, Shown, Term, columns, methods, people, terms
from wardnet_node.desk.web.web import Visitor

PAGE: Final = 50
"""Most studies on one page."""

router = APIRouter()


@dataclass(frozen=True, slots=True)
class StudyPage:
    """Hold what the page of a study shows.

    Parameters
    ----------
    state : StudyState
        Where it stands.
    draft : Agreement
        The agreement that holds or would.
    people, columns, methods, terms : Sequence
        Who asks, what they look at and how, and the limits.
    purpose, codes : Sequence of str, str
        What for, in words and in codes.
    leaks : Sequence of (title, text)
        What others could learn.
    concerns : Sequence of str
        Why it cannot be agreed to as things are.
    label : str
        Of the dataset.
    """

    state: StudyState
    draft: Agreement
    people: Sequence[Person]
    columns: Sequence[Shown]
    methods: Sequence[tuple[str, str, bool]]
    terms: Sequence[Term]
    purpose: Sequence[str]
    codes: str
    leaks: Sequence[tuple[str, str]]
    concerns: Sequence[str]
    label: str


@router.get("/")
async def inbox(visitor: Visitor, page: int = 1) -> Response:
    """Show the studies that wait for a decision."""
    states = await visitor.web.do(lambda room: room.decisions.studies())
    waiting = [state for state in states if state.state in {State.NEW, State.DAMAGED}]
    requests = len(await visitor.web.do(lambda room: room.shares.inbox()))
    return visitor.page(
        "inbox.html",
        waiting=_part(waiting, page),
        total=len(waiting),
        page=page,
        requests=requests,
    )


@router.get("/studies")
async def everything(visitor: Visitor, page: int = 1) -> Response:
    """Show all studies, newest first."""
    states = await visitor.web.do(lambda room: room.decisions.studies())
    return visitor.page("studies.html", states=_part(states, page), total=len(states), page=page)


@router.get("/studies/{digest}")
async def study(visitor: Visitor, digest: str) -> Response:
    """Show one study in plain language."""
    shown = await visitor.web.do(lambda room: _study(room, digest))
    return visitor.page("study.html", shown=shown)


def _study(room: Room, digest: str) -> StudyPage:
    state = room.decisions.study(digest)
    held = state.agreement if state.state in {State.AGREED, State.REVOKED} else None
    draft = held or room.decisions.draft(digest)
    dictionary = room.dictionary(state.study.data.dataset)
    return StudyPage(
        state=state,
        draft=draft,
        people=people(state, room.book()),
        columns=columns(state.study, draft, dictionary),
        methods=methods(state.study, draft),
        terms=terms(state.study, draft),
        purpose=words.purpose(draft.purpose),
        codes=words.codes(draft.purpose),
        leaks=words.leaks(state.study, draft, dictionary=dictionary),
        concerns=tuple(str(error) for error in room.decisions.concerns(digest)),
        label=dictionary.label if dictionary else "",
    )


def _part(states: Sequence[StudyState], page: int) -> Sequence[StudyState]:
    start = max(page - 1, 0) * PAGE
    return states[start : start + PAGE]
