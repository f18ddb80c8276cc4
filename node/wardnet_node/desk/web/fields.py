"""What is written into the fields of a form, read with a sentence at each that is wrong."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from wardnet.errors import Reason, WardnetError
from wardnet.question import cohort as cohorts
from wardnet.question.cohort import EVERYONE, Cohort
from wardnet.question.dictionary import Dictionary
from wardnet.question.grammar import parse

_NUMBER: Final = re.compile(r"[0-9]{1,7}")


@dataclass(slots=True)
class Fields:
    """Hold a form as it is shown: filled in, and what is wrong with it.

    Parameters
    ----------
    values : dict of str to str
        Of the fields that take text.
    errors : dict of str to str
        By field, what is wrong: what was found first.
    """

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict, kw_only=True)

    def wrong(self, name: str, rule: str) -> None:
        """Say what is wrong at a field, as a sentence."""
        self.errors.setdefault(name, rule[:1].upper() + rule[1:].removesuffix(".") + ".")

    def lines(self, name: str) -> tuple[str, ...]:
        """Return what stands in the lines of a field, without those that are blank."""
        return tuple(line.strip() for line in self.values[name].split("\n") if line.strip())

    def whole(self, name: str, *, least: int = 1, most: int) -> int | None:
        """Read a whole number."""
        written = self.values[name]
        if _NUMBER.fullmatch(written) and least <= int(written) <= most:
            return int(written)
        self.wrong(name, f"a whole number from {least} to {most:,} is needed")
        return None

    def day(self, name: str) -> date | None:
        """Read a date."""
        with suppress(ValueError):
            return date.fromisoformat(self.values[name])
        self.wrong(name, "a date is needed")
        return None

    def cohort(self, name: str, dictionary: Dictionary | None) -> Cohort:
        """Read a condition on patients; nothing written means all.

        Parameters
        ----------
        dictionary : Dictionary or None
            What the columns mean; None where that is not known here.
        """
        written = self.values[name]
        try:
            cohort = parse(written) if written else EVERYONE
            if dictionary is not None:
                cohorts.check(cohort, dictionary)
        except WardnetError as error:
            self.wrong(name, _bare(error))
            return EVERYONE
        return cohort


def _bare(error: WardnetError) -> str:
    """Return what is wrong with a condition, to stand at its field."""
    if error.reason is Reason.COHORT_SYNTAX:
        place, rule = error.details["position"], error.details["rule"]
        return f"this cannot be understood from its character {place} on: {rule}"
    if error.reason is Reason.PARAMETER_INVALID:
        return f"{error.details['parameter']} {error.details['rule']}"
    return str(error)
