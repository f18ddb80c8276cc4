"""The daemon tells stewards what waits, through restarts of both ends, and holds nothing up."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.desk import DeskHome
from support.member import wait_until
from support.pki import PASSPHRASE, TestNetwork
from support.receivers import Authority, Mailbox, https_receiver, mail_server
from wardnet import clock
from wardnet.errors import CATALOGUE, Reason, WardnetError
from wardnet.jobs import Jobs
from wardnet_node.cli import main
from wardnet_node.notify import notifier, queue
from wardnet_node.notify.channels import Way
from wardnet_node.notify.message import Kind, Message
from wardnet_node.notify.notifier import Notifier
from wardnet_node.notify.queue import Channel, Standing
from wardnet_node.vault.catalog import Catalog

PROGRAM = Path(sys.executable).parent / "wardnet-node"
DAY = timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path) -> DeskHome:
    """Give a hospital with a study that waits, its passphrase in a file, and an authority."""
    folder = tmp_path / "home"
    folder.mkdir()
    secret = base64.b64encode(bytes(32)).decode()
    for name, text in (("passphrase", PASSPHRASE), ("secret", f"whsec_{secret}")):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(text)
    return DeskHome(TestNetwork(), folder)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return who vouches for the receiver."""
    return Authority(tmp_path)


def by_mail(port: int) -> dict[str, str]:
    """Return the settings of a mail server on this machine."""
    return {
        "WARDNET_NODE_NOTIFY_MAIL_SERVER": f"localhost:{port}",
        "WARDNET_NODE_NOTIFY_MAIL_SECURITY": "plain",
        "WARDNET_NODE_NOTIFY_MAIL_FROM": "wardnet@hospital.example",
        "WARDNET_NODE_NOTIFY_MAIL_TO": '["anna@hospital.example"]',
    }


def by_webhook(home: DeskHome, port: int) -> dict[str, str]:
    """Return the settings of a receiver on this machine."""
    return {
        "WARDNET_NODE_NOTIFY_WEBHOOK": f"https://localhost:{port}/alerts",
        "WARDNET_NODE_NOTIFY_WEBHOOK_SECRET_FILE": str(home.home.parent / "secret"),
        "WARDNET_NODE_NOTIFY_AUTHORITY": str(home.home.parent / "root.pem"),
    }


def environment(home: DeskHome, settings: dict[str, str]) -> dict[str, str]:
    """Return the variables under which a command works on a home."""
    return {
        "WARDNET_NODE_HOME": str(home.home),
        "WARDNET_NODE_PASSPHRASE_FILE": str(home.home.parent / "passphrase"),
        "WARDNET_NODE_ADDRESS": "127.0.0.1:1",
        "WARDNET_NODE_WORKERS": "1",
        **settings,
    }


