"""What hospitals tell while my query runs: believed as far as they have signed it, and compared."""

from collections.abc import Mapping
from dataclasses import replace

from wardnet import clock
from wardnet.client.connection import Connection
from wardnet.client.queries.record import Record
from wardnet.client.trust.verify import open_interim
from wardnet.errors import Reason, WardnetError
from wardnet.question.interim import Interim
from wardnet.sealing.answers import recipient_of


class Told:
    """Collect what is told of one query.

    Parameters
    ----------
    connection : Connection
        Has the key that opens it, where the query was asked from this home.
    record : Record
        Of the query.
    """

    def __init__(self, connection: Connection, record: Record) -> None:
        self._connection = connection
        self._query, self._digest = record.question, record.query
        self._key = connection.recipient(record.question.nonce)
        self._mine = recipient_of(self._key) == record.question.recipient
        self._newest: Interim | None = None
        self._known: dict[str, tuple[str, float]] = {}
        self._doubt: WardnetError | None = None

    def take(self, record: Record, reports: Mapping[str, bytes]) -> Record:
        """Return the record with what is told by now.

        Parameters
        ----------
        reports : mapping of str to bytes
            By hospital: what came with it, as the coordinator delivered it. What does not hold is
            not believed and ends nothing: the answer is verified by itself.
        """
        for hospital, sealed in reports.items() if self._mine else ():
            try:
                self._add(hospital, self._open(hospital, sealed))
            except WardnetError as error:
                self._doubt = error
        numbers = {} if self._newest is None else self._newest.numbers
        return replace(record, interim=numbers, doubt=self._doubt)

    def _open(self, hospital: str, sealed: bytes) -> Interim:
        return open_interim(
            sealed,
            hospital=hospital,
            query=self._query,
            digest=self._digest,
            key=self._key,
            trust=self._connection.trust,
            at=clock.now(),
            pins=self._connection.pins,
        )

    def _add(self, hospital: str, told: Interim) -> None:
        """Take a report, unless a newer one was there; all have the same numbers, always."""
        for name, number in told.numbers.items():
            other, known = self._known.setdefault(name, (hospital, number))
            if known != number:
                raise WardnetError(Reason.INTERIM_DIFFERS, hospitals=f"{other} and {hospital}")
        newest = self._newest
        if newest is None or (told.attempt, told.round) > (newest.attempt, newest.round):
            self._newest = told
