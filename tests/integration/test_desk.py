"""What the hospital's desk remembers of its decisions: over restarts, and when it was set back."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import agreement, count_query, signed, steward, study
from wardnet import canonical, clock
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.transport.work import Work, WorkId
from wardnet_node.desk.accept import Refused
from wardnet_node.desk.anchor import FILE_NAME
from wardnet_node.desk.desk import Desk
from wardnet_node.desk.gate import Opened


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has agreed to ada's study."""
    return Hospital(network, tmp_path / "a")


@contextmanager
def started(hospital: Hospital) -> Iterator[Desk]:
    """Open the desk as the daemon does, and close it in order."""
    with hospital.desk() as desk:
        desk.start()
        yield desk


def work(network: TestNetwork, **changes: object) -> Work:
    """Return the guard round of a new query's first attempt."""
    envelope = signed(network, count_query(network, **changes))  # type: ignore[arg-type]
    return Work(WorkId(canonical.digest(envelope.payload), 1, 0), envelope, ("a", "b"), ())


def reasons(desk: Desk, asked: Work) -> list[Reason]:
    """Return why the desk does not open some work."""
    with pytest.raises(Refused) as caught:
        desk.open(asked)
    return [error.reason for error in caught.value.reasons]


def release(desk: Desk, asked: Work, opened: Opened) -> None:
    """Release something for some work."""
    transcripts = [opened.session.transcript]
    desk.release(
        asked.id, opened=opened, message=b"part", transcripts=transcripts, event=opened.event
    )


def narrow(hospital: Hospital, network: TestNetwork, **changes: object) -> dict[str, str]:
    """Let hospital a's steward sign a second, narrower agreement; return what queries then name."""
    with hospital.decisions() as decisions:
        narrower = agreement(network, revision=2, **changes)  # type: ignore[arg-type]
        state = decisions.accept(
            study(network).digest, stewards=[steward(network, "a")], narrowed=narrower
        )
    assert state.agreement is not None
    return {"a": state.agreement.digest, "b": agreement(network, "b").digest}


def test_a_nonce_stays_used_after_a_restart(network: TestNetwork, hospital: Hospital) -> None:
    """The same bytes are taken up again; other bytes under the same nonce are a replay."""
    first, second = work(network), work(network, parameters={})
    with started(hospital) as desk:
        desk.open(first)
        assert reasons(desk, second) == [Reason.QUERY_REPLAYED]
    with started(hospital) as desk:
        assert desk.open(first).query.nonce == "0" * 32
        assert reasons(desk, second) == [Reason.QUERY_REPLAYED]


