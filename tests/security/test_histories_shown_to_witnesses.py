"""A log that is put back, cut off, or told in two ways is found by who has seen it before.

Every hospital here is a real node on a real stream. The machine's owner may change every file of
the attacked one, its anchor included; what others have seen is out of reach.
"""

import asyncio
import json
from pathlib import Path

import pytest

from support.beginnings import begin
from support.coordinator import run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import count_query, signed
from support.witnessing import (
    attached,
    back_up,
    coordinating,
    coverage,
    evidence,
    forging,
    held,
    hospital,
    is_covered,
    put_back,
    stewards,
    until,
    uri,
)
from wardnet import canonical
from wardnet.audit import disputes, letters, note
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.correspondence import Said
from wardnet.audit.entry import Entry, EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, sign
from wardnet_node.desk.accept import Refused


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospitals(network: TestNetwork, tmp_path: Path) -> tuple[Hospital, Hospital, Hospital]:
    """Return three hospitals that have compared each other's keys."""
    a, b, c = (hospital(network, tmp_path / name, name) for name in "abc")
    return a, b, c


def entries_of(hospital: Hospital, kind: EventType) -> list[Entry]:
    """Return the entries of one kind."""
    return [entry for entry in hospital.entries() if entry.type is kind]


def why_shut(network: TestNetwork, hospital: Hospital) -> list[Reason]:
    """Return why a hospital refuses a new question, without its daemon."""
    with hospital.desk() as desk, pytest.raises(Refused) as caught:
        desk._gate.first(signed(network, count_query(network)), at=network.at)
    return [error.reason for error in caught.value.reasons]


def is_locked(hospital: Hospital) -> bool:
    """Say whether a witness has locked a hospital."""
    with hospital.catalog() as catalog, catalog.reading() as connection:
        return disputes.is_disputed(connection)


def unlock(network: TestNetwork, hospital: Hospital) -> None:
    """Let both stewards break glass."""
    with hospital.decisions() as decisions:
        decisions.unlock(stewards=stewards(network, "a"), reason="The disk failed.")


async def covered(address: str, *hospitals: Hospital) -> None:
    """Run hospitals until the log of each is covered."""
    async with attached(address, *hospitals):
        for one in hospitals:
            await until(lambda one=one: is_covered(one))  # type: ignore[misc]


def test_yesterdays_database_with_its_anchor_is_found(
    network: TestNetwork, hospitals: tuple[Hospital, ...], tmp_path: Path
) -> None:
    """The node locks itself by its own signature, stays locked, and two stewards let it go on."""
    a, b, c = hospitals

    async def scenario() -> None:
        async with coordinating(network, tmp_path / "office") as address:
            await covered(address, a, b, c)
            backup = back_up(a)
            await covered(address, a, b, c)
            put_back(a, backup)
            async with attached(address, a, b, c):
                await until(lambda: is_locked(a))
            assert Reason.NODE_LOCKED in why_shut(network, a)
            # Nobody witnesses it any further, even when it starts again.
            before = held(b, uri("a"))
            async with attached(address, a, b, c):
                await asyncio.sleep(1)
            assert held(b, uri("a")) == before
            unlock(network, a)
            assert is_locked(a) is False
            async with attached(address, a, b, c):
                await until(lambda: is_covered(a))

    run(scenario())
    (locked,) = entries_of(a, EventType.LOG_LOCKED)[:1]
    assert locked.reason in {Reason.LOG_ROLLED_BACK, Reason.LOG_FORKED}
    anew = held(b, f"{uri('a')}/2")
    assert anew is not None
    assert anew.size >= coverage(a).covered > 0
    (opened,) = entries_of(a, EventType.BREAK_GLASS)
    assert opened.statement is not None
    named = json.loads(opened.statement)
    assert named["origin"] == f"{uri('a')}/2"
    assert len(named["witnessed"]) >= 1


def test_the_end_of_a_log_cut_off_is_found(
    network: TestNetwork, hospitals: tuple[Hospital, ...], tmp_path: Path
) -> None:
    """Entries are deleted, and the anchor is written to fit."""
    a, b, c = hospitals

    async def scenario() -> None:
        async with coordinating(network, tmp_path / "office") as address:
            await covered(address, a, b, c)
            with a.catalog() as catalog, catalog.transaction() as connection:
                connection.execute(
                    "DELETE FROM access_log WHERE seq > (SELECT max(seq) FROM access_log) - 2"
                )
                connection.execute("DELETE FROM checkpoints")
                connection.execute("DELETE FROM node WHERE key = 'epoch'")
            (a.home / "anchor.json").unlink()
            async with attached(address, a, b, c):
                await until(lambda: is_locked(a))

    run(scenario())
    assert Reason.NODE_LOCKED in why_shut(network, a)


