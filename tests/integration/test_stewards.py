"""How a steward proves who she is: password and code, a few attempts, each code once."""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support.pki import PASSPHRASE, TestNetwork
from support.ward import Ward, fingerprint
from wardnet import clock
from wardnet.audit.entry import EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Role
from wardnet_node.desk.door import LOCKED, MAXIMUM_WRONG, STEP_SECONDS, code_at
from wardnet_node.desk.stewards import FOLDER, Stewards, StewardState

SECRET = bytes(range(20))
STEP = timedelta(seconds=STEP_SECONDS)


class Watch:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return its moment."""
        return self.at

    @property
    def code(self) -> str:
        """Return the present code."""
        return code_at(SECRET, at=self.at)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Return the clock of this test."""
    watch = Watch(clock.now())
    monkeypatch.setattr(clock, "now", watch.now)
    return watch


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """Return hospital a with steward sue, whose authenticator has a known secret."""
    ward = Ward(TestNetwork(), tmp_path / "a")
    Keystore.unlock(ward.home / FOLDER / "sue", PASSPHRASE).seal("totp", SECRET)
    return ward


@pytest.fixture
def stewards(ward: Ward) -> Iterator[Stewards]:
    """Open the stewards."""
    with ward.stewards() as stewards:
        yield stewards


def test_password_and_code_let_a_steward_in(stewards: Stewards, watch: Watch, ward: Ward) -> None:
    """Her credentials come out, and the log says that she came."""
    credentials = stewards.log_in("sue", password=PASSPHRASE, code=watch.code)
    assert credentials.member == ward.steward().member
    last = ward.entries()[-1]
    assert (last.type, last.outcome) == (EventType.STEWARD_LOGIN, Outcome.DONE)
    assert last.actor.subject == "wardnet://heartnet/steward/sue"


def test_a_command_asks_for_the_password_only(stewards: Stewards) -> None:
    """Whoever runs it has the node's passphrase and machine."""
    assert stewards.unlock("sue", password=PASSPHRASE).member.id == "sue"


def test_the_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B, its SHA-1 column (8 digits there, the last 6 here)."""
    secret = b"12345678901234567890"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        at = clock.from_moment("1970-01-01T00:00:00.000Z") + timedelta(seconds=seconds)
        assert code_at(secret, at=at) == code


def test_a_code_is_used_once(stewards: Stewards, watch: Watch, ward: Ward) -> None:
    """Not even by another process, nor an older code afterwards."""
    before = code_at(SECRET, at=watch.at - STEP)
    stewards.log_in("sue", password=PASSPHRASE, code=watch.code)
    with ward.stewards() as other:
        for code in (watch.code, before):
            with pytest.raises(WardnetError) as caught:
                other.log_in("sue", password=PASSPHRASE, code=code)
            assert caught.value.reason is Reason.LOGIN_REFUSED
    watch.at += STEP
    stewards.log_in("sue", password=PASSPHRASE, code=watch.code)


@pytest.mark.parametrize("steps", [-1, 1])
def test_a_clock_may_be_off_by_a_step(stewards: Stewards, watch: Watch, steps: int) -> None:
    """The code before and the code after hold too."""
    code = code_at(SECRET, at=watch.at + steps * STEP)
    stewards.log_in("sue", password=PASSPHRASE, code=code)


@pytest.mark.parametrize("steps", [-2, 2, 100])
def test_an_old_or_early_code_is_refused(stewards: Stewards, watch: Watch, steps: int) -> None:
    """No further than that."""
    code = code_at(SECRET, at=watch.at + steps * STEP)
    with pytest.raises(WardnetError) as caught:
        stewards.log_in("sue", password=PASSPHRASE, code=code)
    assert caught.value.reason is Reason.LOGIN_REFUSED


@pytest.mark.parametrize(
    "attempt",
    [
        ("sue", "another password", None),
        ("sue", PASSPHRASE, "000000"),
        ("sue", PASSPHRASE, ""),
        ("sue", PASSPHRASE, "٣٣٣٣٣٣"),
        ("eve", PASSPHRASE, None),
        ("../stewards/sue", PASSPHRASE, None),
        ("", PASSPHRASE, None),
    ],
)
def test_whatever_is_wrong_the_sentence_is_the_same(
    stewards: Stewards, watch: Watch, ward: Ward, attempt: tuple[str, str, str | None]
) -> None:
    """Nobody learns which part was right; unknown names are not written into the log."""
    name, password, code = attempt
    with pytest.raises(WardnetError) as caught:
        stewards.log_in(name, password=password, code=watch.code if code is None else code)
    assert str(caught.value) == str(WardnetError(Reason.LOGIN_REFUSED))
    assert ward.refusals() == [(EventType.STEWARD_LOGIN, Reason.LOGIN_REFUSED)]
    subject = ward.entries()[-1].actor.subject
    assert subject == ("wardnet://heartnet/steward/sue" if name == "sue" else "unknown")


def test_ten_wrong_codes_lock_the_steward_out_for_a_while(
    stewards: Stewards, watch: Watch, ward: Ward
) -> None:
    """Right answers do not help then, not even in a new process; after the time they do."""
    for _ in range(MAXIMUM_WRONG):
        with pytest.raises(WardnetError):
            stewards.log_in("sue", password=PASSPHRASE, code="000000")
    with ward.stewards() as other:
        with pytest.raises(WardnetError) as caught:
            other.log_in("sue", password=PASSPHRASE, code=watch.code)
        assert caught.value.reason is Reason.LOGIN_REFUSED
        with pytest.raises(WardnetError):
            other.unlock("sue", password=PASSPHRASE)
        watch.at += LOCKED
        other.log_in("sue", password=PASSPHRASE, code=watch.code)
    assert len(ward.refusals()) == MAXIMUM_WRONG + 2


def test_a_right_login_forgets_the_wrong_ones(stewards: Stewards, watch: Watch) -> None:
    """Nine wrong ones, a right one, and nine more do not lock."""
    for _ in range(3):
        for _ in range(MAXIMUM_WRONG - 1):
            with pytest.raises(WardnetError):
                stewards.unlock("sue", password="wrong")
        stewards.log_in("sue", password=PASSPHRASE, code=watch.code)
        watch.at += STEP


def test_a_lost_authenticator_is_replaced(stewards: Stewards, watch: Watch) -> None:
    """By the password; the old codes end, the new ones hold."""
    with pytest.raises(WardnetError):
        stewards.new_codes("sue", password="wrong")
    uri = stewards.new_codes("sue", password=PASSPHRASE)
    secret = base64.b32decode(parse_qs(urlsplit(uri).query)["secret"][0])
    with pytest.raises(WardnetError):
        stewards.log_in("sue", password=PASSPHRASE, code=watch.code)
    stewards.log_in("sue", password=PASSPHRASE, code=code_at(secret, at=watch.at))


@pytest.mark.parametrize("name", ["sue", "eve", ""])
def test_a_refusal_takes_as_long_for_a_name_that_nobody_has(
    stewards: Stewards, watch: Watch, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A password is tried each time, also while the name is locked: nothing can be probed."""
    tried: list[Path] = []
    slow = Keystore.unlock

    def unlock(home: Path, passphrase: str) -> Keystore:
        tried.append(home)
        return slow(home, passphrase)

    monkeypatch.setattr(Keystore, "unlock", unlock)
    for _ in range(MAXIMUM_WRONG + 2):
        with pytest.raises(WardnetError) as caught:
            stewards.log_in(name, password="wrong", code=watch.code)
        assert str(caught.value) == str(WardnetError(Reason.LOGIN_REFUSED))
    assert len(tried) == MAXIMUM_WRONG + 2
    if name != "sue":  # her own name was not counted
        stewards.log_in("sue", password=PASSPHRASE, code=watch.code)


