"""Two hospitals and the parcels that one seals for the other."""

import io
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from support.pki import TestNetwork
from wardnet import canonical
from wardnet.identity.envelope import key_of
from wardnet.sealing import hpke
from wardnet.sealing.header import ROWS, ROWS_MEDIA_TYPE, Label
from wardnet.sealing.hpke import HybridKey
from wardnet.sealing.parcel import Parcel, open_parcel
from wardnet.sealing.write import ParcelWriter, SealedParcel

GRANT: Final = "1" * 64
SNAPSHOT: Final = "1:" + "2" * 64


@dataclass(frozen=True, slots=True)
class Exchange:
    """Hold a network in which hospital `a` owns records and `b` has asked for some."""

    network: TestNetwork = field(default_factory=TestNetwork)
    key: HybridKey = field(default_factory=HybridKey.generate)

    def label(self, grant: str = GRANT, *, sender: str = "a", recipient: str = "b") -> Label:
        """Return a label."""
        return Label(network=self.network.name, grant=grant, sender=sender, recipient=recipient)

    def writer(
        self, folder: Path, label: Label | None = None, *, signer: str = "a"
    ) -> ParcelWriter:
        """Return a writer for a parcel that any node signs."""
        return ParcelWriter(
            folder,
            label or self.label(),
            recipient=hpke.public_key(self.key),
            snapshot=SNAPSHOT,
            signer=self.network.node(signer).signer,
            made=self.network.at,
        )

    def seal(
        self, folder: Path, rows: bytes, attachments: dict[str, bytes] | None = None
    ) -> SealedParcel:
        """Return a parcel of these bytes."""
        with self.writer(folder) as parcel:
            with parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink:
                sink.write(rows)
            for name, data in (attachments or {}).items():
                with parcel.part(name, "application/octet-stream") as sink:
                    sink.write(data)
            return parcel.seal()

    def open(
        self,
        sealed: SealedParcel,
        *,
        label: Label | None = None,
        key: HybridKey | None = None,
        digest: str | None = None,
        node: str = "a",
    ) -> Parcel:
        """Open a parcel as the recipient does."""
        pinned = key_of(self.network.node(node).signer.certificates[0])
        return open_parcel(
            sealed.header_path.read_bytes(),
            sealed.body_path,
            key or self.key,
            label=label or self.label(),
            digest=digest or sealed.header.digest,
            nodes={pinned},
            trust=self.network.trust,
            at=self.network.at,
        )


def table(rows: int, *, seed: int = 1) -> pa.Table:
    """Return rows that do not compress, as records of many patients do not."""
    random = np.random.default_rng(seed)
    return pa.table(
        {
            "patient": np.arange(rows),
            "value": random.normal(size=rows),
            "code": random.integers(0, 12, rows).astype(np.int8),
        }
    )


def parquet(rows: int) -> bytes:
    """Return `table` as a file."""
    file = io.BytesIO()
    pq.write_table(table(rows), file, row_group_size=50_000)
    return file.getvalue()


def noise(size: int) -> bytes:
    """Return bytes that repeat nowhere."""
    return secrets.token_bytes(size)


def sha256(path: Path) -> str:
    """Return the digest of a file."""
    return canonical.digest(path.read_bytes())
