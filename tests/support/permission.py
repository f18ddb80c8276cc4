"""What a hospital has against a request, for the tests of what it permits."""

from dataclasses import replace

from support.studies import (
    AT,
    REQUEST,
    VIEW,
    held,
    resting_on,
)
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.permission import Request, judge
from wardnet.agreement.view import View
from wardnet.errors import Reason


def refusals(
    request: Request = REQUEST, view: View = VIEW, **times: object
) -> list[tuple[Reason, str]]:
    """Return the reasons against a request, each with the field, column or rule that it names."""
    found = judge(request, view=view, **{"at": AT, **times})  # type: ignore[arg-type]
    named = ("field", "column")
    return [
        (error.reason, next((error.details[name] for name in named if name in error.details), ""))
        for error in found
    ]


def under(agreement: Agreement, **parts: object) -> tuple[Request, View]:
    """Return the usual request and view, resting on another agreement."""
    return resting_on(agreement), replace(VIEW, agreements=(held(agreement, **parts),))
