"""What hospitals have agreed to, as far as a query must name it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import JsonValue, TypeAdapter

from wardnet.agreement.purpose import Permission, Purpose, excess


@dataclass(frozen=True, slots=True)
class Permit:
    """Hold what one hospital has agreed to.

    Parameters
    ----------
    agreement : str
        Digest of its agreement.
    purpose : Purpose
        What its data may be used for.
    minimum_patients : int
        Fewest patients that an answer may describe.
    """

    agreement: str
    purpose: Purpose
    minimum_patients: int


@dataclass(frozen=True, slots=True)
class Grant:
    """Hold what a query rests on.

    Parameters
    ----------
    study : str
        Digest of the study.
    permits : Mapping of str to Permit
        By hospital that has agreed and holds the dataset.
    """

    study: str
    permits: Mapping[str, Permit]


def strictest(purposes: Sequence[Purpose]) -> Purpose:
    """Return a purpose that lies within all of several; the first where there is none.

    Parameters
    ----------
    purposes : Sequence of Purpose
        At least one. Where none lies within all, the hospitals refuse it, and say why.
    """
    modifiers = tuple(sorted({modifier for each in purposes for modifier in each.modifiers}))
    named = [set(each.diseases) for each in purposes if each.permission is Permission.DS]
    diseases = tuple(sorted(set.intersection(*named))) if named else ()
    for purpose in purposes:
        if purpose.permission is Permission.DS and not diseases:
            continue
        own = diseases if purpose.permission is Permission.DS else ()
        candidate = replace(purpose, modifiers=modifiers, diseases=own)
        if not any(words for wider in purposes for words in excess(candidate, wider)):
            return candidate
    return purposes[0]


def to_json(purpose: Purpose) -> dict[str, JsonValue]:
    """Return a purpose as a query carries it."""
    fields: dict[str, JsonValue] = _ADAPTER.dump_python(purpose, mode="json")
    return fields


_ADAPTER: Final = TypeAdapter(Purpose)
