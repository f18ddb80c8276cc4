"""A process that opens a parcel until it is killed, for crash tests."""

from multiprocessing.connection import Connection
from pathlib import Path

from support.pki import PASSPHRASE
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet_node.sharing.taking.recipient import Recipient
from wardnet_node.vault import load as loads


def open_slowly(home: Path, share: str, said: Connection) -> None:
    """Open a parcel into very many segments, and say when it begins and when it is done."""
    keystore = Keystore.unlock(home, PASSPHRASE)
    recipient = Recipient.open(home, keystore, Credentials.load(home, keystore))
    setattr(loads, "SEGMENT_ROWS", 1)  # noqa: B010 - a constant everywhere else
    said.send("begun")
    said.send(recipient.open_parcel(share))
