"""Attacker: a researcher who may evaluate models, and makes one up to learn of a chosen few.

Her model would give the few one probability and all others another. A hospital evaluates only what
hospitals of the network have fitted and signed; every attempt stands in its log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from pydantic import JsonValue, TypeAdapter

from support.hospital import Hospital, rows
from support.pki import TestNetwork
from support.questions import DICTIONARY, count_query, signed
from wardnet import canonical
from wardnet.audit.entry import Outcome
from wardnet.errors import Reason
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Member, Role
from wardnet.model.file import Answered
from wardnet.model.proof import prove
from wardnet.privacy.rules import STANDARD
from wardnet.question import answer as answers
from wardnet.question import query as queries
from wardnet.question.answer import Answer, Table
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query
from wardnet.statistics.session import run
from wardnet.transport.work import Work, WorkId
from wardnet_node.desk.accept import Refused

TABLE: Final = TypeAdapter(Table)
LINEAR: Final[Mapping[str, JsonValue]] = {"outcome": "age", "terms": [["sex"]], "factors": ["sex"]}
OTHERS: Final = replace(DICTIONARY, version=2)


@dataclass(frozen=True)
class Fit:
    """Hold a question that fitted a model, and its answer."""

    query: Query
    answer: Answer

    def parameters(self, model: Answered | None) -> dict[str, JsonValue]:
        """Return what evaluates it, with a proof or without."""
        assert self.answer.table is not None
        parameters: dict[str, JsonValue] = {
            "model": {
                "method": self.query.method,
                "version": self.query.method_version,
                "parameters": self.query.parameters,
                "table": TABLE.dump_python(self.answer.table, mode="json"),
            }
        }
        return parameters if model is None else {**parameters, "proof": prove(model)}


def fit(
    network: TestNetwork, women: int = 40, *, dictionary: Dictionary = DICTIONARY, **changes: object
) -> Fit:
    """Let hospitals a and b fit how old women and men are."""
    fields = {"method": "linear", "parameters": dict(LINEAR), **changes}
    asked = count_query(network, dictionary=dictionary.digest, **fields)  # type: ignore[arg-type]
    hospitals = {name: lambda: [rows({"female": women, "male": 30})] for name in asked.hospitals}
    digest = canonical.digest(queries.to_bytes(asked))
    answer = run(asked, digest=digest, dictionary=dictionary, hospitals=hospitals, rules=STANDARD)
    return Fit(asked, answer)


def answered(network: TestNetwork, fitted: Fit, *signers: Member) -> Answered:
    """Sign a question and its answer; hospitals a and b by default."""
    payload = answers.to_bytes(fitted.answer)
    nodes = signers or [Member(network.name, Role.NODE, name) for name in ("a", "b")]
    signatures = [
        sign(answers.PAYLOAD_TYPE, payload, network.credentials(node.role, node.id).signer)
        for node in nodes
    ]
    return Answered(signed(network, fitted.query), merge(signatures))


def whole(network: TestNetwork) -> dict[str, JsonValue]:
    """Return what evaluates a model that hospitals have fitted."""
    fitted = fit(network)
    return fitted.parameters(answered(network, fitted))


def _table(
    parameters: dict[str, JsonValue], change: Callable[[list[list[JsonValue]]], None]
) -> dict[str, JsonValue]:
    model = parameters["model"]
    assert isinstance(model, dict)
    table = model["table"]
    assert isinstance(table, dict)
    cells: list[list[JsonValue]] = table["rows"]  # type: ignore[assignment]
    change(cells)
    return parameters


def _one_number(cells: list[list[JsonValue]]) -> None:
    place = next(place for place, cell in enumerate(cells[0]) if isinstance(cell, float))
    cells[0][place] = float(str(cells[0][place])) + 1


def unsigned(network: TestNetwork) -> dict[str, JsonValue]:
    """Return a model with nothing beside it."""
    return fit(network).parameters(None)


def one_changed_number(network: TestNetwork) -> dict[str, JsonValue]:
    """Return a model of which one coefficient is another."""
    return _table(whole(network), _one_number)


def other_parameters(network: TestNetwork) -> dict[str, JsonValue]:
    """Return a model that claims to have been fitted with a penalty."""
    fitted = fit(network)
    changed = replace(fitted.query, parameters={**LINEAR, "penalty": 1.5})
    return Fit(changed, fitted.answer).parameters(answered(network, fitted))


def somebody_elses_answer(network: TestNetwork) -> dict[str, JsonValue]:
    """Return the answer to one question beside another question."""
    fitted, other = fit(network), fit(network, 35, nonce="5" * 32)
    swapped = Answered(signed(network, fitted.query), answered(network, other).answer)
    return other.parameters(swapped)


def too_few(network: TestNetwork) -> dict[str, JsonValue]:
    """Return an answer of two hospitals that one of them has signed."""
    fitted = fit(network)
    return fitted.parameters(answered(network, fitted, Member(network.name, Role.NODE, "b")))


def her_own_signature(network: TestNetwork) -> dict[str, JsonValue]:
    """Return an answer that the researcher has signed herself."""
    fitted = fit(network)
    ada = Member(network.name, Role.RESEARCHER, "ada")
    return fitted.parameters(answered(network, fitted, ada))


def strange_question(network: TestNetwork) -> dict[str, JsonValue]:
    """Return a question that eve has signed in ada's name."""
    fitted = fit(network)
    by_eve = signed(network, fitted.query, researcher="eve")
    return fitted.parameters(Answered(by_eve, answered(network, fitted).answer))


