"""The command `wardnet-node unlock`, on a home whose catalog was restored from a backup."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.pki import PASSPHRASE, TestNetwork
from support.ward import Ward
from wardnet import canonical
from wardnet.errors import CATALOGUE, Reason
from wardnet_node.cli import main
from wardnet_node.desk.anchor import FILE_NAME
from wardnet_node.desk.desk import Desk
from wardnet_node.vault.vault import Vault

REASON = ("--reason", "The disk failed.")


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """Return hospital a with stewards sue and sam, whose anchor is ahead of its log."""
    ward = Ward(TestNetwork(), tmp_path / "a", stewards=("sue", "sam"))
    with ward.catalog() as catalog:
        vault = Vault(ward.home, ward.keystore, catalog, member=ward.credentials.member)
        Desk(catalog=catalog, vault=vault, credentials=ward.credentials).start()
    path = ward.home / FILE_NAME
    anchor = json.loads(path.read_text())
    path.write_bytes(canonical.encode(anchor | {"size": anchor["size"] + 100}))
    return ward


def run(ward: Ward, *arguments: str, code: int = 0) -> Result:
    """Run the command; everybody's password is the same."""
    secret = ward.home.with_name("passphrase")
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    options = ["--home", str(ward.home), "--passphrase-file", str(secret)]
    passwords = ["--password-file", str(secret)] * arguments.count("--steward")
    result = CliRunner().invoke(main, [*options, *arguments, *passwords])
    assert result.exit_code == code, result.output
    return result


def test_two_stewards_unlock_a_node_and_read_what_is_missing(ward: Ward) -> None:
    """Afterwards there is nothing to unlock."""
    both = ("--steward", "sue", "--steward", "sam")
    done = json.loads(run(ward, "unlock", *REASON, *both, "--json").stdout)
    assert done["entries_when_it_last_served"] > done["entries_found"]
    again = run(ward, "unlock", *REASON, *both, code=CATALOGUE[Reason.NODE_NOT_LOCKED].exit_code)
    assert "is not locked" in again.stderr


@pytest.mark.parametrize("second", [(), ("--steward", "sue")], ids=["one", "the same twice"])
def test_one_steward_alone_unlocks_nothing(ward: Ward, second: tuple[str, ...]) -> None:
    """Her own sentence says that two different ones are needed."""
    code = CATALOGUE[Reason.APPROVAL_MISSING].exit_code
    refused = run(ward, "unlock", *REASON, "--steward", "sue", *second, code=code)
    assert "two different stewards of a." in refused.stderr
