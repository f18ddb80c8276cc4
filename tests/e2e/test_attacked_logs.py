"""Logs under attack at real processes: each attack is named, kept as evidence, and stops a node.

One network is attacked again and again. Hospital north's disk and passphrase are the attacker's:
what lies there is written by somebody else than `wardnet-node`. The others are honest.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.enrolled import steward_of
from support.forger import catalog_of, edit, edited, keystore_of, offered, rewrite
from support.inside import commands_inside
from support.member import CommandError, Member, count, wait_until
from support.network import Network
from support.tables import DATASET, write
from wardnet import clock
from wardnet.audit import checkpoint, cosigned, log, note, witness
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.letters import Reply
from wardnet.audit.log import Connection
from wardnet.audit.witness import Submission, forks
from wardnet.errors import Reason
from wardnet.identity.credentials import Credentials
from wardnet_coordinator import state

HOSPITALS = ("north", "south", "west")
URI = "wardnet://demo/node/north"
PLACE = 5
"""The entry that is attacked."""

pytestmark = pytest.mark.timeout(300)


@dataclass(slots=True)
class Bench:
    """Hold a running network, whose log is at most seconds behind its witnesses.

    Parameters
    ----------
    good : Path
        Of north's home as it was, when its daemon was stopped in order.
    """

    network: Network
    ada: Member
    olga: Member
    good: Path
    queries: list[str] = field(default_factory=list)

    @property
    def north(self) -> Member:
        """Return the attacked node."""
        return self.network.nodes["north"]

    def ask(self) -> None:
        """Let ada ask something; every hospital answers."""
        self.queries.append(self.ada.json("query", "count", DATASET)["query"])

    def refused(self) -> str:
        """Return why a question is not answered."""
        with pytest.raises(CommandError) as caught:
            self.ada.run("query", "count", DATASET)
        return str(caught.value)

    def put_back(self) -> None:
        """Put back north's home as it was, its anchor too."""
        self.north.stop()
        shutil.rmtree(self.north.home)
        shutil.copytree(self.good, self.north.home)

    def is_covered(self) -> bool:
        """Say whether both others have cosigned all of north's log."""
        found = self.north.json("log", "witnesses")
        sizes = [row["cosigned"] for row in found if "/node/" in row["witness"]]
        return len(sizes) == 2 and min(sizes) == found[0]["of"]

    def unlock(self) -> None:
        """Let two stewards act, while the daemon is stopped; start it again."""
        self.north.stop()
        signed = [
            word
            for steward in (steward_of("north"), "second")
            for word in ("--steward", steward, "--password-file", self.password(steward))
        ]
        self.north.run("unlock", "--reason", "We put the backup back.", *signed)
        self.network.serve_node("north")

    def held(self, hospital: str) -> Checkpoint:
        """Return what a hospital has cosigned last of north's log."""
        with catalog_of(self.network.nodes[hospital]) as catalog, catalog.reading() as connection:
            found = witness.held_note(connection, URI)
        return checkpoint.parse(note.parse(found).text)

    def signing_key(self) -> Ed25519PrivateKey:
        """Return the key of north's log, which the attacker has."""
        return Credentials.load(self.north.home, keystore_of(self.north)).signer.key

    def offered(self, hospital: str, *submissions: Submission) -> list[Reply]:
        """Show a hospital checkpoints of north's log, all at once."""
        address = self.network.coordinator.settings["LISTEN"]
        return offered(self.north, address, witness=hospital, submissions=submissions)

    def password(self, steward: str) -> Path:
        """Return where a steward's password stands."""
        return self.network.folder / f"{steward}.passphrase"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Start three hospitals that witness each other; north has two stewards."""
    folder = tmp_path_factory.mktemp("network")
    tables, table, _ = write(folder, HOSPITALS, rows=100)
    with Network(folder) as network:
        network.coordinator.settings["CHECKPOINT_SECONDS"] = "0.5"
        with commands_inside():
            network.start_coordinator()
            network.enrol_nodes(HOSPITALS)
            for node in network.nodes.values():
                node.settings["CHECKPOINT_SECONDS"] = "0.5"
            network.load(tables, dataset=DATASET, table=table, patient="record")
            ada = network.enrol_researcher("ada")
            network.agree(ada, DATASET)
            olga = network.enrol_auditor("olga")
            network.enrol_steward("second", hospital="north")
            for name, key in network.keys.items():
                origin = f"wardnet://demo/node/{name}"
                olga.run("audit", "trust", "add", origin, "--fingerprint", key)
        bench = Bench(network, ada, olga, folder / "good")
        bench.ask()
        bench.north.stop()
        shutil.copytree(bench.north.home, bench.good)
        network.serve_node("north")
        olga.run("audit", "search", "north")
        assert wait_until(bench.is_covered, seconds=20)
        yield bench


def test_a_coordinator_that_hides_or_reorders_queries_is_found(
    bench: Bench, tmp_path: Path
) -> None:
    """By the hospitals' logs against its own, and by those who have witnessed it before."""
    bench.ask()
    bench.ask()
    hidden, late = bench.queries[-2:]
    coordinator = bench.network.coordinator
    coordinator.stop()

    def lie(_: int, data: bytes) -> bytes | None:
        if hidden.encode() in data:
            return None
        return re.sub(rb'"time":"2', b'"time":"1', data) if late.encode() in data else data

    with closing(state.connect(coordinator.home)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        rewrite(connection, lie)
        connection.execute("DELETE FROM checkpoints")
        connection.execute("COMMIT")
    theirs = tmp_path / "coordinator.bundle"
    coordinator.run("log", "--bundle", theirs)
    nodes = bench.network.nodes.values()
    before = {node.name: count(node.log, "attached") for node in nodes}
    bench.network.serve_coordinator()
    for node in nodes:
        node.wait_for("attached", times=before[node.name] + 1)
    logs = (*HOSPITALS, "--coordinator", theirs)
    rows = bench.olga.json("audit", "report", "reconciliation", *logs)["rows"]
    named = {
        (row["sign"], query) for row in rows for query in bench.queries if query in row["what"]
    }
    assert named == {("not in the coordinator's log", hidden), ("query held back", late)}
    coordinator.wait_for("log_disputed")
    assert any(row["evidence"] for row in coordinator.json("witnesses") if row["disputes"])
    # What only the auditor has seen, no recovery of a later test could name.
    assert wait_until(bench.is_covered, seconds=20)


def _entry(connection: Connection) -> None:
    edit(connection, PLACE, rehashed=False)


def _entry_and_leaf(connection: Connection) -> None:
    edit(connection, PLACE, rehashed=True)


def _everything(connection: Connection) -> None:
    rewrite(connection, lambda seq, data: edited(seq, data) if seq == PLACE else data)


def _end(connection: Connection) -> None:
    connection.execute("DELETE FROM access_log WHERE seq > ?", (log.size(connection) - 3,))


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (_entry, f"entry {PLACE}, its bytes were changed"),
        (_entry_and_leaf, f"entry {PLACE}, it, or one up to entry {PLACE + 1}, was rewritten"),
        (_everything, "entry "),
        (_end, "it does not hold entry "),
    ],
    ids=["one entry", "an entry and its leaf hash", "all hashes", "the tail"],
)
def test_a_node_whose_log_was_changed_names_it_and_answers_nothing(
    bench: Bench, attack: Callable[[Connection], None], named: str
) -> None:
    """At its next start, to its operator, and to whoever asks."""
    bench.put_back()
    with catalog_of(bench.north) as catalog, catalog.transaction() as connection:
        attack(connection)
    bench.network.serve_node("north")
    assert named in [line for line in bench.north.tail().splitlines() if '"locked"' in line][-1]
    assert "north refused the query: The access log is not what it was" in bench.refused()


