"""The stewards' decisions: what is proposed, agreed, declined and taken back, and whom we know.

Every decision is a statement that stewards and the node sign. It is durable together with its log
entry before anything is told to anybody, and counts only because the stewards' keys stand in the
hospital's own address book. A refused decision stands in the log too.
"""

from wardnet_node.desk import studies
from wardnet_node.desk.decide_book import BookDecisions
from wardnet_node.desk.decide_keys import KeyDecisions
from wardnet_node.desk.decide_studies import StudyDecisions
from wardnet_node.desk.extend import Extending
from wardnet_node.desk.receive import Received
from wardnet_node.desk.studies import Unsent
from wardnet_node.desk.unlock import Unlocking


class Decisions(StudyDecisions, BookDecisions, KeyDecisions, Received, Unlocking, Extending):
    """Take the stewards' decisions, show what holds, and hand on what was signed."""

    def unsent(self) -> tuple[Unsent, ...]:
        """Return the statements that the coordinator may not have, oldest first."""
        with self._catalog.reading() as connection:
            return studies.unsent(connection)

    def acknowledge(self, digest: str) -> None:
        """Record that the coordinator has a statement, by the digest of its payload."""
        with self._catalog.transaction() as connection:
            studies.mark_sent(connection, digest)
