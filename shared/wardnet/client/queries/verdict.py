"""What hospitals would do with a question."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wardnet.canonical import Json
from wardnet.client.printing.listing import Listing
from wardnet.client.printing.sheet import Sheet
from wardnet.errors import WardnetError


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hold what one hospital would do.

    Parameters
    ----------
    hospital : str
        Its id.
    away : bool
        Whether it could not be asked.
    causes : tuple of WardnetError
        Every reason against the question; empty when the hospital would answer.
    """

    hospital: str
    away: bool
    causes: tuple[WardnetError, ...]

    @property
    def would(self) -> str:
        """Return it in one word."""
        if self.away:
            return "away"
        return "refuse" if self.causes else "answer"


class Verdicts(Listing[Verdict]):
    """Hold what every hospital would do, sorted by hospital; prints as a table.

    Parameters
    ----------
    question : str
        What would be asked, in one line.
    items : Iterable of Verdict
        One per hospital.
    """

    def __init__(self, question: str, items: Iterable[Verdict]) -> None:
        super().__init__(
            f"{question}: what each hospital would do",
            sorted(items, key=lambda each: each.hospital),
            record=_record,
            shown=_shown,
        )

    def sheet(self) -> Sheet:
        """Return the table as a person sees it: a line per reason."""
        rows = [
            (*(("", "") if number else (each.hospital, each.would)), why)
            for each in self
            for number, why in enumerate(_reasons(each))
        ]
        return Sheet(self.title, ("hospital", "would", "why"), tuple(rows), keys=3)


def _reasons(verdict: Verdict) -> list[str]:
    if verdict.away:
        return ["It could not be asked."]
    return list(map(str, verdict.causes)) or [""]


def _record(verdict: Verdict) -> Mapping[str, Json]:
    return {
        "hospital": verdict.hospital,
        "would": verdict.would,
        "reasons": [{"reason": cause.reason.value, "why": str(cause)} for cause in verdict.causes],
    }


def _shown(verdict: Verdict) -> Mapping[str, str]:
    why = " ".join(_reasons(verdict))
    return {"hospital": verdict.hospital, "would": verdict.would, "why": why}
