"""A study as the coordinator keeps it: what was proposed, and what every hospital has decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from wardnet import clock
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.purpose import excess
from wardnet.agreement.study import Study
from wardnet.canonical import Json
from wardnet.client.printing.sheet import Sheet
from wardnet.question.cohort import Everyone
from wardnet.question.grammar import write

SHORT: Final = 12
"""Characters of an id that people see."""


class Standing(StrEnum):
    """Name what a hospital has decided on a study."""

    WAITING = "waiting"
    AGREED = "agreed"
    DECLINED = "declined"
    REVOKED = "revoked"
    ENDED = "ended"
    INVALID = "invalid"
    """The coordinator delivered something that the hospital did not sign."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Hold what one hospital has decided.

    Parameters
    ----------
    hospital : str
        Its id.
    standing : Standing
        What it has decided.
    agreement : Agreement or None
        What it has signed to allow, also when that has ended; else None.
    why : str
        The reason it gave for declining or revoking, or why its statement is invalid.
    """

    hospital: str
    standing: Standing
    agreement: Agreement | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """Hold one study that names me.

    Parameters
    ----------
    id : str
        Digest of its signed bytes.
    study : Study
        What was proposed.
    submitted : datetime
        When the coordinator got it.
    decisions : tuple of Decision
        One per hospital asked, sorted.
    """

    id: str
    study: Study
    submitted: datetime
    decisions: tuple[Decision, ...]

    @property
    def agreements(self) -> Mapping[str, Agreement]:
        """Return the agreements in force, by hospital."""
        return {
            each.hospital: each.agreement
            for each in self.decisions
            if each.agreement is not None and each.standing is Standing.AGREED
        }

    @property
    def state(self) -> str:
        """Return how far it is in one line, e.g. `2 of 4 agreed, 1 declined`."""
        number = {
            standing: sum(each.standing is standing for each in self.decisions)
            for standing in Standing
        }
        others = [
            f"{count} {standing}"
            for standing, count in number.items()
            if count and standing not in {Standing.AGREED, Standing.WAITING}
        ]
        return ", ".join([f"{number[Standing.AGREED]} of {len(self.decisions)} agreed", *others])

    def sheet(self) -> Sheet:
        """Return the record as a person sees it."""
        study = self.study
        return Sheet(
            f"{study.project.title}: {self.state}",
            ("hospital", "state", "what"),
            tuple(
                (each.hospital, each.standing.value, self._what(each)) for each in self.decisions
            ),
            keys=3,
            notes=(
                *(
                    (f"condition of {each.hospital}", condition)
                    for each in self.decisions
                    if each.agreement is not None
                    for condition in each.agreement.conditions
                ),
                ("dataset", study.data.dataset),
                ("columns", ", ".join(study.data.columns)),
                ("methods", ", ".join(method.name for method in study.output.methods)),
                ("limits", _limits(study)),
                ("researchers", ", ".join(dict.fromkeys(person.id for person in study.people))),
                ("until", day(study.not_after)),
                ("study", self.id),
            ),
        )

    def to_dict(self) -> Mapping[str, Json]:
        """Return the record as JSON."""
        study = self.study
        return {
            "study": self.id,
            "title": study.project.title,
            "dataset": study.data.dataset,
            "submitted": clock.to_moment(self.submitted),
            "until": study.not_after,
            "hospitals": [
                {
                    "hospital": each.hospital,
                    "state": each.standing.value,
                    "agreement": None if each.agreement is None else each.agreement.digest,
                    "narrower": [*self._narrower(each)],
                    "conditions": [] if each.agreement is None else [*each.agreement.conditions],
                    "why": each.why,
                }
                for each in self.decisions
            ],
        }

    def _what(self, decision: Decision) -> str:
        if decision.agreement is None:
            return decision.why
        return "; ".join(self._narrower(decision)) or "as proposed"

    def _narrower(self, decision: Decision) -> Iterator[str]:
        return iter(()) if decision.agreement is None else narrower(decision.agreement, self.study)


def _limits(study: Study) -> str:
    hospitals = _counted(study.setting.minimum_hospitals, "hospital", "hospitals")
    patients, queries = study.output.minimum_patients, _queries(study.output.quota)
    return f"at least {hospitals} and {patients} patients in an answer; at most {queries}"


def _queries(number: int) -> str:
    return _counted(number, "query", "queries")


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def narrower(agreement: Agreement, study: Study) -> Iterator[str]:
    """Yield, in words, everything in which an agreement is narrower than its study.

    Parameters
    ----------
    agreement, study : Agreement, Study
        Within each other, as `agreement.check_within` says.
    """
    without = ", ".join(sorted(set(study.data.columns) - set(agreement.columns)))
    if without:
        yield f"without {without}"
    hidden = ", ".join(sorted(set(study.data.columns) - set(agreement.cohort_columns)))
    if hidden and hidden != without:
        yield f"no conditions on {hidden}"
    methods = ", ".join(
        sorted(method.name for method in set(study.output.methods) - set(agreement.methods))
    )
    if methods:
        yield f"no {methods}"
    if not isinstance(agreement.cohort, Everyone):
        yield f"only where {write(agreement.cohort)}"
    if agreement.minimum_patients > study.output.minimum_patients:
        yield f"at least {agreement.minimum_patients} patients"
    if agreement.minimum_hospitals > study.setting.minimum_hospitals:
        yield f"at least {agreement.minimum_hospitals} hospitals"
    if agreement.quota < study.output.quota:
        yield f"at most {_queries(agreement.quota)}"
    if agreement.until < study.not_after:
        yield f"until {day(agreement.until)}"
    yield from excess(study.project.purpose, agreement.purpose)


def shown(record: StudyRecord) -> Mapping[str, str]:
    """Return a record as a line of the list of studies."""
    return {
        "study": record.id[:SHORT],
        "submitted": record.submitted.astimezone().strftime("%Y-%m-%d %H:%M"),
        "dataset": record.study.data.dataset,
        "state": record.state,
        "until": day(record.study.not_after),
        "title": record.study.project.title,
    }


def day(moment: str) -> str:
    """Return the day of a moment, in UTC; with the time unless it is midnight."""
    date, time = moment[:10], moment[11:16]
    return date if time == "00:00" else f"{date} {time}"
