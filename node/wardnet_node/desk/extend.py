"""Extend the time: two stewards let a node be asked although too few others confirm its log.

Where witnesses are away for long, the hospital may still want to answer. Two of its stewards take
that on themselves, for three days at a time and in the log.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical, clock
from wardnet.audit import cosigned, log
from wardnet.audit.entry import EventType
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Layout, Paragraph
from wardnet.question.query import Id
from wardnet_node.desk.ledger import Ledger
from wardnet_node.desk.refusals import refusals_logged
from wardnet_node.desk.steward_events import by_steward


@dataclass(frozen=True, config=STRICT)
class Extension:
    """Let a node be asked without witnesses, as it stands in the log.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital : str
        Whose node: ids.
    covered : int
        Entries that a majority of the witnesses has cosigned.
    until : str
        Until when.
    reason : str
        Why, in words.
    """

    version: Layout
    network: Id
    hospital: Id
    covered: int
    until: Moment
    reason: Paragraph


_ADAPTER: Final = TypeAdapter(Extension)


class Extending(Ledger):
    """Let stewards extend the time."""

    def extend(self, *, stewards: Sequence[Credentials], reason: str) -> Extension:
        """Let the node be asked for 72 hours from now although witnesses are missing.

        Parameters
        ----------
        stewards : Sequence of Credentials
            Two different ones of this hospital.
        reason : str
            Why; it stands in the log.

        Raises
        ------
        WardnetError
            `LOG_COVERED` when no witness is missing, `APPROVAL_MISSING`, `STATE_DAMAGED` when the
            address book does not hold, or `MALFORMED` for the reason; logged.
        """
        at = clock.now()
        event = by_steward(self._member, EventType.LOG_EXTENDED, stewards)
        with refusals_logged(self._catalog, event), self._catalog.transaction() as connection:
            found = cosigned.coverage(connection)
            if found.until is None:
                raise WardnetError(Reason.LOG_COVERED)
            self._check_two(connection, stewards)
            until = at + cosigned.EXTENSION
            statement = canonical.validated(
                lambda: Extension(
                    version=1,
                    network=self._member.network,
                    hospital=self._member.id,
                    covered=found.covered,
                    until=clock.to_moment(until),
                    reason=reason,
                )
            )
            cosigned.extend(connection, until=until)
            data = canonical.write(_ADAPTER, statement)
            event = replace(event, result_digest=canonical.digest(data), statement=data.decode())
            log.append(connection, event, at=at)
        return statement
