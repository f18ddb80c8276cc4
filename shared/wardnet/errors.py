"""One base error; its `Reason` names the cause and the catalogue says what it means.

The tree is flat on purpose: every error a person can cause is a `WardnetError`, and the `Reason`
says which. The row of a reason gives the gRPC status, the public sentence (which says what to do
next), whether trying again can help, and the exit code of the commands. A new cause is a name in
`wardnet.reasons` and a row in the module of `wardnet.catalogue` of its area.

A sentence may carry details (a file, a line, a column, a rule, a hospital), never a value or a
number derived from patients' data: the details are the closed set `DETAIL_NAMES`.
"""

from wardnet.catalogue import CATALOGUE
from wardnet.reasons import DETAIL_NAMES, EXIT_CODES, Reason, Row, Status

__all__ = ["CATALOGUE", "DETAIL_NAMES", "EXIT_CODES", "Reason", "Row", "Status", "WardnetError"]


class WardnetError(Exception):
    """Carry one reason and the details that its sentence needs.

    Parameters
    ----------
    reason : Reason
        The cause.
    **details : str or int
        Values for the sentence's fields, each named in `DETAIL_NAMES`; never data.

    Examples
    --------
    >>> str(WardnetError(Reason.PASSPHRASE_WEAK, rule="at least 12 characters"))
    'The passphrase is too short: at least 12 characters. Choose a longer one.'
    """

    def __init__(self, reason: Reason, **details: str | int) -> None:
        self.reason = reason
        self.details = {name: str(value) for name, value in details.items()}
        unknown = self.details.keys() - DETAIL_NAMES
        missing = CATALOGUE[reason].fields - self.details.keys()
        if unknown or missing:
            message = f"{reason}: unknown details {sorted(unknown)}, missing {sorted(missing)}"
            raise TypeError(message)
        super().__init__(reason, dict(self.details))

    @property
    def row(self) -> Row:
        """Return the catalogue row of the reason."""
        return CATALOGUE[self.reason]

    def __str__(self) -> str:
        """Return the public sentence."""
        return self.row.sentence.format(**self.details)

    def __reduce__(self) -> tuple[object, ...]:
        """Let worker processes raise it to their parent."""
        return _rebuild, (self.reason.value, dict(self.details))


def _rebuild(reason: str, details: dict[str, str]) -> WardnetError:
    return WardnetError(Reason(reason), **details)
