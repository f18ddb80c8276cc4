"""Whether the model that a question of `evaluate` brings was fitted by hospitals of the network."""

from datetime import datetime
from typing import TYPE_CHECKING, cast

from wardnet.agreement.view import View
from wardnet.identity.envelope import Trust
from wardnet.model.package import EVALUATION
from wardnet.model.proof import unproven, verify_proof
from wardnet.question.query import Query

if TYPE_CHECKING:
    from pydantic import JsonValue


def check_model(query: Query, *, view: View, trust: Trust, at: datetime) -> None:
    """Refuse to evaluate a model that is not the signed answer of hospitals of the network.

    A model that is made up gives a few chosen patients one probability and all others another; its
    exact scores then tell how many of the few have the outcome.

    Parameters
    ----------
    query : Query
        Verified, its parameters checked by the method; one of another method passes.
    view : View
        Whom the hospital knows, by which keys.
    trust : Trust
        The network and its root.
    at : datetime
        The present moment.

    Raises
    ------
    WardnetError
        `MODEL_UNPROVEN`.
    """
    if query.method != EVALUATION:
        return
    model = cast("dict[str, JsonValue]", query.parameters["model"])
    # 1. Hospitals of this network have signed exactly this model.
    proven = verify_proof(model, query.parameters.get("proof"), trust=trust, at=at)
    # 2. The columns mean what they meant when it was fitted.
    fitted = proven.query
    if (fitted.dataset, fitted.dictionary) != (query.dataset, query.dictionary):
        unproven("it was fitted to another dataset, or under another version of its dictionary")
    # 3. Hospitals that we know have signed with a key that we know, and that still holds.
    for member, key in proven.keys.items():
        known = view.book.organisation(member.id)
        if known is not None and known.nodes and key not in known.nodes:
            unproven(f"{member.id} has signed it with another key than our address book holds")
        if key in view.revoked_by(member.id):
            unproven(f"{member.id} has signed it with a key that was taken back")
