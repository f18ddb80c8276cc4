"""Models as their researcher ada hands them on: questions to made-up rows, signed by everybody."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from support.examples import Parameters, ask
from support.people import SEVERAL_ROWS, made_up
from support.pki import TestNetwork
from wardnet import canonical, clock
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.model import file as files
from wardnet.model import package as packages
from wardnet.model import statement as statements
from wardnet.model.file import Answered, Parts
from wardnet.model.package import Package
from wardnet.model.statement import Statement
from wardnet.privacy.rules import STANDARD
from wardnet.question import answer as answers
from wardnet.question import dictionary as dictionaries
from wardnet.question import query as queries
from wardnet.question.answer import Answer, tensor
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query
from wardnet.question.rows import Rows
from wardnet.statistics.session import run

HOSPITALS: Final = ("a", "b", "c")

LOGISTIC: Final[Parameters] = {
    "outcome": "smoker",
    "terms": [["age"], ["stage"], ["lab"]],
    "factors": ["stage"],
    "family": "logistic",
}

LINEAR: Final[Parameters] = {"outcome": "weight", "terms": [["age"], ["lab"]]}

SMALLER: Final[Parameters] = {**LOGISTIC, "terms": [["age"], ["stage"]]}

WORDS: Final = Statement(
    version=1,
    name="smokers-1",
    title="Who smokes",
    intended_use="To plan a trial.",
    limits="Not for one patient.",
    query="0" * 64,
    answer="0" * 64,
    evaluations=(),
    made="2026-01-31T08:15:00.000Z",
)


def rows_of(number: int, rows: int = 400) -> Rows:
    """Return the made-up rows of one hospital."""
    return made_up(number, rows=rows, missing=0.02)


@dataclass(frozen=True)
class Made:
    """Hold a question and its answer, not yet signed."""

    query: Query
    answer: Answer


def made(
    network: TestNetwork,
    method: str = "glm",
    parameters: Parameters = LOGISTIC,
    *,
    dictionary: Dictionary = SEVERAL_ROWS,
) -> Made:
    """Ask a method of three hospitals."""
    query = replace(
        ask(method, parameters, dictionary=dictionary),
        network=network.name,
        hospitals=HOSPITALS,
        minimum_hospitals=len(HOSPITALS),
        agreements=dict.fromkeys(HOSPITALS, "0" * 64),
    )
    batches: dict[str, Callable[[], Sequence[Rows]]] = {
        name: lambda number=number: (rows_of(number),)  # type: ignore[misc]
        for number, name in enumerate(HOSPITALS)
    }
    digest = canonical.digest(queries.to_bytes(query))
    answer = run(query, digest=digest, dictionary=dictionary, hospitals=batches, rules=STANDARD)
    return Made(query, answer)


def answered(
    network: TestNetwork, made: Made, *, signers: Sequence[str] = HOSPITALS, by: str = "ada"
) -> Answered:
    """Sign a question and its answer."""
    query = sign(queries.PAYLOAD_TYPE, queries.to_bytes(made.query), network.researcher(by).signer)
    payload = answers.to_bytes(made.answer)
    envelopes = [sign(answers.PAYLOAD_TYPE, payload, network.node(name).signer) for name in signers]
    return Answered(query, merge(envelopes))


def stated(
    network: TestNetwork, model: Answered, *, by: str = "ada", name: str = WORDS.name
) -> Envelope:
    """Sign what a researcher says about a model."""
    statement = replace(
        WORDS,
        name=name,
        query=canonical.digest(model.query.payload),
        answer=canonical.digest(model.answer.payload),
    )
    payload = statements.to_bytes(statement)
    return sign(statements.PAYLOAD_TYPE, payload, network.researcher(by).signer)


def parts(
    network: TestNetwork,
    made_model: Made | None = None,
    *,
    dictionary: Dictionary = SEVERAL_ROWS,
    name: str = WORDS.name,
) -> Parts:
    """Return a model's parts as they are handed on."""
    model = answered(network, made_model or made(network))
    payload = dictionaries.to_bytes(dictionary)
    published = sign(dictionaries.PAYLOAD_TYPE, payload, network.node("a").signer)
    return Parts(stated(network, model, name=name), published, model)


def model_file(network: TestNetwork, name: str = WORDS.name) -> bytes:
    """Return the file of a logistic model."""
    return files.write(parts(network, name=name))


def package(network: TestNetwork, method: str, parameters: Parameters) -> Package:
    """Return a model of any method, as whoever got its file reads it."""
    return read(network, files.write(parts(network, made(network, method, parameters))))


def read(network: TestNetwork, data: bytes) -> Package:
    """Read a file as a member of a network does."""
    return packages.read(data, trust=network.trust, at=clock.now())


def long_answer(network: TestNetwork) -> Made:
    """Return a model with an array of half a million numbers, as a large network has."""
    short = made(network)
    table = short.answer.table
    assert table is not None
    long = replace(table, tensors=(tensor("weights", np.zeros(500_000)),))
    return Made(short.query, replace(short.answer, table=long))


def rebound(altered: Made) -> Made:
    """Let an answer name the question as it is now."""
    digest = canonical.digest(queries.to_bytes(altered.query))
    return Made(altered.query, replace(altered.answer, query=digest))