def test_an_accepted_query_goes_on_after_its_time_of_start(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the start must lie in its own short time; the rounds may take longer, over restarts."""
    asked = work(network)
    with started(hospital) as desk:
        desk.open(asked)
    late = work(network, nonce="1" * 32)
    hour_later = clock.now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: hour_later)
    with started(hospital) as desk:
        assert desk.take_up(asked.id, opened=desk.open(asked)) is None
        assert reasons(desk, late) == [Reason.QUERY_EXPIRED]


def test_a_quota_counts_questions_and_not_how_often_they_are_asked(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The same exact question has the same answer, costs nothing, and stays allowed for good."""
    agreements = narrow(hospital, network, quota=1)
    with started(hospital) as desk:
        opened = desk.open(work(network, agreements=agreements))
    with started(hospital) as desk:
        assert desk.take_up(WorkId("0" * 64, 1, 1), opened=opened) is None
        desk.open(work(network, agreements=agreements, nonce="1" * 32))
        other = work(network, agreements=agreements, nonce="2" * 32, parameters={})
        assert reasons(desk, other) == [Reason.QUOTA_USED_UP]


def test_a_question_of_new_rows_counts_again(network: TestNetwork, hospital: Hospital) -> None:
    """Its answer may be another."""
    agreements = narrow(hospital, network, quota=1)
    with started(hospital) as desk:
        desk.open(work(network, agreements=agreements))
    hospital.load({"female": 12}, append=True)
    with started(hospital) as desk:
        again = work(network, agreements=agreements, nonce="1" * 32)
        assert reasons(desk, again) == [Reason.QUOTA_USED_UP]


def test_a_revocation_between_the_sums_and_their_release_stops_the_release(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The last check is in the transaction of the release; nothing of it is kept then."""
    asked = work(network)
    with started(hospital) as desk:
        opened = desk.open(asked)
        with hospital.decisions() as decisions:
            decisions.revoke(
                study(network).digest, steward=steward(network, "a"), reason="the trial has ended"
            )
        takes_up = partial(desk.take_up, asked.id, opened=opened)
        for stopped in (takes_up, partial(release, desk, asked, opened)):
            with pytest.raises(Refused) as caught:
                stopped()
            assert [error.reason for error in caught.value.reasons] == [Reason.AGREEMENT_REVOKED]
        assert desk.take_up(asked.id, opened=None) is None
        assert reasons(desk, work(network, nonce="1" * 32)) == [Reason.AGREEMENT_REVOKED]


def test_a_part_made_again_leaves_only_while_it_is_waited_for(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Not for a query that has ended meanwhile, and not once the coordinator has it."""

    def recalled(desk: Desk, asked: Work, opened: Opened) -> bool:
        return desk.recall(asked.id, opened=opened, transcripts=[opened.session.transcript])

    asked, other = work(network), work(network, nonce="1" * 32)
    with started(hospital) as desk:
        opened = desk.open(asked)
        release(desk, asked, opened)
        assert recalled(desk, asked, opened)
        desk.end(asked.id.query)
        assert not recalled(desk, asked, opened)
        opened = desk.open(other)
        release(desk, other, opened)
        desk.acknowledge(str(other.id))
        assert not recalled(desk, other, opened)


def test_a_refusal_takes_the_place_of_nothing_that_is_kept(
    network: TestNetwork, hospital: Hospital
) -> None:
    """What was made is sent again, whatever speaks against it now; it is not taken back."""
    asked = work(network)
    with started(hospital) as desk:
        release(desk, asked, desk.open(asked))
        before = len(hospital.entries())
        kept = desk.refuse(asked, [WardnetError(Reason.LOG_STALE, hospital="a")])
        assert kept is not None
        assert kept.message == b"part"
        desk.acknowledge(str(asked.id))
        assert desk.refuse(asked, [WardnetError(Reason.LOG_STALE, hospital="a")]) is None
        assert len(hospital.entries()) == before


def test_a_newer_agreement_stops_what_rests_on_the_older_one(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The hospital's last word holds, also in mid-query."""
    asked = work(network)
    with started(hospital) as desk:
        opened = desk.open(asked)
        narrow(hospital, network, minimum_patients=20)
        with pytest.raises(Refused) as caught:
            release(desk, asked, opened)
    assert [error.reason for error in caught.value.reasons] == [Reason.AGREEMENT_SUPERSEDED]


def test_an_explanation_uses_nothing_up(network: TestNetwork, hospital: Hospital) -> None:
    """Neither nonce nor quota; the log alone knows."""
    agreements = narrow(hospital, network, quota=1)
    asked = work(network, agreements=agreements)
    with started(hospital) as desk:
        assert [desk.explain(asked.query) for _ in range(3)] == [()] * 3
        desk.open(work(network, agreements=agreements, parameters={}))
        assert [error.reason for error in desk.explain(asked.query)] == [
            Reason.QUOTA_USED_UP,
            Reason.QUERY_REPLAYED,
        ]
    explained = [entry for entry in hospital.entries() if entry.type is EventType.QUERY_EXPLAINED]
    both = (Reason.QUOTA_USED_UP, Reason.QUERY_REPLAYED)
    assert [entry.reasons for entry in explained] == [(), (), (), both]
    assert explained[-1].reason is both[0]


def test_the_log_keeps_every_reason_of_a_refusal(network: TestNetwork, hospital: Hospital) -> None:
    """Who looks through the refusals later sees the same as the researcher."""
    asked = work(network, dataset="nephrology", dictionary="f" * 64)
    with started(hospital) as desk:
        with pytest.raises(Refused) as caught:
            desk.open(asked)
        desk.refuse(asked, caught.value.reasons)
    refusals = [entry for entry in hospital.entries() if entry.type is EventType.QUERY_FAILED]
    told = tuple(dict.fromkeys(error.reason for error in caught.value.reasons))
    assert len(told) > 1
    assert [entry.reasons for entry in refusals] == [told]


def test_a_backup_of_the_catalog_that_was_put_back_is_not_served(
    network: TestNetwork, hospital: Hospital
) -> None:
    """It has forgotten a nonce; the node says so and answers nothing, however often it starts."""
    with started(hospital):
        pass
    backup = kept(hospital)
    with started(hospital) as desk:
        desk.open(work(network))
    put_back(hospital, backup)
    for _ in range(2):
        assert locked(network, hospital) is Reason.NODE_LOCKED
    assert EventType.QUERY_ACCEPTED not in [entry.type for entry in hospital.entries()]


def test_a_catalog_that_was_put_back_and_grew_on_is_not_served(
    network: TestNetwork, hospital: Hospital
) -> None:
    """A longer log is not enough: it must hold the entry that was there."""
    with started(hospital):
        pass
    backup = kept(hospital)
    with started(hospital) as desk:
        desk.open(work(network))
    put_back(hospital, backup)
    for _ in range(5):
        hospital.load({"female": 20})
    assert locked(network, hospital) is Reason.NODE_LOCKED


def test_a_node_that_was_killed_starts_again(network: TestNetwork, hospital: Hospital) -> None:
    """The anchor never runs ahead of the log; what commands log while nobody serves is fine."""
    asked = work(network)
    with hospital.desk() as desk:
        desk.start()
        desk.open(asked)
        desk._started = False  # killed: it does not say that it stops
    hospital.load({"female": 20})
    with started(hospital) as desk:
        assert desk.take_up(asked.id, opened=desk.open(asked)) is None


def test_an_anchor_that_is_gone_is_missed(network: TestNetwork, hospital: Hospital) -> None:
    """Whoever puts an old catalog back cannot just take the anchor away."""
    with started(hospital):
        pass
    (hospital.home / FILE_NAME).unlink()
    assert locked(network, hospital) is Reason.NODE_LOCKED


def test_the_anchor_is_for_the_node_only(hospital: Hospital) -> None:
    """It is written for its owner, and refused when others could have written it."""
    with started(hospital):
        pass
    path = hospital.home / FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o666)
    assert refused_start(hospital).reason is Reason.FILE_MODE


def refused_start(hospital: Hospital) -> WardnetError:
    """Return why the daemon does not start; it leaves no trace then."""
    before = hospital.entries()
    with hospital.desk() as desk, pytest.raises(WardnetError) as caught:
        desk.start()
    assert hospital.entries() == before
    return caught.value


def locked(network: TestNetwork, hospital: Hospital) -> Reason:
    """Return why a node that has started refuses every question; its log says so."""
    asked = work(network, nonce="9" * 32)
    with started(hospital) as desk:
        with pytest.raises(Refused) as caught:
            desk.open(asked)
        desk.refuse(asked, caught.value.reasons)
    reason = caught.value.reasons[0].reason
    (refusal,) = [one for one in hospital.entries()[-2:] if one.type is EventType.QUERY_FAILED]
    assert refusal.reason is reason
    return reason


def kept(hospital: Hospital) -> Path:
    """Return a copy of the hospital's catalog."""
    backup = hospital.home.with_name("backup")
    backup.mkdir()
    for path in hospital.home.glob("catalog.db*"):
        shutil.copy2(path, backup)
    return backup


def put_back(hospital: Hospital, backup: Path) -> None:
    """Put a copy of the catalog in place of the present one."""
    for path in hospital.home.glob("catalog.db*"):
        path.unlink()
    for path in backup.iterdir():
        shutil.copy2(path, hospital.home)
