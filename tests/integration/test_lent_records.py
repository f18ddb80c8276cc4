"""What another hospital lends is opened whole, used under its grant, and destroyed in time."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from support.hospital import Hospital
from support.lending import COLUMNS, WANTED, Lending, granted, lending, lending_hospitals
from support.pki import TestNetwork
from support.sharing import exchange, wish
from support.vaults import VISITS, visits, write_csv
from wardnet import clock
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.jobs import Jobs
from wardnet.sharing.deidentification import Patient
from wardnet.sharing.notice import Cause, Destroyed, Notice
from wardnet.sharing.request import Basis
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.notify import queue
from wardnet_node.notify.message import Kind
from wardnet_node.sharing.taking.expiry import Expiry
from wardnet_node.sharing.taking.recipient import Recipient

FRAME = visits(400, seed=7, patients=90)
NOISE = bytes(range(256)) * 9000
LETTER = {"Quackenbush.pdf": b"%PDF"}
OVER = timedelta(hours=3)
"""More than `WANTED` asks for."""


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture(scope="module")
def hospitals(network: TestNetwork, tmp_path_factory: pytest.TempPathFactory) -> list[Hospital]:
    """Return hospitals a and b."""
    return lending_hospitals(network, tmp_path_factory.mktemp("lending"), FRAME)


@pytest.fixture
def lent(network: TestNetwork, hospitals: list[Hospital]) -> Iterator[Lending]:
    """Return what b does with what a lends; what it holds at the end is given back."""
    with lending(network, hospitals) as opened:
        yield opened
        for share in opened.b.shares.list():
            if share.has_key:
                opened.recipient.destroy(share.digest)


def opened(lent: Lending, attachments: dict[str, bytes] | None = None) -> tuple[Share, str]:
    """Return a share that b has opened, and its dataset."""
    share = lent.fetched(attachments)
    name = lent.recipient.open_parcel(share.digest)
    return lent.b.shares.show(share.digest), name


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Move the clock."""
    usual = clock.now
    monkeypatch.setattr(clock, "now", lambda: usual() + by)


def table(lent: Lending, name: str) -> pd.DataFrame:
    """Return what b reads, as a table."""
    names = lent.recipient.columns(name)
    lines = [line for batch in lent.recipient.read(name) for line in batch]
    return pd.DataFrame(lines, columns=list(names))


