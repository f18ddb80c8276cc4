"""The terms of a grant as a TOML file that a preview writes, and a steward edits."""

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet.errors import Reason
from wardnet.question.cohort import EVERYONE
from wardnet.question.dictionary import STRICT
from wardnet.question.grammar import parse, write
from wardnet.sharing.deidentification import Patient
from wardnet.sharing.grant import Grant
from wardnet.sharing.request import ShareRequest
from wardnet_node.desk.shares.terms import RULES, Terms, rule_of, written
from wardnet_node.intake import toml

_HEADER: Final = """\
# The terms of a grant. Edit them, look at them again with
#   wardnet-node share preview {share} --terms THIS_FILE
# and sign them with
#   wardnet-node share grant {share} --terms THIS_FILE
#
# Asked by {recipient}, for {basis}. Longest time asked for: {hours} hours.
# patient: what becomes of the patients' numbers; drop, pseudonym or keep.
# where: a further condition, as in `wardnet query --where`; "" for none.
# columns: {rules}.
"""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class _File:
    hours: float
    fetches: int
    patient: Patient
    where: str
    quasi_identifiers: tuple[str, ...]
    minimum_group: int
    obligations: tuple[str, ...]
    columns: dict[str, str]


_ADAPTER: Final = TypeAdapter(_File)


def read_terms(path: Path) -> Terms:
    """Read terms.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`; `GRANT_INVALID` naming the file, the field and the rule;
        `DEIDENTIFICATION_INVALID`; `COHORT_SYNTAX`.
    """
    found = toml.read(_ADAPTER, path, patterns={}, invalid=Reason.GRANT_INVALID)
    return Terms(
        rules={name: rule_of(text, column=name) for name, text in found.columns.items()},
        patient=found.patient,
        quasi_identifiers=found.quasi_identifiers,
        minimum_group=found.minimum_group,
        hours=found.hours,
        fetches=found.fetches,
        cohort=parse(found.where) if found.where.strip() else EVERYONE,
        obligations=found.obligations,
    )


def write_terms(request: ShareRequest, grant: Grant, terms: Terms) -> str:
    """Return the file's text for what a preview has shown."""
    rules = {item.name: item.rule for item in grant.deidentification.columns}
    document: dict[str, toml.Toml] = {
        "hours": request.hours if terms.hours is None else terms.hours,
        "fetches": grant.maximum_fetches,
        "patient": grant.deidentification.patient.value,
        "where": "" if terms.cohort == EVERYONE else write(terms.cohort),
        "quasi_identifiers": grant.deidentification.quasi_identifiers,
        "minimum_group": grant.deidentification.minimum_group,
        "obligations": grant.obligations,
        "columns": {name: written(rules.get(name)) for name in request.columns},
    }
    header = _HEADER.format(
        share=request.digest[:12],
        recipient=request.recipient,
        basis=request.basis.value,
        hours=request.hours,
        rules=RULES,
    )
    return header + "\n" + toml.write(document)
