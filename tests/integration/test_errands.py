"""What the daemon does by itself with shares, and what it tells meanwhile."""

import asyncio
from pathlib import Path

import pytest

from support.sharing_desks import SETTINGS, STAYS, Desks, shares
from wardnet.errors import Reason, WardnetError
from wardnet.jobs import Jobs
from wardnet.sharing.consignment import Consignment
from wardnet.sharing.deidentification import Patient, kept
from wardnet.sharing.request import Basis
from wardnet_node.desk.shares.asking import Wish
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.sharing import errands
from wardnet_node.sharing.carrying.busy import only_here
from wardnet_node.sharing.carrying.carrier import Carrier
from wardnet_node.sharing.carrying.fetch import Progress
from wardnet_node.sharing.carrying.spool import Sealed, Spool
from wardnet_node.sharing.carrying.way import Telling, Way
from wardnet_node.sharing.errands import Errands
from wardnet_node.sharing.giving.owner import Owner

COLUMNS = ("age", "diagnosis")
AWAY = WardnetError(Reason.RELAY_AWAY, address="relay:7444", rule="nobody listens there")


class Porter(Carrier):
    """Carry nothing, and remember what was to be carried."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.brought: list[Consignment] = []
        self.taken_back: list[str] = []
        self.fetched: list[str] = []
        self.problem: WardnetError | None = None

    async def bring(self, consignment: Consignment, address: str, progress: Progress) -> None:
        """Remember a parcel."""
        assert address == "coordinator.example.org:7444"
        if self.problem is not None:
            raise self.problem
        progress(consignment.size, consignment.size)
        self.brought.append(consignment)
        self._spool.made(consignment.parcel).body.unlink()

    async def take_back(self, grant: str, address: str) -> None:
        """Remember a grant."""
        assert address
        self.taken_back.append(grant)

    async def fetch(self, share: Share, progress: Progress) -> Sealed:
        """Remember a share."""
        assert share.ready is not None
        if self.problem is not None:
            raise self.problem
        progress(1, 2)
        self.fetched.append(share.digest)
        return self._spool.fetched(share.ready.parcel)


class Working:
    """Run errands of a hospital, as often as a test wants."""

    def __init__(self, desks: Desks, *, at_north: bool = True) -> None:
        home = desks.north if at_north else desks.south
        self.desks, self.home = desks, home
        self.spool = Spool(home.home)
        self.porter = Porter(self.spool)
        self.proofs: list[WardnetError] = []

    def look(self, times: int = 1) -> None:
        """Let the daemon look, and end what it has begun."""
        asyncio.run(self._look(times))

    def way(self, share: Share) -> Way | None:
        """Return what is told of a share."""
        return Way.read(self.spool, share.digest)

    async def _proven(self) -> None:
        if self.proofs:
            raise self.proofs.pop()

    async def _look(self, times: int) -> None:
        home = self.home
        owner = Jobs(lambda: Owner.open(home.home, home.keystore, home.credentials, SETTINGS))
        running = Errands(owner, self.porter, self.spool, proven=self._proven)
        try:
            for _ in range(times):
                await running.look()
                await running.settled()
        finally:
            await owner.close(Owner.close)


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    """Give two hospitals; northside has granted what southport asked for."""
    desks = Desks(tmp_path)
    wish = Wish(
        owner="northside", basis=Basis.TREATMENT, purpose="To go on.", columns=COLUMNS, hours=2
    )
    with shares(desks.south) as south:
        asked = south.request(wish, dictionary=STAYS, stewards=[desks.south.steward("carla")])
    desks.carry()
    with shares(desks.north) as north:
        drafted = north.draft(asked.digest, kept(Patient.DROP, COLUMNS))
        north.grant(asked.digest, drafted, stewards=[desks.north.steward("anna")])
    desks.carry()
    return desks


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "FIRST_PAUSE", 0.0)


def test_a_granted_share_is_made_and_brought(desks: Desks) -> None:
    """Nobody has to send it; its body is gone here once it lies at the relay."""
    work = Working(desks)
    work.look(2)
    share = desks.newest(desks.north)
    assert share.state is State.READY
    assert share.ready is not None
    assert [one.parcel for one in work.porter.brought] == [share.ready.parcel]
    assert not work.spool.made(share.ready.parcel).body.exists()
    assert work.way(share) is None
    assert not list(work.spool.outgoing.glob("*.lock"))


def test_what_stands_in_the_way_is_told_and_tried_again(desks: Desks) -> None:
    """The parcel is made once; only the way to the relay is tried again."""
    work = Working(desks)
    work.porter.problem = AWAY
    work.look()
    share = desks.newest(desks.north)
    way = work.way(share)
    assert way is not None
    assert (way.what, way.problem) == ("on its way to the relay", str(AWAY))
    parcel = share.ready
    work.porter.problem = None
    work.look()
    assert desks.newest(desks.north).ready == parcel
    assert len(work.porter.brought) == 1
    assert work.way(share) is None


def test_nothing_is_brought_before_the_log_is_known_to_be_whole(desks: Desks) -> None:
    """A node that was put back has forgotten what it took back."""
    work = Working(desks)
    work.proofs = [WardnetError(Reason.LOG_UNPROVEN, hospital="northside")]
    work.look()
    assert work.porter.brought == []
    work.look()
    assert len(work.porter.brought) == 1


def test_what_cannot_be_made_is_told(desks: Desks) -> None:
    """The dataset was dropped meanwhile."""
    work = Working(desks)
    with desks.north.room() as room:
        room.vault.drop(STAYS.name)
    work.look()
    share = desks.newest(desks.north)
    assert share.state is State.GRANTED
    way = work.way(share)
    assert way is not None
    assert way.what == "being made"
    assert STAYS.name in way.problem
    assert not list(work.spool.outgoing.glob("*.body"))


def test_a_command_that_is_at_it_is_left_alone(desks: Desks) -> None:
    """One of them makes the parcel, not both."""
    work = Working(desks)
    share = desks.newest(desks.north)
    with only_here(work.spool.outgoing, share.digest):
        work.look()
        with pytest.raises(WardnetError) as refusal, only_here(work.spool.outgoing, share.digest):
            pass
    assert refusal.value.reason is Reason.IN_USE
    assert desks.newest(desks.north).state is State.GRANTED
    work.look()
    assert desks.newest(desks.north).state is State.READY


def test_what_was_taken_back_is_deleted_here_and_at_the_relay(desks: Desks) -> None:
    """Once; nothing of it is left."""
    work = Working(desks)
    work.look()
    share = desks.newest(desks.north)
    with shares(desks.north) as north:
        north.revoke(share.digest, reason="No.", stewards=[desks.north.steward("anna")])
    work.look(3)
    assert share.grant is not None
    assert work.porter.taken_back == [share.grant.digest]
    assert list(work.spool.outgoing.iterdir()) == []


def test_a_parcel_that_is_ready_is_fetched(desks: Desks) -> None:
    """The other side hears of it."""
    Working(desks).look()
    desks.carry()
    work = Working(desks, at_north=False)
    work.porter.problem = WardnetError(Reason.PARCEL_UNKNOWN)
    work.look()
    share = desks.newest(desks.south)
    way = work.way(share)
    assert way is not None
    assert way.what == "being fetched"
    assert "not yet, or no longer" in way.problem
    work.porter.problem = None
    work.look(2)
    assert work.porter.fetched == [share.digest]
    assert work.way(share) is None
    desks.carry()
    assert desks.newest(desks.north).state is State.FETCHED


def test_a_torn_file_of_the_way_says_nothing(tmp_path: Path) -> None:
    """It is a note, and no more."""
    spool = Spool(tmp_path)
    telling = Telling(spool, "ab" * 32)
    telling.begin("being made")
    telling.move(1, 4)
    path = spool.outgoing / f"{'ab' * 32}.way"
    assert Way.read(spool, "ab" * 32) is not None
    for text in ("", "{", "[]", '{"colour": 1}'):
        path.write_text(text)
        assert Way.read(spool, "ab" * 32) is None
    telling.end()
    assert not path.exists()
    assert Way("x", 1, 4).percent == 25