def another_network(network: TestNetwork) -> dict[str, JsonValue]:
    """Return a model that hospitals of her own network of the same name have signed."""
    return whole(TestNetwork(network.name))


def another_dictionary(network: TestNetwork) -> dict[str, JsonValue]:
    """Return a model of columns that meant something else."""
    fitted = fit(network, dictionary=OTHERS)
    return fitted.parameters(answered(network, fitted))


def forged_key(network: TestNetwork) -> dict[str, JsonValue]:
    """Return an answer signed as hospital a, with a certificate that was issued to her."""
    fitted = fit(network)
    payload = answers.to_bytes(fitted.answer)
    forged = network.issue(Member(network.name, Role.NODE, "a"))
    signers = (forged.signer, network.node("b").signer)
    envelope = merge([sign(answers.PAYLOAD_TYPE, payload, signer) for signer in signers])
    return fitted.parameters(Answered(signed(network, fitted.query), envelope))


def unreadable(network: TestNetwork) -> dict[str, JsonValue]:
    """Return a proof that is none."""
    return {**unsigned(network), "proof": {"query": "{}", "answer": "[" * 50}}


ATTEMPTS: Final = {
    unsigned: "brings no signatures",
    one_changed_number: "the answer is not what hospitals have signed",
    other_parameters: "the question that fitted it is not as it was signed",
    somebody_elses_answer: "the answer is to another query",
    too_few: "not all hospitals that the answer names have signed it",
    her_own_signature: "not all hospitals that the answer names have signed it",
    strange_question: "not signed by the researcher whom it names",
    another_network: "the signer's certificate is refused",
    another_dictionary: "another version of its dictionary",
    forged_key: "a has signed it with another key than our address book holds",
    unreadable: "its signatures cannot be read",
}


def work(network: TestNetwork, parameters: dict[str, JsonValue]) -> Work:
    """Return the first round of a question that evaluates."""
    query = count_query(network, method="evaluate", parameters=parameters, nonce="7" * 32)
    envelope: Envelope = signed(network, query)
    return Work(WorkId(canonical.digest(envelope.payload), 1, 0), envelope, ("a", "b"), ())


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has agreed that models are evaluated."""
    return Hospital(network, tmp_path / "a")


@pytest.mark.parametrize(
    ("attempt", "words"), ATTEMPTS.items(), ids=[each.__name__ for each in ATTEMPTS]
)
def test_a_model_that_hospitals_have_not_signed_is_refused_and_logged(
    network: TestNetwork,
    hospital: Hospital,
    attempt: Callable[[TestNetwork], dict[str, JsonValue]],
    words: str,
) -> None:
    """For this reason alone, which says what to do."""
    asked = work(network, attempt(network))
    with hospital.desk() as desk:
        desk.start()
        with pytest.raises(Refused) as caught:
            desk.open(asked)
        desk.refuse(asked, caught.value.reasons)
    (reason,) = caught.value.reasons
    assert reason.reason is Reason.MODEL_UNPROVEN
    assert words in str(reason)
    *_, entry = (each for each in hospital.entries() if each.outcome is Outcome.REFUSED)
    assert entry.reason is Reason.MODEL_UNPROVEN
    assert entry.actor.subject == "wardnet://heartnet/researcher/ada"


def test_a_model_that_hospitals_have_signed_is_evaluated(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The attempts above fail for what was made up, and for nothing else."""
    with hospital.desk() as desk:
        desk.start()
        assert desk.open(work(network, whole(network))).query.method == "evaluate"


def test_the_signatures_of_200_hospitals_leave_most_of_a_question_to_the_model(
    network: TestNetwork,
) -> None:
    """A question holds 1 MiB."""
    fitted = fit(network)
    one = len(canonical.encode(prove(answered(network, fitted))))
    alone = answered(network, fitted, Member(network.name, Role.NODE, "b"))
    each = one - len(canonical.encode(prove(alone)))
    assert 200 * each < 256 << 10
