"""What patients' data may be used for: purposes in the words of GA4GH's Data Use Ontology (DUO).

A purpose is one permission and any number of modifiers, each a restriction or a duty. One purpose
lies within another when everything that it covers is covered there, and it bears every modifier of
the wider one. The codes are those of one pinned release, so that a new release never changes what
was signed.

Two modifiers of the release are left out. "Not for profit, non commercial use only" (DUO:0000018)
is written as its two halves. "Clinical care use" (DUO:0000043) widens instead of restricting, and
no answer of a network is used for the care of a patient.

References
----------
Data Use Ontology, release 2021-02-23, approved by GA4GH as DUO v1.0, CC BY 4.0,
http://purl.obolibrary.org/obo/duo/releases/2021-02-23/duo.owl; its list of codes is
https://github.com/EBISPOT/DUO/blob/master/duo.csv. What lies within what: the definitions there,
and "Research Purpose to Query" in that repository's README.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import StringConstraints, model_validator
from pydantic.dataclasses import dataclass

from wardnet.question.dictionary import STRICT
from wardnet.question.fields import InOrder

VOCABULARY: Final = "2021-02-23"
"""The pinned release of the ontology."""

Vocabulary: TypeAlias = Literal["2021-02-23"]

Disease: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*:[A-Za-z0-9_.-]+$", max_length=64)
]
"""A disease as prefix and code, for example MONDO:0005267, heart disorder."""


class Permission(StrEnum):
    """Name the one thing that a use is for."""

    NRES = "DUO:0000004"
    GRU = "DUO:0000042"
    HMB = "DUO:0000006"
    DS = "DUO:0000007"
    POA = "DUO:0000011"


class Modifier(StrEnum):
    """Name a restriction or a duty of a use.

    TS, US, PS and IS take their values from the study: its end, people and organisations. What GS,
    MOR, RS and RTN mean in a case is said in the study's summary and the agreement's conditions.
    """

    RS = "DUO:0000012"
    NMDS = "DUO:0000015"
    GSO = "DUO:0000016"
    PUB = "DUO:0000019"
    COL = "DUO:0000020"
    IRB = "DUO:0000021"
    GS = "DUO:0000022"
    MOR = "DUO:0000024"
    TS = "DUO:0000025"
    US = "DUO:0000026"
    PS = "DUO:0000027"
    IS = "DUO:0000028"
    RTN = "DUO:0000029"
    NPOA = "DUO:0000044"
    NPU = "DUO:0000045"
    NCU = "DUO:0000046"


LABELS: Final[Mapping[Permission | Modifier, str]] = MappingProxyType(
    {
        Permission.NRES: "no restriction",
        Permission.GRU: "general research use",
        Permission.HMB: "health or medical or biomedical research",
        Permission.DS: "disease specific research",
        Permission.POA: "population origins or ancestry research only",
        Modifier.RS: "research specific restrictions",
        Modifier.NMDS: "no general methods research",
        Modifier.GSO: "genetic studies only",
        Modifier.PUB: "publication required",
        Modifier.COL: "collaboration required",
        Modifier.IRB: "ethics approval required",
        Modifier.GS: "geographical restriction",
        Modifier.MOR: "publication moratorium",
        Modifier.TS: "time limit on use",
        Modifier.US: "user specific restriction",
        Modifier.PS: "project specific restriction",
        Modifier.IS: "institution specific restriction",
        Modifier.RTN: "return to database or resource",
        Modifier.NPOA: "population origins or ancestry research prohibited",
        Modifier.NPU: "not for profit organisation use only",
        Modifier.NCU: "non-commercial use only",
    }
)
"""The ontology's own words for every code."""

_WITHIN: Final[Mapping[Permission, frozenset[Permission]]] = MappingProxyType(
    {
        Permission.NRES: frozenset({Permission.NRES}),
        Permission.GRU: frozenset({Permission.GRU, Permission.NRES}),
        Permission.HMB: frozenset({Permission.HMB, Permission.GRU, Permission.NRES}),
        Permission.DS: frozenset(
            {Permission.DS, Permission.HMB, Permission.GRU, Permission.NRES},
        ),
        Permission.POA: frozenset({Permission.POA, Permission.GRU, Permission.NRES}),
    }
)
"""Every permission with those that cover it; health research does not cover ancestry (POA)."""


@dataclass(frozen=True, config=STRICT)
class Purpose:
    """State what something is for.

    Parameters
    ----------
    vocabulary : str
        Release of the ontology; `VOCABULARY`.
    permission : Permission
        What it is for.
    diseases : tuple of str
        Which diseases, by their codes; sorted; at least one for DS, none otherwise. A kind of a
        disease is a disease of its own: name both where both are meant.
    modifiers : tuple of Modifier
        The restrictions and duties that go with it; sorted by code.
    """

    vocabulary: Vocabulary
    permission: Permission
    diseases: InOrder[Disease]
    modifiers: InOrder[Modifier]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.diseases) != (self.permission is Permission.DS):
            message = f"diseases are named for {Permission.DS} and for nothing else"
            raise ValueError(message)
        return self


def excess(purpose: Purpose, wider: Purpose) -> Iterator[str]:
    """Yield, in words, every way in which `purpose` does not lie within `wider`.

    Examples
    --------
    >>> any_research = Purpose(VOCABULARY, Permission.GRU, (), ())
    >>> of_health = Purpose(VOCABULARY, Permission.HMB, (), (Modifier.NCU,))
    >>> list(excess(of_health, any_research))
    []
    >>> for words in excess(any_research, of_health):
    ...     print(words)
    general research use goes beyond health or medical or biomedical research
    non-commercial use only is a condition (DUO:0000046)
    """
    if wider.permission not in _WITHIN[purpose.permission]:
        yield f"{LABELS[purpose.permission]} goes beyond {LABELS[wider.permission]}"
    elif wider.diseases:
        for disease in sorted(set(purpose.diseases) - set(wider.diseases)):
            yield f"{disease} is not one of the diseases"
    for modifier in sorted(set(wider.modifiers) - set(purpose.modifiers)):
        yield f"{LABELS[modifier]} is a condition ({modifier})"
