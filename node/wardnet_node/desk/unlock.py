"""Break glass: two stewards let a node serve again whose log has lost its end.

A catalog that was put back has forgotten the nonces, uses and decisions since its backup. So from
the moment of unlocking on, no query is accepted whose time begins at or before it: whatever was
answered before had begun by then. Queries that were under way are over. What cannot be rebuilt -
uses, and decisions of stewards - the stewards vouch for, in a statement that stands in the log.
The log goes on under a new origin, and the statement names what witnesses have seen of the old.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from pydantic import TypeAdapter

from wardnet import canonical, clock
from wardnet.audit import checkpoint, cosigned, disputes, log, recovery
from wardnet.audit.checkpoint import origin_of
from wardnet.audit.entry import EventType
from wardnet.audit.log import Connection
from wardnet.audit.recovery import PAYLOAD_TYPE, BreakGlass
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.question.fields import Paragraph
from wardnet.transport.convert import envelope_to_bytes
from wardnet_node.desk import queries
from wardnet_node.desk.anchor import Anchor, Gap
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.ledger import Ledger
from wardnet_node.desk.refusals import refusals_logged
from wardnet_node.desk.steward_events import by_steward

_PARAGRAPH: Final[TypeAdapter[str]] = TypeAdapter(Paragraph)


class Unlocking(Ledger):
    """Let stewards break glass."""

    def unlock(self, *, stewards: Sequence[Credentials], reason: str) -> BreakGlass:
        """Let the node serve again on the log that is there.

        Parameters
        ----------
        stewards : Sequence of Credentials
            Two different ones of this hospital.
        reason : str
            Why; it stands in the log.

        Returns
        -------
        BreakGlass
            As it was signed and logged.

        Raises
        ------
        WardnetError
            `NODE_NOT_LOCKED`, `APPROVAL_MISSING`, `LOG_DAMAGED` when what is there of the log does
            not hold, `STATE_DAMAGED` when the address book does not, or `MALFORMED` for the
            reason; logged.
        """
        anchor, at = Anchor(self._catalog.path), clock.now()
        event = by_steward(self._member, EventType.BREAK_GLASS, stewards)
        with refusals_logged(self._catalog, event):
            with self._catalog.transaction() as connection:
                log.verify(connection)
                gap = anchor.gap(connection) or _rewritten(connection)
                if gap is None:
                    raise WardnetError(Reason.NODE_NOT_LOCKED)
                self._check_two(connection, stewards)
                number = cosigned.next_number(connection)
                statement = self._statement(
                    gap,
                    lost=disputes.lost(connection),
                    number=number,
                    at=clock.to_moment(at),
                    reason=reason,
                )
                data = recovery.to_bytes(statement)
                envelope = sign_all(PAYLOAD_TYPE, data, [*stewards, self._credentials])
                queries.forget_before(connection, statement.at, why=envelope_to_bytes(envelope))
                event = replace(
                    event, result_digest=canonical.digest(data), statement=data.decode()
                )
                entry = log.append(connection, event, at=at)
                cosigned.begin_anew(
                    connection, number=number, seq=entry.seq, signed=envelope, at=at
                )
                head = log.head(connection)
            # Last: until the statement is durable, the node stays locked.
            self._catalog.afterwards(partial(anchor.write, head))
        return statement

    def _statement(
        self, gap: Gap, *, lost: tuple[str, ...], number: int, at: Moment, reason: str
    ) -> BreakGlass:
        return canonical.validated(
            lambda: BreakGlass(
                version=1,
                network=self._member.network,
                hospital=self._member.id,
                anchored=gap.anchored,
                present=gap.present,
                witnessed=lost,
                origin=origin_of(self._member.uri, number),
                at=at,
                reason=_PARAGRAPH.validate_python(reason),
            )
        )


def _rewritten(connection: Connection) -> Gap | None:
    """Return what a log lacks whose own checkpoints say that it was another one."""
    return Gap(None, log.head(connection)) if checkpoint.unfit(connection) else None