@contextmanager
def serving(
    home: DeskHome, settings: dict[str, str], *, until: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon, give it once it has logged an event, and kill it at the end."""
    process = subprocess.Popen(
        [PROGRAM, "serve"],
        env=os.environ | environment(home, settings),
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        assert any(json.loads(line)["event"] == until for line in process.stderr)
        yield process
    finally:
        process.kill()
        process.communicate()


def command(home: DeskHome, settings: dict[str, str], *words: str) -> Result:
    """Run a command of the node."""
    return CliRunner().invoke(main, words, env=environment(home, settings))


def waiting(home: DeskHome, channel: Channel) -> tuple[Standing, ...]:
    """Return what waits for a channel."""
    with home.catalog() as catalog, catalog.reading() as connection:
        found = queue.standings(connection)
    return tuple(one for one in found if one.channel is channel and one.id)


def run(
    home: DeskHome,
    ways: dict[Channel, Way],
    scenario: Callable[[Notifier], Awaitable[None]],
    *,
    give_up: timedelta = DAY,
) -> None:
    """Run a scenario over a notifier in this process."""

    async def started() -> None:
        catalog = Jobs(lambda: Catalog.open(home.home, home.keystore))
        member = home.credentials.member
        try:
            await scenario(Notifier(member=member, ways=ways, catalog=catalog, give_up=give_up))
        finally:
            await catalog.close(Catalog.close)

    asyncio.run(started())


class Receiver:
    """A way that takes messages, or refuses them, in this process.

    Parameters
    ----------
    down : bool
        Whether it refuses.
    """

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.got: list[Message] = []

    @property
    def way(self) -> Way:
        """Return the way here."""
        return Way("here", self.take)

    def take(self, message: Message) -> tuple[str, ...]:
        """Take a message, or not."""
        if self.down:
            raise WardnetError(
                Reason.NOTIFICATION_AWAY, address="here", setting="none", rule="it is down"
            )
        self.got.append(message)
        return ()


def test_a_study_that_comes_in_is_told_once(home: DeskHome) -> None:
    """What was told is not told again."""
    receiver = Receiver()

    async def scenario(told: Notifier) -> None:
        await told.look(Channel.MAIL)
        await told.look(Channel.MAIL)

    run(home, {Channel.MAIL: receiver.way}, scenario)
    assert [message.kind for message in receiver.got] == [Kind.STUDY_RECEIVED]
    assert waiting(home, Channel.MAIL) == ()


def test_nothing_is_told_of_what_was_not_done(home: DeskHome) -> None:
    """A transaction that fails takes its notification along."""
    before = waiting(home, Channel.MAIL)

    def fail(catalog: Catalog) -> None:
        with catalog.transaction() as connection:
            queue.enqueue(connection, Kind.SHARE_REQUESTED, at=clock.now())
            raise ZeroDivisionError

    with home.catalog() as catalog, pytest.raises(ZeroDivisionError):
        fail(catalog)
    assert waiting(home, Channel.MAIL) == before


def test_a_message_outlives_a_server_that_is_down(
    home: DeskHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets through when the server is back, under the id of the first try."""
    monkeypatch.setattr(queue, "FIRST_PAUSE", timedelta(milliseconds=1))
    receiver = Receiver(down=True)
    (first,) = waiting(home, Channel.MAIL)

    async def scenario(told: Notifier) -> None:
        for _ in range(3):
            await told.look(Channel.MAIL)
            await asyncio.sleep(0.01)
        (tried,) = waiting(home, Channel.MAIL)
        assert (tried.id, tried.tries) == (first.id, 3)
        receiver.down = False
        await told.look(Channel.MAIL)

    run(home, {Channel.MAIL: receiver.way}, scenario)
    assert [message.id for message in receiver.got] == [first.id]


def test_after_its_time_a_message_is_given_up_and_that_is_said(
    home: DeskHome, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the daemon's log, by the command, and nothing is tried any more."""
    receiver = Receiver(down=True)

    async def scenario(told: Notifier) -> None:
        await told.look(Channel.MAIL)
        receiver.down = False
        await told.look(Channel.MAIL)

    run(home, {Channel.MAIL: receiver.way}, scenario, give_up=timedelta())
    assert receiver.got == []
    assert waiting(home, Channel.MAIL) == ()
    assert "notification_given_up" in capsys.readouterr().out
    shown = command(home, by_mail(25), "notify", "list", "--json")
    (record,) = json.loads(shown.stdout)
    assert (record["kind"], record["next try"]) == ("study_received", "")
    assert "it is down" in record["error"]


def test_a_server_that_keeps_silent_holds_up_neither_channel_nor_end(
    home: DeskHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other channel tells at once, and the daemon need not wait for the thread."""
    monkeypatch.setattr(notifier, "LOOK_SECONDS", 0.01)
    silent, receiver = threading.Event(), Receiver()

    def hang(_: Message) -> tuple[str, ...]:
        silent.wait(30)
        return ()

    async def scenario(told: Notifier) -> None:
        task = asyncio.create_task(told.run())
        assert await asyncio.to_thread(wait_until, lambda: bool(receiver.got), seconds=10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    begun = time.monotonic()
    ways = {Channel.MAIL: Way("silent", hang), Channel.WEBHOOK: receiver.way}
    run(home, ways, scenario)
    assert time.monotonic() - begun < 20
    silent.set()
    assert len(waiting(home, Channel.MAIL)) == 1


def test_a_full_disk_ends_no_task(home: DeskHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be recorded is tried again once it can."""
    monkeypatch.setattr(notifier, "LOOK_SECONDS", 0.01)
    receiver, real, failures = Receiver(), queue.sent, iter([True, True])

    def sent(*words: object, **more: object) -> None:
        if next(failures, False):
            raise WardnetError(Reason.DISK_FULL, path="catalog.db")
        real(*words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "sent", sent)

    async def scenario(told: Notifier) -> None:
        task = asyncio.create_task(told.run())
        assert await asyncio.to_thread(
            wait_until, lambda: not waiting(home, Channel.MAIL), seconds=10
        )
        task.cancel()

    run(home, {Channel.MAIL: receiver.way}, scenario)
    assert len({message.id for message in receiver.got}) == 1
    assert len(receiver.got) == 3


def test_a_message_outlives_kills_of_the_daemon_and_restarts_of_the_receiver(
    home: DeskHome, authority: Authority
) -> None:
    """Down at the first try, killed, and up at the second: told once, under the same id."""
    with https_receiver(authority.context(), status=503) as gone:
        settings = by_webhook(home, gone.port)
        (first,) = waiting(home, Channel.WEBHOOK)
        with serving(home, settings, until="not_notified") as process:
            process.send_signal(signal.SIGKILL)
    (tried,) = waiting(home, Channel.WEBHOOK)
    assert (tried.id, tried.tries) == (first.id, 1)
    with (
        https_receiver(authority.context(), port=gone.port) as receiver,
        serving(home, settings, until="notified") as process,
    ):
        process.terminate()
        assert process.wait(20) == 0
    ((_, headers, body),) = receiver.requests
    assert headers["webhook-id"] == first.id
    assert json.loads(body)["type"] == "study_received"
    assert waiting(home, Channel.WEBHOOK) == ()


def test_the_command_sends_one_by_every_way(home: DeskHome, authority: Authority) -> None:
    """And says where it went."""
    with mail_server() as box, https_receiver(authority.context()) as receiver:
        settings = by_mail(box.port) | by_webhook(home, receiver.port)
        result = command(home, settings, "notify", "test", "--json")
    assert result.exit_code == 0, result.output
    assert [record["outcome"] for record in json.loads(result.stdout)] == ["sent", "sent"]
    assert [kind_of(box), json.loads(receiver.requests[0][2])["type"]] == ["Notifications", "test"]


def kind_of(box: Mailbox) -> str:
    """Return the first word that the only mail says."""
    (got,) = box.mails
    assert isinstance(got.content, bytes)
    return got.content.decode().partition("Subject: Wardnet: ")[2].split()[0]


def test_the_command_says_what_goes_wrong_and_tries_the_others(
    home: DeskHome, authority: Authority
) -> None:
    """A script sees the exit code of the cause."""
    with mail_server() as box, https_receiver(authority.context(), status=302) as receiver:
        settings = by_mail(box.port) | by_webhook(home, receiver.port)
        result = command(home, settings, "notify", "test")
    assert result.exit_code == CATALOGUE[Reason.NOTIFICATION_REFUSED].exit_code
    assert "redirect" in result.stderr
    assert len(box.mails) == 1


def test_the_command_says_when_notifications_are_off(home: DeskHome) -> None:
    """And where to turn them on."""
    result = command(home, {}, "notify", "test")
    assert result.exit_code == CATALOGUE[Reason.NOTIFICATION_OFF].exit_code
    assert "notify_mail_server" in result.stderr


def test_a_daemon_with_a_wrong_setting_does_not_start(home: DeskHome) -> None:
    """Better than one that tells nobody."""
    result = subprocess.run(
        [PROGRAM, "serve"],
        env=os.environ | environment(home, by_mail(25) | {"WARDNET_NODE_NOTIFY_MAIL_TO": "[]"}),
        capture_output=True,
        check=False,
    )
    assert result.returncode == CATALOGUE[Reason.WRONG_SETTING].exit_code
    assert b"notify_mail_to" in result.stderr
