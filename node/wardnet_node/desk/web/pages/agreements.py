"""Agreements in force, and how much of them was used."""

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet_node.desk.study_state import State
from wardnet_node.desk.web.web import Visitor

router = APIRouter()


@router.get("/agreements")
async def agreements(visitor: Visitor) -> Response:
    """Show the agreements in force."""
    states = await visitor.web.do(lambda room: room.decisions.studies())
    held = [state for state in states if state.state is State.AGREED]
    return visitor.page("agreements.html", held=held)
