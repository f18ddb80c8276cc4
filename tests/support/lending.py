"""Hospital a lends rows and attachments to b, in real parcels over real catalogs, for tests."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from io import RawIOBase
from pathlib import Path
from typing import IO, Final

import pandas as pd

from support.hospital import Hospital
from support.pki import TestNetwork
from support.sharing import Side, exchange, sharing_hospital, sides, wish
from support.vaults import VISITS, write_csv
from wardnet import clock
from wardnet.sealing.header import ROWS, ROWS_MEDIA_TYPE, Label
from wardnet.sealing.write import ParcelWriter
from wardnet.sharing.deidentification import Patient, kept
from wardnet.sharing.grant import Grant
from wardnet.sharing.notice import Place
from wardnet_node.desk.shares.asking import Wish
from wardnet_node.desk.shares.state import Share
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing.carrying.spool import Sealed, Spool
from wardnet_node.sharing.giving.attachments import Attachment, digests
from wardnet_node.sharing.giving.consent import Consent
from wardnet_node.sharing.giving.extract import Selection, open_extract
from wardnet_node.sharing.giving.make import make
from wardnet_node.sharing.giving.owner import Owner
from wardnet_node.sharing.taking.recipient import Recipient

COLUMNS: Final = ("age", "mass", "score", "seen", "sex")
WANTED: Final = wish(columns=COLUMNS, identifiers=True)
"""What b wants: every column of `VISITS` that can be shared, and the patients' numbers."""
SETTINGS: Final = NodeSettings(address="localhost:1")
"""Nobody listens there: parcels are carried by hand."""


def lending_hospitals(network: TestNetwork, folder: Path, frame: pd.DataFrame) -> list[Hospital]:
    """Return hospitals a, which holds rows of `VISITS`, and b."""
    a, b = (sharing_hospital(network, folder / name, name) for name in "ab")
    with a.vault() as vault:
        vault.adopt(VISITS, LocalPart())
        vault.load(VISITS.name, write_csv(frame, folder / "visits.csv"))
    return [a, b]


class Lending:
    """Hold the desks of both hospitals, open, and what b does with what it was lent.

    Parameters
    ----------
    a, b : Side
        The owner, and who asks.
    """

    def __init__(self, a: Side, b: Side) -> None:
        self.a, self.b = a, b
        hospital = b.hospital
        self.recipient = Recipient.open(hospital.home, hospital.keystore, hospital.credentials)
        self.spool = Spool(hospital.home)

    def ask(self, wanted: Wish = WANTED) -> Share:
        """Let b ask for rows of `VISITS`."""
        asked = self.b.shares.request(wanted, dictionary=VISITS, stewards=self.b.stewards)
        exchange(self.a, self.b)
        return asked

    def grant(self, asked: Share, *, patient: Patient = Patient.KEEP, **changes: object) -> Share:
        """Let a grant all that was asked for, as it is; return the share as b has it."""
        rules = {"deidentification": kept(patient, asked.request.columns), **changes}
        self.a.grant(asked, **rules)
        exchange(self.a, self.b)
        return self.b.shares.show(asked.digest)

    def seal(
        self,
        share: Share,
        attachments: Mapping[str, bytes] | None = None,
        *,
        rows: bytes | None = None,
        **changes: object,
    ) -> Sealed:
        """Seal a parcel at a: the granted rows, or other bytes in their place.

        Parameters
        ----------
        **changes
            Arguments of `ParcelWriter`.
        """
        grant, home = granted(share), self.a.hospital.home
        label = Label(network="heartnet", grant=grant.digest, sender="a", recipient="b")
        arguments: dict[str, object] = {
            "label": label,
            "recipient": share.request.key,
            "snapshot": grant.snapshot,
            "signer": self.a.hospital.credentials.signer,
            "made": clock.now(),
            **changes,
        }
        with ParcelWriter(Spool(home).outgoing, **arguments) as parcel:  # type: ignore[arg-type]
            with parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink:
                if rows is None:
                    self.make(share, sink)
                else:
                    sink.write(rows)
            for name, data in (attachments or {}).items():
                with parcel.part(name, "application/octet-stream") as sink:
                    sink.write(data)
            sealed = parcel.seal()
        return Sealed(sealed.header_path, sealed.body_path)

    def deliver(self, share: Share, sealed: Sealed) -> Share:
        """Announce a parcel, and lay its files where b has fetched them to."""
        self.a.shares.mark_ready(
            share.digest,
            parcel=sealed.body.stem,
            header=sealed.header.stat().st_size,
            body=sealed.body.stat().st_size,
            place=Place.DIRECT,
            address="127.0.0.1:7443",
        )
        exchange(self.a, self.b)
        here = self.spool.fetched(sealed.body.stem)
        for source, target in ((sealed.header, here.header), (sealed.body, here.body)):
            shutil.copyfile(source, target)
        self.b.shares.mark_fetched(share.digest, parcel=here.parcel)
        return self.b.shares.show(share.digest)

    def fetched(
        self,
        attachments: Mapping[str, bytes] | None = None,
        *,
        wanted: Wish = WANTED,
        **changes: object,
    ) -> Share:
        """Let b ask, a grant and seal, and b fetch."""
        share = self.grant(self.ask(wanted), **changes)  # type: ignore[arg-type]
        return self.deliver(share, self.seal(share, attachments))

    def sent(
        self,
        attachments: Sequence[Attachment] = (),
        *,
        wanted: Wish = WANTED,
        **changes: object,
    ) -> Share:
        """Let b ask, a grant and make the parcel as its node does, and b fetch."""
        named = {"attachments": digests(attachments), **changes}
        share = self.grant(self.ask(wanted), **named)  # type: ignore[arg-type]
        ready = self.send(share, attachments).ready
        assert ready is not None
        exchange(self.a, self.b)
        made = Spool(self.a.hospital.home).made(ready.parcel)
        here = self.spool.fetched(ready.parcel)
        shutil.copyfile(made.header, here.header)
        shutil.copyfile(made.body, here.body)
        return self.b.shares.mark_fetched(share.digest, parcel=here.parcel)

    def send(self, share: Share, attachments: Sequence[Attachment] = ()) -> Share:
        """Let a make the parcel of a grant as its node does."""
        hospital = self.a.hospital
        owner = Owner.open(hospital.home, hospital.keystore, hospital.credentials, SETTINGS)
        with closing(owner):
            return owner.make(share.digest, attachments)

    def files(self, share: Share) -> Sealed:
        """Return the parcel's files at b."""
        assert share.ready is not None
        return self.spool.fetched(share.ready.parcel)

    def make(self, share: Share, sink: IO[bytes] | RawIOBase) -> None:
        """Write the granted rows."""
        grant, request = granted(share), share.request
        hospital = self.a.hospital
        with hospital.vault() as vault, hospital.catalog() as catalog:
            selection = Selection(
                request.dataset, grant.cohort, request.patients, grant.deidentification
            )
            extract = open_extract(
                vault,
                Consent(catalog, vault, member=hospital.credentials.member),
                selection,
                grant=grant.digest,
                snapshot=grant.snapshot,
            )
            make(extract, sink)


@contextmanager
def lending(network: TestNetwork, hospitals: Sequence[Hospital]) -> Iterator[Lending]:
    """Open the desks of both hospitals."""
    with sides(network, *hospitals) as (a, b):
        opened = Lending(a, b)
        try:
            yield opened
        finally:
            opened.recipient.close()


def granted(share: Share) -> Grant:
    """Return the grant of a share."""
    assert share.grant is not None
    return share.grant