def test_yesterday_s_database_is_found_by_a_witness_until_two_stewards_act(bench: Bench) -> None:
    """Its own files agree; what others have seen is kept beside it, and named in the new log."""
    bench.put_back()
    bench.network.serve_node("north")
    seen = max(bench.held(name).size for name in ("south", "west"))
    told = f"has seen {seen} entries of it that it does not continue"
    assert wait_until(lambda: told in bench.refused(), seconds=20)
    assert any(row["disputes"] for row in bench.north.json("log", "witnesses"))
    with pytest.raises(CommandError, match="continue"):
        bench.olga.run("audit", "search", "north")
    bench.unlock()
    assert "signed before the hospital's node was unlocked" in bench.refused()
    assert wait_until(bench.is_covered, seconds=20)
    (opened,) = bench.north.json("log", "search", "--type", "break_glass")
    assert f"{URI}/2" in opened["statement"]
    assert len(opened["approvals"]) == 2
    shown = bench.olga.run("audit", "search", "north", "--type", "break_glass").stderr
    assert f"It began anew as {URI}/2" in shown
    assert (
        "is signed by wardnet://demo/steward/second and wardnet://demo/steward/steward-north"
        in (shown)
    )


@pytest.mark.parametrize(
    ("more", "reason"), [(0, Reason.LOG_FORKED), (3, Reason.CONSISTENCY_REFUSED)]
)
def test_two_histories_are_kept_as_evidence_by_the_witness_that_is_shown_the_second(
    bench: Bench, more: int, reason: Reason
) -> None:
    """Of the same size and of another: the witness refuses, and both stand in its keeping."""
    bench.north.stop()
    before = bench.held("west")
    history = Checkpoint(before.origin, before.size + more, bytes(32))
    signed = str(note.sign(history.text, name=history.origin, key=bench.signing_key()))
    (reply,) = bench.offered("west", Submission(before.size, (), signed))
    assert (reply.cosignature, reply.refusal) == ("", reason.value)
    assert bench.held("west") == before
    with catalog_of(bench.network.nodes["west"]) as catalog, catalog.reading() as connection:
        evidence = [fork for fork in forks(connection) if fork.other == signed]
    assert [fork.proven for fork in evidence] == [more == 0]
    found = bench.network.nodes["west"].json("log", "search", "--type", "fork_found")
    assert found[-1 if more else 0]["actor"]["subject"] == URI
    assert reason.value in [entry["reason"] for entry in found]


def test_of_two_offers_at_once_one_is_cosigned_and_none_goes_back(bench: Bench) -> None:
    """The witness compares and stores in one step, whatever comes beside it."""
    bench.north.stop()
    held = bench.held("west")
    with catalog_of(bench.north) as catalog:
        with catalog.transaction() as connection:
            cosigned.sign(connection, owner=URI, key=bench.signing_key(), at=clock.now())
        with catalog.reading() as connection:
            offer = witness.submission(connection, old=held.size)
    replies = bench.offered("west", offer, replace(offer, old=held.size - 1, proof=()))
    # The second is left unanswered, or refused if it comes after the first was answered.
    assert [bool(reply.cosignature) for reply in replies] in ([True], [True, False])
    assert bench.held("west").head == checkpoint.parse(note.parse(offer.note).text).head


def test_a_witness_that_is_away_is_waited_for(bench: Bench) -> None:
    """The node answers meanwhile, says what is missing, and is whole when the witness is back."""
    bench.network.nodes["west"].stop()
    bench.network.serve_node("north")
    told = bench.north.run("log", "witnesses").stderr
    assert not bench.is_covered()
    bench.network.serve_node("west")
    assert wait_until(bench.is_covered, seconds=20)
    assert "must be more by" in told