def test_two_histories_shown_to_two_witnesses_meet(
    network: TestNetwork, hospitals: tuple[Hospital, ...], tmp_path: Path
) -> None:
    """One copy runs with witness b, the other with c: when c's meets b, both signatures are kept.

    The histories have the same or another size, as it happens; either way b refuses.
    """
    a, b, c = hospitals

    async def scenario() -> None:
        async with coordinating(network, tmp_path / "office-b") as address:
            await covered(address, a, b, c)
            backup = back_up(a)
            async with attached(address, a, b):
                await until(lambda: shown_all(a, b))
        first = held(b, uri("a"))
        assert first is not None
        put_back(a, backup)
        async with coordinating(network, tmp_path / "office-c") as address:
            async with attached(address, a, c):
                await until(lambda: shown_all(a, c))
                for _ in range(3):
                    grow(a)
                await until(lambda: shown_all(a, c))
            second = held(c, uri("a"))
            assert second is not None
            async with attached(address, a, b, c):
                await until(lambda: is_locked(a))
        assert held(b, uri("a")) == first

    run(scenario())
    assert Reason.NODE_LOCKED in why_shut(network, a)


def grow(hospital: Hospital) -> None:
    """Let something happen that is logged."""
    with hospital.decisions() as decisions, pytest.raises(WardnetError):
        decisions.unlock(stewards=[], reason="nothing")


def shown_all(hospital: Hospital, witness: Hospital) -> bool:
    """Say whether a witness has seen all of a log."""
    seen = held(witness, hospital.credentials.member.uri)
    return seen is not None and seen.size == len(hospital.entries())


def test_a_witness_that_is_away_is_made_good_for_by_none_of_two(
    network: TestNetwork, hospitals: tuple[Hospital, ...], tmp_path: Path
) -> None:
    """The node serves, but two must vouch: what the other has not seen waits for it."""
    a, b, c = hospitals

    async def scenario() -> None:
        async with coordinating(network, tmp_path / "office") as address:
            async with attached(address, a, b) as (node, _):
                await node.link._witnesses.wait_until_proven()
                await until(lambda: shown_all(a, b))
            assert coverage(a).covered == 0
            assert coverage(a).until is not None
            async with attached(address, a, b, c):
                await until(lambda: is_covered(a))

    run(scenario())
    assert evidence(b) == evidence(c) == ()


def test_without_any_other_hospital_nothing_is_proven(
    network: TestNetwork, hospitals: tuple[Hospital, ...], tmp_path: Path
) -> None:
    """The coordinator alone vouches for nobody, even if it only hides the others."""
    a, _, _ = hospitals

    async def scenario() -> None:
        async with (
            coordinating(network, tmp_path / "office") as address,
            attached(address, a, proof_patience=0.5) as (node,),
        ):
            await asyncio.sleep(0.5)
            with pytest.raises(WardnetError) as caught:
                await node.link._witnesses.wait_until_proven()
            assert caught.value.reason is Reason.LOG_UNPROVEN

    run(scenario())


def test_a_hospital_whose_key_nobody_has_compared_is_no_witness(
    network: TestNetwork, tmp_path: Path
) -> None:
    """It is told so, and its cosignature counts for nothing; a node that knows nobody serves."""
    a = hospital(network, tmp_path / "a", "a", known="")
    b = hospital(network, tmp_path / "b", "b", known="a")

    async def scenario() -> None:
        async with (
            coordinating(network, tmp_path / "office") as address,
            attached(address, a, b) as (first, second),
        ):
            await first.link._witnesses.wait_until_proven()
            await second.link._witnesses.wait_until_proven()
            await until(lambda: held(b, uri("b")) is None)

    run(scenario())
    assert (coverage(a).peers, held(a, uri("b"))) == (0, None)


