"""A model that can be believed: read from its file, with every signature checked.

A model is an answered question. Its file holds the question as its researcher signed it, the
dictionary that says what the columns mean, the answer as every hospital signed it that took part,
and the researcher's words about it. Whoever holds the network's root checks all that without
asking anybody.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

from pydantic import TypeAdapter

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import network_of, read_certificate
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.model import file as files
from wardnet.model import statement as statements
from wardnet.model.file import Answered
from wardnet.model.signed import NO_PINS, keys_of, verify_answer, verify_dictionary
from wardnet.model.statement import Statement, check_name
from wardnet.question import query as queries
from wardnet.question.answer import Answer, Table
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query
from wardnet.question.rows import no_rows
from wardnet.statistics.method import Method
from wardnet.statistics.methods import METHODS
from wardnet.statistics.model import Model

EVALUATION: Final = "evaluate"
"""The method whose answers say how well a model predicts."""

_TABLE: Final = TypeAdapter(Table)


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold a question and its answer, both verified.

    Parameters
    ----------
    query : Query
        What was asked.
    answer : Answer
        What the hospitals answered.
    table : Table
        The answer's.
    """

    query: Query
    answer: Answer
    table: Table


@dataclass(frozen=True, slots=True)
class Package:
    """Hold a model whose signatures were checked.

    Parameters
    ----------
    digest : str
        SHA-256 of the file, hexadecimal.
    researcher : Member
        Who asked for it.
    statement : Statement
        What the researcher says about it.
    dictionary : Dictionary
        What its columns mean.
    asked : Asked
        The question and the answer that is the model.
    evaluations : tuple of Asked
        How well it predicts.
    keys : Mapping of str to str
        By hospital: fingerprint of the key that it has signed the answer with.
    """

    digest: str
    researcher: Member
    statement: Statement
    dictionary: Dictionary
    asked: Asked
    evaluations: tuple[Asked, ...]
    keys: Mapping[str, str]

    @property
    def personal(self) -> bool:
        """Say whether every hospital that took part has weights for itself, not told here.

        Raises
        ------
        WardnetError
            `METHOD_UNKNOWN`.
        """
        method = self._method
        return method.personal(method.bind(self.asked.query.parameters, self.dictionary))

    def model(self) -> Model:
        """Return what predicts.

        Raises
        ------
        WardnetError
            `METHOD_UNKNOWN` when this version does not know the method, or another version of it;
            `NO_MODEL` or `MALFORMED` when the answer is no model.
        """
        method = self._method
        parameters = method.bind(self.asked.query.parameters, self.dictionary)
        model = method.model(parameters, self.asked.table)
        try:
            model.predict(no_rows(self.dictionary, model.columns))
        except OverflowError as error:
            rule = "it holds numbers that are too large to compute with"
            raise WardnetError(Reason.MALFORMED, field="table", rule=rule) from error
        return model

    @property
    def _method(self) -> Method[Any, Any]:
        answer = self.asked.answer
        method = METHODS.get(answer.method)
        if method is None or method.version != answer.method_version:
            raise WardnetError(
                Reason.METHOD_UNKNOWN, method=answer.method, version=answer.method_version
            )
        return method


def read(data: bytes, *, trust: Trust, at: datetime, pins: Mapping[str, str] = NO_PINS) -> Package:
    """Return the model that a file holds.

    Parameters
    ----------
    data : bytes
        Of the file.
    trust : Trust
        Our network.
    at : datetime
        When the signers' certificates must be valid.
    pins : Mapping of str to str
        As `signed.check_pinned` takes them.

    Raises
    ------
    WardnetError
        `MODEL_UNREADABLE`, `MODEL_FOREIGN` or `MODEL_ALTERED`.
    """
    # 1. It is a file of a model, whole and in its one spelling.
    parts = files.parse(data)
    # 2. It is of our network.
    with _part("its statement"):
        _check_network(parts.statement, trust)
        # 3. A researcher, and nobody else, has signed what is said about it.
        researcher = _researcher(parts.statement, statements.PAYLOAD_TYPE, trust=trust, at=at)
        statement = statements.from_bytes(parts.statement.payload)
    # 4. The same researcher has signed the question that the statement names.
    if canonical.digest(parts.model.query.payload) != statement.query:
        _refuse("its question is another one than the researcher names")
    with _part("its question"):
        query = _query(parts.model.query, researcher, trust=trust, at=at)
    # 5. The dictionary is the one that the question was written against.
    with _part("its dictionary"):
        dictionary = verify_dictionary(
            parts.dictionary, dataset=query.dataset, digest=query.dictionary, trust=trust, at=at
        )
    # 6. All hospitals that took part have signed the answer that the statement names.
    if canonical.digest(parts.model.answer.payload) != statement.answer:
        _refuse("its answer is another one than the researcher names")
    with _part("its answer"):
        asked = _asked(parts.model, query, trust=trust, at=at, pins=pins)
    # 7. It brings the evaluations that the statement names, and no others.
    found = tuple(canonical.digest(each.answer.payload) for each in parts.evaluations)
    if found != statement.evaluations:
        _refuse("its evaluations are other ones than the researcher names")
    with _part("an evaluation"):
        evaluations = tuple(
            _evaluation(each, asked, researcher, trust=trust, at=at, pins=pins)
            for each in parts.evaluations
        )
    return Package(
        canonical.digest(data),
        researcher,
        statement,
        dictionary,
        asked,
        evaluations,
        {member.id: key for member, key in keys_of(parts.model.answer).items()},
    )


