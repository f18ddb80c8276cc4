"""What hospitals would do with a question."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wardnet.canonical import Json
from wardnet.client.listing import Listing
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


def verdicts(items: Iterable[Verdict]) -> Listing[Verdict]:
    """List what hospitals would do, sorted by hospital."""
    return Listing(
        "what each hospital would do",
        sorted(items, key=lambda each: each.hospital),
        record=_record,
        shown=_shown,
    )


def _record(verdict: Verdict) -> Mapping[str, Json]:
    return {
        "hospital": verdict.hospital,
        "would": verdict.would,
        "reasons": [{"reason": cause.reason.value, "why": str(cause)} for cause in verdict.causes],
    }


def _shown(verdict: Verdict) -> Mapping[str, str]:
    return {
        "hospital": verdict.hospital,
        "would": verdict.would,
        "why": " ".join(map(str, verdict.causes)),
    }