@pytest.mark.parametrize(
    ("more", "reason"), [(0, Reason.LOG_FORKED), (3, Reason.CONSISTENCY_REFUSED)]
)
def test_another_history_is_kept_as_evidence_by_each_witness(
    network: TestNetwork,
    hospitals: tuple[Hospital, ...],
    tmp_path: Path,
    more: int,
    reason: Reason,
) -> None:
    """Of the same size, and of another: both checkpoints, signed, and an entry in their own log."""
    a, b, c = hospitals

    async def scenario() -> None:
        async with coordinating(network, tmp_path / "office") as address:
            await covered(address, a, b, c)
            before = held(b, uri("a")), held(c, uri("a"))
            with forging(more):
                async with attached(address, a, b, c):
                    await until(lambda: bool(evidence(b)) and bool(evidence(c)))
            assert (held(b, uri("a")), held(c, uri("a"))) == before

    run(scenario())
    for witness in (b, c):
        fork = evidence(witness)[0]
        assert fork.origin == uri("a")
        assert fork.proven is (more == 0)
        found = entries_of(witness, EventType.FORK_FOUND)[0]
        assert (found.actor.subject, found.reason) == (uri("a"), reason)


def test_two_offers_at_once_end_with_the_longer_one(
    network: TestNetwork, hospitals: tuple[Hospital, ...], tmp_path: Path
) -> None:
    """Neither rolls the witness back, whichever letter comes first."""
    a, b, c = hospitals

    async def scenario() -> None:
        async with (
            coordinating(network, tmp_path / "office") as address,
            attached(address, a, b, c) as (node, *_),
        ):
            offers = node.link._witnesses._correspondence
            for _ in range(3):
                grow(a)
                await asyncio.gather(*(offers.offer_all() for _ in range(3)))
            await until(lambda: is_covered(a))

    run(scenario())
    assert evidence(b) == evidence(c) == ()
    assert not is_locked(a)


def test_a_coordinator_that_forges_replies_is_not_believed(
    network: TestNetwork, hospitals: tuple[Hospital, ...], tmp_path: Path
) -> None:
    """It can neither cosign for a hospital nor lock the node by an invented history."""
    a, _, _ = hospitals
    office = network.coordinator()

    async def scenario() -> None:
        async with (
            coordinating(network, tmp_path / "office") as address,
            attached(address, a) as (node,),
        ):
            offers = node.link._witnesses._correspondence
            sent: list[str] = []

            async def forge(member: str, envelope: Envelope) -> None:
                if envelope.payload_type != letters.REQUEST:
                    return
                sent.append(member)
                invented = Checkpoint(uri("a"), 9999, bytes(32)).text
                reply = letters.Reply(
                    request=canonical.digest(envelope.payload),
                    refusal=Reason.CHECKPOINT_OUTDATED.value,
                    held=str(note.sign(invented, name=uri("a"), key=office.signer.key)),
                )
                data = letters.reply_to_bytes(reply)
                await offers.receive(member, sign(letters.REPLY, data, office.signer))

            offers._send = forge
            offers._patience = 0.2
            said = await offers.offer_all()
            assert uri("b") in sent
            assert Said.COSIGNED not in said.values()
            assert Said.DISPUTED not in said.values()

    run(scenario())
    assert not is_locked(a)
    assert coverage(a).covered == 0


def test_a_log_begun_anew_without_its_stewards_is_not_cosigned(
    network: TestNetwork, hospitals: tuple[Hospital, ...], tmp_path: Path
) -> None:
    """Its entry names both and tells all, but only the node has signed it."""
    a, b, c = hospitals

    async def scenario() -> None:
        async with coordinating(network, tmp_path / "office") as address:
            await covered(address, a, b, c)
            begin(a, [a.credentials], approvals=stewards(network, "a"))
            async with attached(address, a, b, c, proof_patience=1.0) as (node, *_):
                with pytest.raises(WardnetError) as caught:
                    await node.link._witnesses.wait_until_proven()
            assert caught.value.reason is Reason.LOG_UNPROVEN

    run(scenario())
    assert held(b, f"{uri('a')}/2") is None
    assert held(c, f"{uri('a')}/2") is None


def test_an_older_beginning_is_not_cosigned_after_a_recovery(
    network: TestNetwork, hospitals: tuple[Hospital, ...], tmp_path: Path
) -> None:
    """Who goes on with the log of before the unlocking is locked by what came after it."""
    a, b, c = hospitals

    async def scenario() -> None:
        async with coordinating(network, tmp_path / "office") as address:
            await covered(address, a, b, c)
            backup = back_up(a)
            (a.home / "anchor.json").unlink()
            unlock(network, a)
            await covered(address, a, b, c)
            put_back(a, backup)
            async with attached(address, a, b, c):
                await until(lambda: is_locked(a))

    run(scenario())
    after = held(b, f"{uri('a')}/2")
    assert after is not None
