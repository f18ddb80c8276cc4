"""What a researcher states about a model: what it is for, and where its limits are."""

from typing import Final

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.clock import Moment
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Layout, Note, Paragraph
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.model.v1+json"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Statement:
    """Tie a model's parts together, with the words of the researcher who asked for it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    name : str
        What the model is called in its network.
    title : str
        Title of the study that it was asked under; nothing where that is not told.
    intended_use, limits : str
        For people: what it is for, and where it must not be used.
    query, answer : str
        Digests of the signed question and of the signed answer that is the model.
    evaluations : tuple of str
        Digests of the answers that say how well it predicts, in their order.
    made : str
        When it was signed.
    """

    version: Layout
    name: Id
    title: Note
    intended_use: Paragraph
    limits: Paragraph
    query: Digest
    answer: Digest
    evaluations: tuple[Digest, ...]
    made: Moment


_ADAPTER: Final = TypeAdapter(Statement)
_NAME: Final = TypeAdapter(Id)
_WORDS: Final = TypeAdapter(Paragraph)


def check_name(name: str) -> str:
    """Return a name that a model can have.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.validated(lambda: _NAME.validate_python(name))


def to_bytes(statement: Statement) -> bytes:
    """Return the canonical bytes that the researcher signs."""
    return canonical.write(_ADAPTER, statement)


def from_bytes(data: bytes) -> Statement:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)
