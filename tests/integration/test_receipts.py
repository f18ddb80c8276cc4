"""A researcher gets a promise with each answer, and later what keeps it."""

import asyncio
import base64
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from support.coordinator import publish, run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import DICTIONARY, count_query, signed
from support.witnessing import attached, coordinating, covers, hospital, until, uri
from wardnet import clock
from wardnet.audit import bundle, cosigned, note
from wardnet.audit.entry import EventType
from wardnet.audit.log import Connection
from wardnet.client import cli
from wardnet.client.queries import asked
from wardnet.client.remote import RemoteNetwork
from wardnet.client.trust.receipts import Receipts, Sent
from wardnet.errors import Reason
from wardnet.identity.credentials import Credentials
from wardnet.sealing.answers import recipient_of
from wardnet.transactions import Transactions
from wardnet_coordinator import state

KEY = b"k" * 32


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


def has_all_lists(hospital: Hospital) -> bool:
    """Say whether a hospital knows what both others have taken back."""
    received = EventType.REVOCATIONS_RECEIVED
    return sum(entry.type is received for entry in hospital.entries()) >= 2


@dataclass(frozen=True)
class Shown:
    """Hold what a researcher was shown, and where the logs lie."""

    query: str
    honest: Receipts
    lying: Mapping[str, Receipts]
    bundles: Mapping[str, Path]


def test_promises_are_kept_and_witnessed(network: TestNetwork, tmp_path: Path) -> None:
    """Each receipt names the entry about this very query, and the others have cosigned it.

    Whatever is changed on the way is named; and the logs of hospitals and coordinator agree.
    """
    a, b, c = hospitals = [hospital(network, tmp_path / name, name) for name in "abc"]
    shown = run(scenario(network, tmp_path, hospitals))
    assert [(each.hospital, each.error) for each in shown.honest] == [
        ("a", None),
        ("b", None),
        ("c", None),
    ]
    for each, one in zip(shown.honest, (a, b, c), strict=True):
        assert each.kept is not None
        entry = one.entries()[each.kept.promise.seq - 1]
        assert (entry.type, entry.request_digest) == (EventType.QUERY_ANSWER, shown.query)
        others = {uri(name) for name in "abc" if name != each.hospital}
        assert set(each.kept.cosigned) == others
    for change, receipts in shown.lying.items():
        assert [each.kept for each in receipts] == [None] * 3, change
        reasons = {each.error.reason for each in receipts if each.error}
        assert reasons == {LIES[change][1]}, change
    assert_reconciled(network, tmp_path / "olga", shown.bundles)


async def scenario(network: TestNetwork, folder: Path, hospitals: Sequence[Hospital]) -> Shown:
    """Let three hospitals answer a query, have it cosigned, and show it."""

    def ask(address: str) -> tuple[str, RemoteNetwork]:
        remote = RemoteNetwork(network.researcher(), address, derive=lambda _: KEY)
        recipient = recipient_of(remote._connection.recipient("0" * 32))
        query = count_query(network, hospitals=("a", "b", "c"), recipient=recipient)
        digest = remote._asked.submit(signed(network, query))
        remote.wait(digest, timeout=20)
        return digest, remote

    def look(remote: RemoteNetwork, digest: str) -> tuple[Receipts, Mapping[str, Receipts]]:
        record = remote.record(digest)
        honest, lying = remote.receipts(record), {}
        for change, (tamper, _) in LIES.items():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(asked, "Sent", tamper)
                lying[change] = remote.receipts(record)
        remote.close()
        return honest, lying

    async with coordinating(network, folder / "office") as address:
        await publish(address, network.node("a"), DICTIONARY)
        async with attached(address, *hospitals):
            for one in hospitals:
                await until(lambda one=one: has_all_lists(one))  # type: ignore[misc]
            digest, remote = await asyncio.to_thread(ask, address)
            for one in hospitals:
                await until(lambda one=one: covers(one, EventType.QUERY_ANSWER))  # type: ignore[misc]
            honest, lying = await asyncio.to_thread(look, remote, digest)
    bundles = {one.credentials.member.id: handed_over(one, folder) for one in hospitals}
    office = network.coordinator()
    with closing(state.connect(folder / "office")) as connection:
        with Transactions(connection).transaction():
            sign(connection, office)
        bundles["coordinator"] = written(connection, office, folder / "coordinator.bundle")
    return Shown(digest, honest, lying, bundles)