def test_a_steward_changes_her_password(stewards: Stewards, ward: Ward) -> None:
    """By the old one; from then on only the new one holds, and the log says so."""
    new = "a new long passphrase"
    with pytest.raises(WardnetError):
        stewards.change_password("sue", password="wrong", new=new)
    with pytest.raises(WardnetError) as caught:
        stewards.change_password("sue", password=PASSPHRASE, new="short")
    assert caught.value.reason is Reason.PASSPHRASE_WEAK
    stewards.change_password("sue", password=PASSPHRASE, new=new)
    last = ward.entries()[-1]
    assert (last.type, last.actor.subject) == (
        EventType.PASSWORD_CHANGED,
        "wardnet://heartnet/steward/sue",
    )
    stewards.unlock("sue", password=new)
    with pytest.raises(WardnetError):
        stewards.unlock("sue", password=PASSPHRASE)


def test_two_others_remove_a_steward(tmp_path: Path) -> None:
    """Her key leaves the book and the disk; her own signature does not count for it."""
    ward = Ward(TestNetwork(), tmp_path / "a", stewards=("sue", "sam", "tom"))
    sue, sam, tom = map(ward.steward, ("sue", "sam", "tom"))
    with ward.stewards() as stewards, ward.decisions() as decisions:
        for signing in ([sam], [sam, sam], [sam, sue]):
            with pytest.raises(WardnetError) as caught:
                stewards.remove("sue", stewards=signing)
            assert caught.value.reason is Reason.APPROVAL_MISSING
        assert (ward.home / FOLDER / "sue").exists()
        stewards.remove("sue", stewards=[sam, tom])
        assert [item.id for item in stewards.list()] == ["sam", "tom"]
        own = decisions.book().organisation("a")
        assert own is not None
        assert [steward.id for steward in own.stewards] == ["sam", "tom"]
        with pytest.raises(WardnetError) as caught:
            stewards.remove("sue", stewards=[sam, tom])
        assert caught.value.reason is Reason.PARAMETER_INVALID
    assert not (ward.home / FOLDER / "sue").exists()
    kinds = [entry.type for entry in ward.entries()]
    assert EventType.STEWARD_REMOVED in kinds


def test_stewards_are_listed_with_their_standing(ward: Ward) -> None:
    """Enrolled here is one thing; written in the address book is what counts."""
    ward.network.settle(ward.home / FOLDER / "sam", Role.STEWARD, "sam")
    with ward.stewards() as stewards:
        assert stewards.list() == (
            StewardState("sam", fingerprint(ward.steward("sam")), in_book=False),
            StewardState("sue", fingerprint(ward.steward("sue")), in_book=True),
        )
