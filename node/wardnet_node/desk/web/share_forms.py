"""What a steward fills in about a share: the terms of a grant, with a sentence at each field."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import NUMBERS, TIMES, Column, ColumnType, Dictionary
from wardnet.sharing.deidentification import Patient, Rule
from wardnet.sharing.grant import MOST_FETCHES
from wardnet.sharing.request import ShareRequest
from wardnet_node.desk.shares.terms import Terms, rule_of
from wardnet_node.desk.web.fields import Fields
from wardnet_node.desk.web.web import text, texts

LABELS: Final[Mapping[str, str]] = {
    "hours": "For how many hours",
    "fetches": "How often it may be fetched",
    "where": "Only these patients",
    "group": "Smallest group",
    "obligations": "Obligations",
    "columns": "Columns",
    "patient": "Numbers of the patients",
}
"""What the fields are called on the page; columns are called by their names."""

_SPANS: Final = (
    ("year", "only the year"),
    ("month", "only the month"),
    ("week", "only the week"),
    ("shift", "shifted by up to … days"),
)
_CAP: Final = ("cap", "what is far out counts as a limit")


@dataclass(slots=True)
class TermsForm(Fields):
    """Hold the form of a grant's terms; `errors` by field or column.

    Parameters
    ----------
    rules : dict of str to (str, str)
        By column: the rule that is chosen, and what is written beside it.
    quasi : frozenset of str
        Columns that are ticked.
    """

    rules: dict[str, tuple[str, str]]
    quasi: frozenset[str] = frozenset()


def of_column(name: str) -> str:
    """Return under which name the errors of a column stand; no field is called so."""
    return f"column-{name}"


def choices(column: Column | None) -> tuple[tuple[str, str], ...]:
    """Return the rules that a column can have, and what they are called."""
    found: list[tuple[str, str]] = []
    if column is not None and column.type in TIMES:
        found = [*_SPANS, _CAP]
    elif column is not None and column.type in NUMBERS:
        found = [("band", "bands as wide as …"), _CAP]
    elif column is not None and column.type is ColumnType.CATEGORY:
        found = [("prefix", "only the first … characters")]
    return (("keep", "as it is"), *found, ("drop", "leave it out"))


def whole_form(request: ShareRequest) -> TermsForm:
    """Fill the form in with all that was asked for, under pseudonyms."""
    return TermsForm(
        values={
            "hours": str(request.hours),
            "fetches": "1",
            "where": "",
            "group": "",
            "obligations": "",
            "patient": "",
        },
        rules=dict.fromkeys(request.columns, ("keep", "")),
    )


def terms_from(
    data: FormData, request: ShareRequest, dictionary: Dictionary | None
) -> tuple[TermsForm, Terms]:
    """Read what was filled in; the terms count only where the form has no errors."""
    form = TermsForm(
        values={name: text(data, name) for name in whole_form(request).values},
        rules={
            name: (text(data, f"rule-{name}"), text(data, f"value-{name}"))
            for name in request.columns
        },
        quasi=frozenset(texts(data, "quasi")) & frozenset(request.columns),
    )
    rules = {name: _rule(form, name) for name in request.columns}
    patient = form.values["patient"]
    group = form.whole("group", most=1_000_000) if form.values["group"] else None
    if group and group > 1 and not form.quasi:
        form.wrong("group", "tick the columns that the groups are formed by")
    return form, Terms(
        rules=rules,
        patient=Patient(patient) if patient in set(Patient) else None,
        quasi_identifiers=sorted(form.quasi),
        minimum_group=group or 1,
        hours=_hours(form, request),
        fetches=form.whole("fetches", most=MOST_FETCHES) or 1,
        cohort=form.cohort("where", dictionary),
        obligations=form.lines("obligations"),
    )


def blame(form: TermsForm, error: WardnetError) -> None:
    """Say at its field what terms could not be; what belongs to none is raised."""
    details = error.details
    match error.reason:
        case Reason.DEIDENTIFICATION_INVALID:
            name = details["column"]
            form.wrong(of_column(name) if name in form.rules else "group", details["rule"])
        case Reason.SHARE_TOO_WIDE:
            fields = {"until": "hours", "cohort": "where"}
            name = fields.get(details["field"], details["field"])
            form.wrong(name if name in LABELS else "columns", details["rule"])
        case Reason.SHARE_IDENTIFIERS:
            form.wrong("patient", str(error))
        case Reason.MALFORMED:
            form.wrong("obligations", "characters that are not shown cannot stand here")
        case _:
            raise error


def _rule(form: TermsForm, name: str) -> Rule | None:
    word, value = form.rules[name]
    try:
        return rule_of(f"{word} {value}" if word not in {"keep", "drop"} else word, column=name)
    except WardnetError as error:
        asked = {
            "band": "write how wide, for example 10",
            "prefix": "write how many, for example 3",
        }
        asked |= {"shift": "write how many days, for example 30"}
        asked |= {"cap": "write limits, for example 18..90 or ..90"}
        form.wrong(of_column(name), asked.get(word, error.details["rule"]))
        return None


def _hours(form: TermsForm, request: ShareRequest) -> float | None:
    with suppress(ValueError):
        hours = float(form.values["hours"].replace(",", "."))
        if math.isfinite(hours) and 0 < hours <= request.hours:
            return hours
    form.wrong("hours", f"a number above 0, at most {request.hours} as was asked for")
    return None
