"""A new study: the file that a researcher fills in, with all that the network knows already."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from wardnet import clock
from wardnet.agreement import template
from wardnet.agreement.purpose import VOCABULARY
from wardnet.client.printing.listing import Columns, Dataset
from wardnet.statistics.methods import METHODS

_LIFETIME: Final = timedelta(days=365)
_QUOTA: Final = 100
_PATIENTS: Final = 10


@dataclass(frozen=True, slots=True)
class Identity:
    """Say who I am, as hospitals write me into their address books.

    Parameters
    ----------
    network, role, id : str
        Of the member.
    key : str
        Fingerprint of the signing key: SHA-256, hexadecimal.
    """

    network: str
    role: str
    id: str
    key: str


def draft(
    identity: Identity,
    dataset: Dataset,
    columns: Columns,
    *,
    at: datetime,
    title: str,
    organisation: str,
) -> str:
    """Return the file; what only the researcher knows is empty.

    Parameters
    ----------
    at : datetime
        The present moment; the study ends a year later.
    title : str
        One line, or empty.
    organisation : str
        Id of the organisation that answers for the researcher, or empty.
    """
    end = (at + _LIFETIME).replace(hour=0, minute=0, second=0, microsecond=0)
    return template.write_draft(
        {
            "version": 1,
            "network": identity.network,
            "not_after": clock.to_moment(end),
            "project": {
                "title": title,
                "summary": "",
                "ethics": "",
                "purpose": {
                    "vocabulary": VOCABULARY,
                    "permission": "",
                    "diseases": [],
                    "modifiers": [],
                },
            },
            "people": [{"id": identity.id, "organisation": organisation, "key": identity.key}],
            "data": {
                "dataset": dataset.name,
                "dictionary": dataset.dictionary,
                "columns": [column.name for column in columns],
            },
            "setting": {
                "mode": "clear",
                "hospitals": list(dataset.hospitals),
                "minimum_hospitals": len(dataset.hospitals),
            },
            "output": {
                "minimum_patients": _PATIENTS,
                "quota": _QUOTA,
                "methods": [
                    {"name": method.name, "version": method.version} for method in METHODS.values()
                ],
            },
        }
    )
