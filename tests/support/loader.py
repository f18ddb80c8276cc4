"""A process that loads in a loop until it is killed, for crash tests."""

import os
import resource
from multiprocessing.connection import Connection
from pathlib import Path

from support.vaults import Home
from wardnet.errors import WardnetError


def load_forever(home: Home, path: Path, acknowledged: Connection) -> None:
    """Load, appending every third time, and say so after each load that was made durable."""
    with home.vault() as vault:
        acknowledged.send("open")
        for turn in range(1_000_000):
            append = turn % 3 != 0
            report = vault.load("visits", path, append=append, accept_fewer_rows=not append)
            acknowledged.send((report.snapshot.number, report.snapshot.id))


def load_on_a_full_disk(home: Home, path: Path, said: Connection) -> None:
    """Load once where no file may grow beyond 4 kB, and say what happened."""
    with home.vault() as vault:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 12, 1 << 12))
        try:
            vault.load("visits", path)
        except WardnetError as error:
            said.send(error.reason.value)
    os._exit(0)
