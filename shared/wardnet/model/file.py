"""The file of a model: canonical JSON that carries signed statements to the byte.

Nothing in it is believed before `package.read` has verified it. A statement's payload stands in it
as text, certificates and signatures as hexadecimal digits: a file has one spelling.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import MAXIMUM_SIGNATURES, Envelope, Signature
from wardnet.question.dictionary import STRICT

SUFFIX: Final = ".wardnet"
"""How the files are called."""

MAXIMUM_BYTES: Final = 64 << 20
"""Of a file."""

MOST_EVALUATIONS: Final = 64

_Hex: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^([0-9a-f]{2})+$", max_length=2 * 8192)
]


@dataclass(frozen=True, slots=True)
class Answered:
    """Hold a signed question and its signed answer.

    Parameters
    ----------
    query, answer : Envelope
        As the researcher and the hospitals signed them.
    """

    query: Envelope
    answer: Envelope


@dataclass(frozen=True, slots=True)
class Parts:
    """Hold what a file carries, not yet verified.

    Parameters
    ----------
    statement : Envelope
        The researcher's words.
    dictionary : Envelope
        What the columns mean, as a hospital signed it.
    model : Answered
        The question and the answer that is the model.
    evaluations : tuple of Answered
        How well it predicts.
    """

    statement: Envelope
    dictionary: Envelope
    model: Answered
    evaluations: tuple[Answered, ...] = ()


@checked(frozen=True, config=STRICT, kw_only=True)
class _Signature:
    certificates: Annotated[tuple[_Hex, ...], Field(min_length=2, max_length=2)]
    signature: _Hex


@checked(frozen=True, config=STRICT, kw_only=True)
class _Envelope:
    payload_type: Annotated[str, StringConstraints(max_length=100)]
    payload: str
    signatures: Annotated[tuple[_Signature, ...], Field(max_length=MAXIMUM_SIGNATURES)]


@checked(frozen=True, config=STRICT, kw_only=True)
class _Answered:
    query: _Envelope
    answer: _Envelope


@checked(frozen=True, config=STRICT, kw_only=True)
class _File:
    version: Literal[1]
    statement: _Envelope
    dictionary: _Envelope
    model: _Answered
    evaluations: Annotated[tuple[_Answered, ...], Field(max_length=MOST_EVALUATIONS)]


_ADAPTER: Final = TypeAdapter(_File)


def write(parts: Parts) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    WardnetError
        `MODEL_UNREADABLE` when it would be too long.
    """
    data = canonical.write(
        _ADAPTER,
        _File(
            version=1,
            statement=_to_file(parts.statement),
            dictionary=_to_file(parts.dictionary),
            model=_answered(parts.model),
            evaluations=tuple(map(_answered, parts.evaluations)),
        ),
    )
    check_size(len(data))
    return data


def parse(data: bytes) -> Parts:
    """Read a file, without believing it.

    Raises
    ------
    WardnetError
        `MODEL_UNREADABLE`.
    """
    # 1. No longer than a model may be, whole, and nothing that another program would run.
    check_size(len(data))
    if not data.startswith(b"{"):
        _refuse(
            "it does not begin like one; pickles, arrays and archives are never opened here, "
            "because they can run as programs"
        )
    if not data.endswith(b"}"):
        _refuse("its end is missing")
    # 2. One spelling of the fields that there are, and no others.
    try:
        file = canonical.read(_ADAPTER, data, maximum_bytes=MAXIMUM_BYTES)
    except WardnetError as error:
        rule = f"it is damaged at {error.details['field']}, {error.details['rule']}"
        raise WardnetError(Reason.MODEL_UNREADABLE, rule=rule) from error
    return Parts(
        statement=_from_file(file.statement),
        dictionary=_from_file(file.dictionary),
        model=_from_answered(file.model),
        evaluations=tuple(map(_from_answered, file.evaluations)),
    )


def is_path(named: str) -> bool:
    """Say whether somebody means a file and not a published model."""
    return named.endswith(SUFFIX) or Path(named).is_file()


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a model's file; of one that is too long only the beginning.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAXIMUM_BYTES + 1)
    except OSError as error:
        raise WardnetError(
            Reason.FILE_UNREADABLE, file=str(path), rule=error.strerror or "it is no file"
        ) from error


def check_size(size: int) -> None:
    """Refuse a file of more than `MAXIMUM_BYTES`.

    Raises
    ------
    WardnetError
        `MODEL_UNREADABLE`.
    """
    if size > MAXIMUM_BYTES:
        _refuse(f"it is longer than {MAXIMUM_BYTES >> 20} MiB")


def _to_file(envelope: Envelope) -> _Envelope:
    return _Envelope(
        payload_type=envelope.payload_type,
        payload=envelope.payload.decode(),
        signatures=tuple(
            _Signature(
                certificates=tuple(each.hex() for each in signature.certificates),
                signature=signature.signature.hex(),
            )
            for signature in envelope.signatures
        ),
    )


def _from_file(envelope: _Envelope) -> Envelope:
    signatures = tuple(
        Signature(tuple(map(bytes.fromhex, each.certificates)), bytes.fromhex(each.signature))
        for each in envelope.signatures
    )
    return Envelope(envelope.payload_type, envelope.payload.encode(), signatures)


def _answered(parts: Answered) -> _Answered:
    return _Answered(query=_to_file(parts.query), answer=_to_file(parts.answer))


def _from_answered(parts: _Answered) -> Answered:
    return Answered(_from_file(parts.query), _from_file(parts.answer))


def _refuse(rule: str) -> NoReturn:
    raise WardnetError(Reason.MODEL_UNREADABLE, rule=rule)