def check_called(package: Package, name: str) -> Package:
    """Return a model that was asked for by its name, if it is the one.

    Raises
    ------
    WardnetError
        `MODEL_ALTERED`.
    """
    if package.statement.name != name:
        _refuse(f"it is called {package.statement.name}, and {name} was asked for")
    return package


def _check_network(envelope: Envelope, trust: Trust) -> None:
    """Name the network that a model says it is of, where it is another one.

    Who altered it can make it say anything; `verify` believes the root alone.
    """
    for signature in envelope.signatures:
        try:
            network = check_name(network_of(read_certificate(signature.certificates[1])))
        except (WardnetError, ValueError):
            continue  # `verify` says what is wrong with it
        if network != trust.network:
            raise WardnetError(Reason.MODEL_FOREIGN, identity=network)


def _researcher(envelope: Envelope, kind: str, *, trust: Trust, at: datetime) -> Member:
    members = verify(envelope, payload_type=kind, trust=trust, at=at)
    if [member.role for member in members] != [Role.RESEARCHER]:
        _refuse("it is not signed by one researcher")
    return members[0]


def _query(envelope: Envelope, researcher: Member, *, trust: Trust, at: datetime) -> Query:
    if _researcher(envelope, queries.PAYLOAD_TYPE, trust=trust, at=at) != researcher:
        _refuse("it is somebody else's")
    query = queries.from_bytes(envelope.payload)
    if (query.network, query.researcher) != (researcher.network, researcher.id):
        _refuse("it is asked in another name")
    return query


def _asked(
    parts: Answered, query: Query, *, trust: Trust, at: datetime, pins: Mapping[str, str]
) -> Asked:
    digest = canonical.digest(parts.query.payload)
    answer = verify_answer(parts.answer, query=query, digest=digest, trust=trust, at=at, pins=pins)
    if answer.table is None:
        _refuse("the hospitals have released nothing")
    return Asked(query, answer, answer.table)


def _evaluation(
    parts: Answered,
    model: Asked,
    researcher: Member,
    *,
    trust: Trust,
    at: datetime,
    pins: Mapping[str, str],
) -> Asked:
    query = _query(parts.query, researcher, trust=trust, at=at)
    asked = _asked(parts, query, trust=trust, at=at, pins=pins)
    if query.method != EVALUATION or not _is_about(query, model):
        _refuse("it is of another model")
    return asked


def _is_about(query: Query, model: Asked) -> bool:
    """Say whether an evaluation was asked of this very model."""
    stated = {
        "method": model.query.method,
        "version": model.query.method_version,
        "parameters": model.query.parameters,
        "table": _TABLE.dump_python(model.table, mode="json"),
    }
    return canonical.encode(query.parameters.get("model")) == canonical.encode(stated)


@contextmanager
def _part(name: str) -> Iterator[None]:
    """Say which part of a model it is that does not hold."""
    try:
        yield
    except WardnetError as error:
        if error.reason in {Reason.MODEL_FOREIGN, Reason.MODEL_ALTERED}:
            raise
        rule = error.details.get("rule", str(error))
        raise WardnetError(Reason.MODEL_ALTERED, rule=f"{name}: {rule}") from error


def _refuse(rule: str) -> NoReturn:
    raise WardnetError(Reason.MODEL_ALTERED, rule=rule)
