"""Canonical JSON (RFC 8785): one value, one sequence of bytes.

Everything signed or logged is written with `encode` and kept as exact bytes. `decode` reads bytes
from another party: it refuses what two parsers could read differently.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Final, NoReturn, TypeAlias, TypeVar

import rfc8785
from pydantic import TypeAdapter, ValidationError

from wardnet.errors import Reason, WardnetError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
T = TypeVar("T")

MAXIMUM_BYTES: Final = 1 << 20
MAXIMUM_DEPTH: Final = 32

_FIRST_FLOAT: Final = 1 << 53
"""From here on not every integer is a double, and RFC 8785 writes doubles only."""


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal characters."""
    return hashlib.sha256(data).hexdigest()


def encode(value: object) -> bytes:
    """Return the canonical bytes of a JSON value (RFC 8785)."""
    return rfc8785.dumps(value)  # type: ignore[arg-type]


def decode(data: bytes, *, maximum_bytes: int = MAXIMUM_BYTES) -> Json:
    """Parse canonical JSON and nothing else.

    A whole number is an int below 2**53 and a float from there on, as it was before `encode`.

    Parameters
    ----------
    data : bytes
        At most `maximum_bytes`, nested at most `MAXIMUM_DEPTH` deep.

    Raises
    ------
    WardnetError
        `MALFORMED` for duplicate keys, NaN, infinities, other encodings of the same value, too
        much nesting or length, or no JSON at all.
    """
    # 1. Bound the work before any parser sees the bytes.
    if len(data) > maximum_bytes:
        _refuse(f"longer than {maximum_bytes} bytes")
    if _depth(data) > MAXIMUM_DEPTH:
        _refuse(f"nested deeper than {MAXIMUM_DEPTH}")
    # 2. Parse strictly.
    try:
        value: Json = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_without_duplicates,
            parse_int=_number,
            parse_constant=_refuse_constant,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, WardnetError):
            raise
        raise WardnetError(Reason.MALFORMED, field="document", rule="not JSON") from error
    # 3. Only the canonical spelling of the value counts.
    try:
        canonical = encode(value)
    except (rfc8785.CanonicalizationError, ValueError, UnicodeEncodeError) as error:
        raise WardnetError(Reason.MALFORMED, field="document", rule="not representable") from error
    if canonical != data:
        _refuse("not canonical")
    return value


def write(adapter: TypeAdapter[T], value: T) -> bytes:
    """Return the canonical bytes of a typed value."""
    return encode(adapter.dump_python(value, mode="json"))


def read(adapter: TypeAdapter[T], data: bytes, *, maximum_bytes: int = MAXIMUM_BYTES) -> T:
    """Parse canonical bytes into a typed value, refusing unknown fields and wrong types.

    Parameters
    ----------
    maximum_bytes : int
        As `decode` takes it.

    Raises
    ------
    WardnetError
        `MALFORMED`, naming the field, never its value.
    """
    value = decode(data, maximum_bytes=maximum_bytes)
    text = json.dumps(value)  # in which a float is told from an int, other than in `data`
    return validated(lambda: adapter.validate_json(text, strict=True))


def validated(make: Callable[[], T]) -> T:
    """Run `make`, turning a pydantic refusal into `MALFORMED` without the offending value."""
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "document"
        raise WardnetError(Reason.MALFORMED, field=field, rule=first["msg"]) from None


def _depth(data: bytes) -> int:
    """Return the deepest nesting of brackets outside strings."""
    depth = deepest = 0
    inside = escaped = False
    for byte in data:
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        _refuse("a key stands twice")
    return value


def _number(text: str) -> int | float:
    number = int(text)
    return number if abs(number) < _FIRST_FLOAT else float(text)


def _refuse_constant(_: str) -> NoReturn:
    _refuse("NaN and infinities are not allowed")


def _refuse(rule: str) -> NoReturn:
    raise WardnetError(Reason.MALFORMED, field="document", rule=rule)