def handed_over(hospital: Hospital, folder: Path) -> Path:
    """Write a hospital's whole log."""
    owner = hospital.credentials
    with hospital.catalog() as catalog:
        with catalog.transaction() as connection:
            sign(connection, owner)
        with catalog.reading() as connection:
            return written(connection, owner, folder / f"{owner.member.id}.bundle")


def sign(connection: Connection, owner: Credentials) -> None:
    """Make a checkpoint of now."""
    cosigned.sign(connection, owner=owner.member.uri, key=owner.signer.key, at=clock.now())


def written(connection: Connection, owner: Credentials, path: Path) -> Path:
    """Write a log's bundle."""
    with path.open("wb") as stream:
        whole = cosigned.gather(connection, None, key=owner.signer.key.public_key())
        bundle.write(whole, stream)
    return path


def assert_reconciled(network: TestNetwork, home: Path, bundles: Mapping[str, Path]) -> None:
    """Hold the hospitals' logs against the coordinator's by the auditor's own command."""

    def wardnet(*words: str | Path) -> str:
        done = CliRunner().invoke(cli.main, ["--home", str(home), "audit", *map(str, words)])
        assert done.exit_code == 0, done.output
        return done.stdout

    for name in "abc":
        fingerprint = note.fingerprint(network.node(name).signer.key.public_key())
        wardnet("trust", "add", uri(name), "--fingerprint", fingerprint)
    verdict = json.loads(wardnet("verify", bundles["a"], "--json"))
    assert set(verdict["cosigned"]) == {uri("b"), uri("c")}
    logs = [bundles[name] for name in "abc"]
    told = wardnet(
        "report", "reconciliation", *logs, "--coordinator", bundles["coordinator"], "--json"
    )
    assert json.loads(told)["rows"] == []


def _with(**changes: Callable[[Sent], object]) -> Callable[..., Sent]:
    """Return what makes of the fields of a receipt a changed one."""

    def tamper(*fields: object) -> Sent:
        sent = Sent(*fields)  # type: ignore[arg-type]
        return replace(sent, **{name: change(sent) for name, change in changes.items()})  # type: ignore[arg-type]

    return tamper


def _other_proof(sent: Sent) -> tuple[bytes, ...]:
    first, *others = sent.proof
    return (bytes([first[0] ^ 1]) + first[1:], *others)


def _other_root(sent: Sent) -> str:
    origin, size, _, *lines = sent.checkpoint.split("\n")
    return "\n".join([origin, size, base64.b64encode(bytes(32)).decode(), *lines])


def _other_cosignature(sent: Sent) -> str:
    """Change the last byte of every cosignature; the log's own signature stays."""
    parsed = note.parse(sent.checkpoint)
    own, *others = parsed.signatures
    changed = [replace(one, data=one.data[:-1] + bytes([one.data[-1] ^ 1])) for one in others]
    return str(note.SignedNote(parsed.text, (own, *changed)))


LIES: Final = {
    "proof": (_with(proof=_other_proof), Reason.PROOF_REFUSED),
    "root": (_with(checkpoint=_other_root), Reason.CHECKPOINT_UNSIGNED),
    "cosignature": (_with(checkpoint=_other_cosignature), Reason.COSIGNATURE_INVALID),
    "text": (_with(checkpoint=lambda _: "none"), Reason.CHECKPOINT_MALFORMED),
    "away": (_with(away=lambda _: True), Reason.HOSPITAL_AWAY),
}
"""What a coordinator could do with a receipt that it carries, and how that is named."""
