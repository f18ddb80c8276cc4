"""What proves that the model of a question is an answer of this network.

A question holds its model in clear, so the proof holds only what else was signed: the rest of the
question that fitted it, the rest of its answer, certificates and signatures. Whoever checks it puts
the model back to where it was: nothing is sent twice, and what was changed breaks a signature.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, NoReturn, TypeAlias, cast

from pydantic import Field, JsonValue, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import MAXIMUM_SIGNATURES, Envelope, Signature, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.model.file import Answered
from wardnet.model.signed import keys_of, verify_answer
from wardnet.question import answer as answers
from wardnet.question import query as queries
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Query

_Base64: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=12288)
]


@checked(frozen=True, config=STRICT, kw_only=True)
class _Signature:
    certificate: _Base64
    issuer: Annotated[int, Field(ge=0)]
    signature: _Base64


_Signatures: TypeAlias = Annotated[tuple[_Signature, ...], Field(max_length=MAXIMUM_SIGNATURES)]


@checked(frozen=True, config=STRICT, kw_only=True)
class _Proof:
    """Hold texts of canonical JSON, and every issuer's certificate once."""

    query: str
    answer: str
    issuers: Annotated[tuple[_Base64, ...], Field(max_length=MAXIMUM_SIGNATURES)]
    asked: _Signatures
    answered: _Signatures


_ADAPTER: Final = TypeAdapter(_Proof)


@dataclass(frozen=True, slots=True)
class Proven:
    """Hold what a proof shows.

    Parameters
    ----------
    query : Query
        The question that fitted the model, verified.
    keys : Mapping of Member to str
        Every hospital's node that has signed the answer, and the fingerprint of its key.
    """

    query: Query
    keys: Mapping[Member, str]


def prove(model: Answered) -> JsonValue:
    """Return what stands beside a model in a question.

    Parameters
    ----------
    model : Answered
        The question that fitted it and its answer, both verified.
    """
    envelopes = (model.query, model.answer)
    issuers = sorted({each.certificates[1] for of in envelopes for each in of.signatures})
    asked, answered = (_written(envelope, issuers) for envelope in envelopes)
    proof = _Proof(
        query=_without(model.query, ("method", "method_version", "parameters")),
        answer=_without(model.answer, ("method", "method_version", "table")),
        issuers=tuple(b64encode(each).decode() for each in issuers),
        asked=asked,
        answered=answered,
    )
    written: JsonValue = _ADAPTER.dump_python(proof, mode="json")
    return written


def verify_proof(
    model: Mapping[str, JsonValue], proof: JsonValue, *, trust: Trust, at: datetime
) -> Proven:
    """Return what shows that hospitals of the network have answered with a model.

    Parameters
    ----------
    model : Mapping of str to JSON
        `method`, `version`, `parameters` and `table`, as a question holds it.
    proof : JSON
        Of `prove`.
    trust : Trust
        Our network.
    at : datetime
        When the signers' certificates must be valid.

    Raises
    ------
    WardnetError
        `MODEL_UNPROVEN`.
    """
    if proof is None:
        unproven("its question brings no signatures")
    signed = _read(model, proof)
    # 1. One researcher has signed the question, in their own name.
    try:
        members = verify(signed.query, payload_type=queries.PAYLOAD_TYPE, trust=trust, at=at)
        query = queries.from_bytes(signed.query.payload)
    except WardnetError as error:
        unproven(f"the question that fitted it is not as it was signed ({_rule(error)})")
    named = Member(query.network, Role.RESEARCHER, query.researcher)
    if members != (named,):
        unproven("the question that fitted it is not signed by the researcher whom it names")
    # 2. All hospitals that took part have signed the answer, which is to this question.
    digest = canonical.digest(signed.query.payload)
    try:
        verify_answer(signed.answer, query=query, digest=digest, trust=trust, at=at)
    except WardnetError as error:
        unproven(f"the answer is not what hospitals have signed ({_rule(error)})")
    return Proven(query, keys_of(signed.answer))


def unproven(rule: str) -> NoReturn:
    """Raise `MODEL_UNPROVEN`."""
    raise WardnetError(Reason.MODEL_UNPROVEN, rule=rule)


def _without(envelope: Envelope, fields: tuple[str, ...]) -> str:
    """Return the signed statement without the fields that the model holds."""
    read = canonical.decode(envelope.payload, maximum_bytes=answers.MAXIMUM_BYTES)
    statement = cast("dict[str, JsonValue]", read)  # verified: a query or an answer
    rest = {name: value for name, value in statement.items() if name not in fields}
    return canonical.encode(rest).decode()


def _written(envelope: Envelope, issuers: list[bytes]) -> tuple[_Signature, ...]:
    return tuple(
        _Signature(
            certificate=b64encode(each.certificates[0]).decode(),
            issuer=issuers.index(each.certificates[1]),
            signature=b64encode(each.signature).decode(),
        )
        for each in envelope.signatures
    )


def _read(model: Mapping[str, JsonValue], proof: JsonValue) -> Answered:
    """Put the model back into the statements, without believing them."""
    method = {"method": model["method"], "method_version": model["version"]}
    try:
        read = canonical.read(_ADAPTER, canonical.encode(proof))
        asked = _whole(read.query, {**method, "parameters": model["parameters"]})
        answer = _whole(read.answer, {**method, "table": model["table"]})
        issuers = [b64decode(each, validate=True) for each in read.issuers]
        return Answered(
            Envelope(queries.PAYLOAD_TYPE, asked, _signatures(read.asked, issuers)),
            Envelope(answers.PAYLOAD_TYPE, answer, _signatures(read.answered, issuers)),
        )
    except (WardnetError, ValueError, IndexError):
        unproven("its signatures cannot be read")


def _whole(text: str, fields: Mapping[str, JsonValue]) -> bytes:
    rest = canonical.decode(text.encode())
    if not isinstance(rest, dict):
        unproven("its signatures cannot be read")
    return canonical.encode({**rest, **fields})


def _signatures(written: _Signatures, issuers: list[bytes]) -> tuple[Signature, ...]:
    return tuple(
        Signature(
            (b64decode(each.certificate, validate=True), issuers[each.issuer]),
            b64decode(each.signature, validate=True),
        )
        for each in written
    )


def _rule(error: WardnetError) -> str:
    return str(error.details.get("rule", error))