def ordered(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """Return rows in an order of their own."""
    plain = frame[["record", *COLUMNS]].astype(object)
    plain = plain.where(plain.notna(), None)
    return sorted(plain.itertuples(index=False, name=None), key=str)


def refused(lent: Lending, share: Share, *, reading: bool = True) -> Reason:
    """Return why b can neither read nor open, the same for both."""
    act = lent.recipient.read if reading else lent.recipient.open_parcel
    with pytest.raises(WardnetError) as error:
        act(share.digest)
    return error.value.reason


def uses(lent: Lending) -> list[Entry]:
    """Return what b's log says of reading."""
    return [one for one in lent.b.entries() if one.type is EventType.SHARE_READ]


def test_what_is_opened_is_what_was_granted(lent: Lending) -> None:
    """Every row and value of the owner's table, the patients' own numbers, and the attachments."""
    share, name = opened(lent, {"scan.dcm": NOISE, "letter.pdf": b"%PDF"})
    assert name == f"visits-from-a-{granted(share).digest[:8]}"
    assert ordered(table(lent, name)) == ordered(FRAME)
    assert [part.name for part in lent.recipient.attachments(name)] == ["scan.dcm", "letter.pdf"]
    assert b"".join(lent.recipient.attachment(name, "scan.dcm")) == NOISE
    exchange(lent.a, lent.b)
    for side in (lent.a, lent.b):
        assert side.shares.show(share.digest).state is State.OPENED


def test_pseudonyms_come_as_they_were_made(lent: Lending) -> None:
    """They hold the rows of a patient together, and none is a patient's number."""
    share = lent.fetched(patient=Patient.PSEUDONYM)
    read = table(lent, lent.recipient.open_parcel(share.digest))
    assert sorted(read.groupby("record").size()) == sorted(FRAME.groupby("record").size())
    assert set(read["record"]).isdisjoint(FRAME["record"])


def test_rows_without_patients_are_patients_of_their_own(lent: Lending) -> None:
    """A grant that drops the ids gives columns alone."""
    share = lent.fetched(patient=Patient.DROP, wanted=wish(columns=("age", "sex")))
    name = lent.recipient.open_parcel(share.digest)
    assert lent.recipient.columns(name) == ("sex", "age")
    assert len(table(lent, name)) == len(FRAME)


def test_some_columns_and_the_first_rows_are_read(lent: Lending) -> None:
    """In the order that was asked for; a column that was not lent is refused."""
    share, _ = opened(lent)
    found = list(lent.recipient.read(share.digest, names=["sex", "age"], first=7))
    assert sum(map(len, found)) == 7
    assert {line[0] for batch in found for line in batch} <= {"female", "male"}
    with pytest.raises(WardnetError) as error:
        lent.recipient.read(share.digest, names=["note"])
    assert error.value.reason is Reason.SHARE_COLUMN_UNKNOWN
    with pytest.raises(WardnetError) as error:
        lent.recipient.attachment(share.digest, "scan.dcm")
    assert error.value.reason is Reason.ATTACHMENT_UNKNOWN


def test_every_use_is_logged_before_a_row_is_read(lent: Lending) -> None:
    """With grant, basis and columns, and without the names of attachments."""
    share, _ = opened(lent, LETTER)
    before = len(uses(lent))
    lent.recipient.read(share.digest, names=["sex"])
    lent.recipient.attachment(share.digest, "Quackenbush.pdf")
    rows, attachment = uses(lent)[before:]
    for entry in (rows, attachment):
        assert (entry.outcome, entry.purpose) == (Outcome.DONE, Basis.TREATMENT.value)
        assert entry.agreement == granted(share).digest
        assert entry.request_digest == share.digest
    assert rows.operation == "rows: sex"
    assert attachment.operation == "attachment 1 (application/octet-stream)"


def test_opening_twice_is_refused_in_words(lent: Lending) -> None:
    """It says into which dataset it was opened; the first one stays whole."""
    share, name = opened(lent)
    with pytest.raises(WardnetError, match=f"opened before, into {name}") as error:
        lent.recipient.open_parcel(share.digest)
    assert error.value.reason is Reason.SHARE_DECIDED
    assert lent.b.entries()[-1].outcome is Outcome.REFUSED
    assert len(table(lent, name)) == len(FRAME)


def test_nothing_is_read_before_it_was_opened(lent: Lending) -> None:
    """Nor is what was granted, but not fetched, opened."""
    asked = lent.grant(lent.ask())
    assert refused(lent, asked, reading=False) is Reason.SHARE_DECIDED
    share = lent.deliver(asked, lent.seal(asked))
    assert refused(lent, share) is Reason.SHARE_DECIDED
    lent.files(share).body.unlink()
    assert refused(lent, share, reading=False) is Reason.PARCEL_INCOMPLETE


def test_the_owner_opens_nothing(lent: Lending) -> None:
    """Its own request it has not made."""
    share = lent.fetched()
    home = lent.a.hospital
    owner = Recipient.open(home.home, home.keystore, home.credentials)
    for act in (owner.open_parcel, owner.read, owner.destroy):
        with pytest.raises(WardnetError) as error:
            act(share.digest)
        assert error.value.reason is Reason.SHARE_NOT_FOR_US
    owner.close()


def test_what_was_lent_is_in_no_question_and_no_other_share(lent: Lending, tmp_path: Path) -> None:
    """It is not announced, no query can pin it, and it is neither loaded into nor dropped."""
    share, name = opened(lent)
    with lent.b.hospital.desk() as desk:
        assert name in {item.name for item in desk.datasets()}
        assert {item.name for item in desk.held()} == {"cardiology"}
    path = write_csv(FRAME, tmp_path / "a.csv")
    with lent.b.hospital.vault() as vault:
        for act in (
            lambda: vault.pin(name),
            lambda: vault.patients(name),
            lambda: vault.drop(name),
            lambda: vault.load(name, path),
        ):
            with pytest.raises(WardnetError) as error:
                act()
            assert error.value.reason is Reason.DATASET_RECEIVED
        assert vault.adopted(name).dictionary.name == "visits"
        (summary,) = (item for item in vault.datasets() if item.name == name)
    assert (summary.share, summary.rows) == (share.digest, len(FRAME))


def gone(lent: Lending, share: Share, name: str, before: set[Path]) -> None:
    """Check that no key and no file of a share is left."""
    keyring = (lent.b.hospital.home / "keyring.json").read_text()
    assert f"share-{share.digest}" not in keyring
    assert keyring.count("wrapped") == 1
    assert not lent.files(share).header.exists()
    assert not lent.files(share).body.exists()
    assert set((lent.b.hospital.home / "vault" / "seg").iterdir()) == before
    assert name not in lent.recipient.granted()


def cause(lent: Lending, share: Share) -> Cause:
    """Return why b has destroyed what it held, as a has it from the receipt."""
    notice = lent.a.shares.statements(share.digest)[-1].statement
    assert isinstance(notice, Notice)
    assert isinstance(notice.said, Destroyed)
    return notice.said.cause


def test_a_steward_gives_back_what_was_lent(lent: Lending) -> None:
    """Keys and files are gone at once, and the owner has the receipt."""
    before = set((lent.b.hospital.home / "vault" / "seg").iterdir())
    share, name = opened(lent, LETTER)
    lent.recipient.destroy(share.digest, stewards=lent.b.stewards)
    gone(lent, share, name, before)
    assert refused(lent, share) is Reason.SHARE_ENDED
    exchange(lent.a, lent.b)
    assert lent.a.shares.show(share.digest).state is State.DESTROYED
    kinds = [entry.type for entry in lent.a.entries()]
    assert kinds[-1] is EventType.SHARE_DESTROYED


def test_what_is_over_is_destroyed_when_the_daemon_looks(
    lent: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened or only fetched; owner and stewards are told, and a second look does nothing."""
    before = set((lent.b.hospital.home / "vault" / "seg").iterdir())
    share, name = opened(lent, LETTER)
    closed = lent.fetched()
    lent.recipient.expire()
    assert refused(lent, closed) is Reason.SHARE_DECIDED
    with lent.b.hospital.catalog() as catalog, catalog.transaction() as connection:
        connection.execute("DELETE FROM notifications")
    later(monkeypatch, OVER)
    home = lent.b.hospital
    thread = Jobs(lambda: Recipient.open(home.home, home.keystore, home.credentials))

    async def look() -> None:
        await Expiry(thread).look()
        await thread.close(Recipient.close)

    asyncio.run(look())
    gone(lent, share, name, before)
    assert not lent.files(closed).body.exists()
    exchange(lent.a, lent.b)
    for one in (share, closed):
        assert lent.a.shares.show(one.digest).state is State.DESTROYED
        assert cause(lent, one) is Cause.EXPIRED
    with lent.b.hospital.catalog() as catalog, catalog.reading() as connection:
        waiting = queue.standings(connection)
    assert {one.kind for one in waiting} == {Kind.SHARE_EXPIRED}
    assert lent.recipient.expire() == ()


def test_a_read_after_the_end_is_refused_and_destroys(
    lent: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no daemon runs; the refusal is in the log."""
    before = set((lent.b.hospital.home / "vault" / "seg").iterdir())
    share, name = opened(lent, LETTER)
    later(monkeypatch, OVER)
    assert refused(lent, share) is Reason.SHARE_ENDED
    gone(lent, share, name, before)
    assert uses(lent)[-1].outcome is Outcome.REFUSED
    assert uses(lent)[-1].reason is Reason.SHARE_ENDED


def test_opening_after_the_end_is_refused_and_destroys(
    lent: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parcel that was fetched in time is too late, too."""
    share = lent.fetched()
    later(monkeypatch, OVER)
    assert refused(lent, share, reading=False) is Reason.SHARE_ENDED
    assert not lent.files(share).body.exists()
    assert not lent.b.shares.show(share.digest).has_key


def test_a_clock_that_is_put_back_prolongs_nothing(
    lent: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest moment that was seen counts, whether by a look or by another entry of the log."""
    share, _ = opened(lent)
    with monkeypatch.context() as patch:
        later(patch, OVER)
        lent.b.shares.request(WANTED, dictionary=VISITS, stewards=lent.b.stewards)
    assert refused(lent, share) is Reason.SHARE_ENDED


def test_a_clock_that_once_ran_ahead_ends_nothing_that_begins_later(
    lent: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was lent after it was put right is read until its own time is over."""
    asked = lent.ask()
    with monkeypatch.context() as patch:
        later(patch, OVER)
        lent.recipient.expire()
    share = lent.fetched()
    name = lent.recipient.open_parcel(share.digest)
    assert len(table(lent, name)) == len(FRAME)
    lent.b.shares.destroy(asked.digest, cause=Cause.UNWANTED)


def test_what_is_taken_back_is_destroyed(lent: Lending) -> None:
    """As soon as the letter is here; the receipt says why."""
    before = set((lent.b.hospital.home / "vault" / "seg").iterdir())
    share, name = opened(lent, LETTER)
    lent.a.shares.revoke(share.digest, reason="A mistake.", stewards=lent.a.stewards)
    exchange(lent.a, lent.b)
    assert [one.digest for one in lent.recipient.expire()] == [share.digest]
    gone(lent, share, name, before)
    assert refused(lent, share) is not Reason.SHARE_UNKNOWN
    exchange(lent.a, lent.b)
    assert cause(lent, share) is Cause.REVOKED


def test_reading_stops_when_it_is_taken_back_in_the_middle(
    lent: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No batch is given out after the end."""
    monkeypatch.setattr("wardnet_node.sharing.taking.plain_rows.BATCH_ROWS", 100)
    share, _ = opened(lent)
    batches = lent.recipient.read(share.digest)
    assert len(next(batches)) == 100
    lent.a.shares.revoke(share.digest, reason="A mistake.", stewards=lent.a.stewards)
    exchange(lent.a, lent.b)
    with pytest.raises(WardnetError) as error:
        next(batches)
    assert error.value.reason is Reason.SHARE_REVOKED


@pytest.mark.parametrize(
    "step",
    [
        "wardnet_node.vault.store.Store.finish_drops",
        "wardnet_node.vault.keys.Keyring.destroy",
        "wardnet_node.sharing.carrying.spool.Spool.discard",
        "wardnet_node.desk.shares.shares.Shares.destroy",
    ],
)
def test_a_destruction_that_was_interrupted_is_finished(
    lent: Lending, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Before each of its steps; nothing is read in between, and the receipt comes at the end."""
    before = set((lent.b.hospital.home / "vault" / "seg").iterdir())
    share, name = opened(lent, LETTER)
    with monkeypatch.context() as patch:
        patch.setattr(step, _killed)
        with pytest.raises(KeyboardInterrupt):
            lent.recipient.destroy(share.digest, cause=Cause.EXPIRED)
    home = lent.b.hospital
    later(monkeypatch, OVER)
    again = Recipient.open(home.home, home.keystore, home.credentials)
    again.expire()
    again.close()
    gone(lent, share, name, before)
    exchange(lent.a, lent.b)
    assert lent.a.shares.show(share.digest).state is State.DESTROYED


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
