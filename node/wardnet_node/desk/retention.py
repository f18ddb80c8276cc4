"""How long the access log keeps what it says of patients; the entries and their proofs stay."""

from dataclasses import replace

from wardnet import clock
from wardnet.audit import log, tags
from wardnet.audit.entry import EventType
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member
from wardnet_node.desk.events import by_operator
from wardnet_node.vault.catalog import Catalog


def expire(catalog: Catalog, member: Member, *, years: int) -> int:
    """Erase the detail whose time is over, and log it; return how many keys were destroyed.

    Parameters
    ----------
    years : int
        How long detail is kept after the year of its entry, at least 1.
    """
    at = clock.now()
    with catalog.transaction() as connection:
        expired = tags.expire(connection, at=at, years=years)
        if expired:
            log.append(connection, by_operator(member, EventType.DETAIL_ERASED), at=at)
    if expired:
        catalog.forget()
    return expired


def erase(catalog: Catalog, keystore: Keystore, member: Member, *, patient: str) -> int:
    """Erase what the log says of one patient, and log it; return how many keys were destroyed.

    Parameters
    ----------
    patient : str
        The patient's number at the hospital.
    """
    tag = tags.tag(keystore.derive(tags.PURPOSE), patient)
    event = replace(by_operator(member, EventType.DETAIL_ERASED), patient_tags=(tag,))
    with catalog.transaction() as connection:
        erased = tags.erase(connection, tag)
        log.append(connection, event, at=clock.now())
    catalog.forget()
    return erased
