"""A process that joins a network and kills itself on the way, for crash tests."""

import itertools
import os
import signal
from pathlib import Path

import pytest

from support.pki import CHEAP, PASSPHRASE
from wardnet.identity import keystore
from wardnet.identity.credentials import Credentials
from wardnet.identity.invitation import Invitation
from wardnet.transport import enrol
from wardnet_node.enrol import join
from wardnet_node.vault.catalog import Catalog

STEPS = {
    "before the catalog": (Catalog, "create"),
    "before the coordinator": (enrol, "_redeem"),
    "before the certificates": (Credentials, "save"),
    "before it unlocks": (keystore.Keystore, "unlock"),
}
"""The moments before these calls."""


def join_until(moment: str | int, line: str, home: Path) -> None:
    """Join by an invitation, up to a moment: a step's name, or how many files are in their place.

    The process ends there by SIGKILL.
    """
    patch = pytest.MonkeyPatch()
    patch.setattr(keystore, "COST", CHEAP)
    if isinstance(moment, str):
        patch.setattr(*STEPS[moment], lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    else:
        move, moved = Path.replace, itertools.count()

        def replace(self: Path, target: Path) -> Path:
            if target.parent == home and next(moved) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return move(self, target)

        patch.setattr(Path, "replace", replace)
    join(Invitation.from_line(line), home, PASSPHRASE)
