"""Commands of a network run in this process: they write the same, and no Python has to start."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from support.member import CommandError, Member
from support.pki import CHEAP
from wardnet.client.cli import main as wardnet
from wardnet.identity import keystore
from wardnet_coordinator.cli import main as wardnet_coordinator
from wardnet_node.cli import main as wardnet_node

_MAINS: Final = {
    "wardnet": wardnet,
    "wardnet-node": wardnet_node,
    "wardnet-coordinator": wardnet_coordinator,
}
_ONE_AT_A_TIME: Final = threading.Lock()
"""A command has the environment and the standard streams for itself."""


@contextmanager
def commands_inside() -> Iterator[None]:
    """Set a network up in this block; its daemons are processes as ever.

    A start of Python is most of what a command takes, and a network takes fifty of them; what a
    passphrase costs is most of the rest.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Member, "run", _run)
        patch.setattr(keystore, "COST", CHEAP)
        yield


def _run(
    member: Member, *arguments: str | Path, check: bool = True
) -> subprocess.CompletedProcess[str]:
    words = [str(argument) for argument in arguments]
    with _ONE_AT_A_TIME:
        done = CliRunner().invoke(_MAINS[member.program], words, env=member.variables)
    if check and done.exit_code != 0:
        message = f"{member.name}: {' '.join(words)}\n{done.output}"
        raise CommandError(message) from done.exception
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)
