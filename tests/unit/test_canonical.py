"""Canonical JSON has one spelling, and foreign bytes are refused before they can hurt."""

import json

import pytest
from pydantic import TypeAdapter

from wardnet import canonical
from wardnet.errors import Reason, WardnetError


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -7, 1.5, 1e-7, 1e21, "é", "\u2028", [], {}, {"b": [1, {"a": None}], "a": ""}],
)
def test_what_is_encoded_decodes_to_the_same_value(value: object) -> None:
    """Every JSON value survives the round trip."""
    assert canonical.decode(canonical.encode(value)) == value


@pytest.mark.parametrize("value", [2.0**53, -(2.0**53), 1e17, 123456789012345680.0, 1e20, 1e300])
def test_a_large_double_stays_one(value: float) -> None:
    """It is written without an exponent, and read as the double that it was."""
    data = canonical.encode([value, 2**53 - 1])
    for found in (canonical.decode(data), canonical.read(TypeAdapter(list[int | float]), data)):
        assert found == [value, 2**53 - 1]
        assert isinstance(found, list)
        assert [type(item) for item in found] == [float, int]
        assert canonical.encode(found) == data


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"b":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b"9007199254740993",
        b"1" + b"0" * 21,
        b"1" + b"0" * 400,
        b"1" * 5000,
        b'{"a":1}\n',
        b'"\\u0041"',
        b"\xff",
        b"",
        b"{",
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000 + b"]" * 100_000,
        b'"' + b"a" * canonical.MAXIMUM_BYTES + b'"',
        b'"\\ud800"',
    ],
    ids=lambda data: repr(data[:12]),
)
def test_bytes_that_two_parsers_could_read_differently_are_refused(data: bytes) -> None:
    """Duplicates, NaN, other spellings, depth, length and broken text are all malformed."""
    with pytest.raises(WardnetError) as caught:
        canonical.decode(data)
    assert caught.value.reason is Reason.MALFORMED


def test_brackets_inside_strings_do_not_count_as_nesting() -> None:
    """Only structure is bounded, not text."""
    text = '["\\"' * 50
    assert canonical.decode(canonical.encode(text)) == text


def test_a_typed_read_names_the_field_and_never_the_value() -> None:
    """A refusal helps without repeating what was sent."""
    adapter = TypeAdapter(dict[str, int])
    with pytest.raises(WardnetError, match="at age") as caught:
        canonical.read(adapter, json.dumps({"age": "Smith"}, separators=(",", ":")).encode())
    assert "Smith" not in str(caught.value)
