"""Messages reach a real mail server and a real receiver; what goes wrong is said in words."""

import base64
import email
import email.policy
import hmac
import json
import socket
import time
from pathlib import Path

import pytest

from support.receivers import PASSWORD, USER, Authority, https_receiver, mail_server
from support.ways import MESSAGE, SECRET, hook, listener, mail, private, refusal, secure_mail_server
from wardnet.errors import Reason, WardnetError
from wardnet_node.notify import patience
from wardnet_node.notify.channels import Way


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return who vouches for the servers."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """Return the file of the mail server's password."""
    return private(tmp_path / "password", PASSWORD)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return the file of the webhook's secret."""
    return private(tmp_path / "secret", "whsec_" + base64.b64encode(SECRET).decode())


def test_a_mail_reaches_every_steward() -> None:
    """It says what waits where, and nothing answers it by itself."""
    with mail_server() as box:
        assert mail(box.port).send(MESSAGE) == ()
    (got,) = box.mails
    assert got.mail_from == "wardnet@hospital.example"
    assert got.rcpt_tos == ["anna@hospital.example", "ben@hospital.example"]
    assert isinstance(got.content, bytes)
    read = email.message_from_bytes(got.content, policy=email.policy.default)
    assert read["Subject"] == f"Wardnet: {MESSAGE.subject}"
    assert read["Message-ID"] == f"<{MESSAGE.id}@hospital.example>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_content().replace("\r\n", "\n") == MESSAGE.text


def test_a_mail_goes_by_starttls_with_a_login(authority: Authority, password: Path) -> None:
    """The server is believed by the authority of the settings, the node by its password."""
    settings = {
        "notify_mail_security": "starttls",
        "notify_authority": str(authority.root),
        "notify_mail_user": USER,
        "notify_mail_password_file": str(password),
    }
    with mail_server(starttls=authority.context(), login=True) as box:
        mail(box.port, **settings).send(MESSAGE)
    assert len(box.mails) == 1


def test_a_mail_goes_by_tls_from_the_first_byte(authority: Authority) -> None:
    """As port 465 speaks it."""
    settings = {"notify_mail_security": "tls", "notify_authority": str(authority.root)}
    with mail_server(tls=authority.context()) as box:
        mail(box.port, **settings).send(MESSAGE)
    assert len(box.mails) == 1


def test_one_dead_address_keeps_no_mail_from_the_others() -> None:
    """Who was refused is told."""
    with mail_server() as box:
        box.refused.add("anna@hospital.example")
        assert mail(box.port).send(MESSAGE) == ("anna@hospital.example",)
    assert box.mails[0].rcpt_tos == ["ben@hospital.example"]


def test_a_wrong_login_is_said(authority: Authority, tmp_path: Path) -> None:
    """With the settings to look at, and not the password."""
    settings = {
        "notify_mail_security": "starttls",
        "notify_authority": str(authority.root),
        "notify_mail_user": USER,
        "notify_mail_password_file": str(private(tmp_path / "wrong", "hunter2-hunter2")),
    }
    with mail_server(starttls=authority.context(), login=True) as box:
        error = refusal(mail(box.port, **settings))
    assert error.reason is Reason.NOTIFICATION_LOGIN
    assert "535" in str(error)
    assert "hunter2" not in str(error)
    assert box.mails == []


def test_a_missing_login_is_said(authority: Authority) -> None:
    """A server that asks for one says so in a number."""
    settings = {"notify_mail_security": "starttls", "notify_authority": str(authority.root)}
    with mail_server(starttls=authority.context(), login=True) as box:
        error = refusal(mail(box.port, **settings))
    assert error.reason is Reason.NOTIFICATION_LOGIN


@pytest.mark.parametrize(
    ("refused", "setting"),
    [
        ({"wardnet@hospital.example"}, "notify_mail_from"),
        ({"anna@hospital.example", "ben@hospital.example"}, "notify_mail_to"),
    ],
)
def test_a_refused_sender_or_recipient_is_named_by_its_setting(
    refused: set[str], setting: str
) -> None:
    """In our words, not in those of the server."""
    with mail_server() as box:
        box.refused |= refused
        error = refusal(mail(box.port))
    assert error.reason is Reason.NOTIFICATION_REFUSED
    assert setting in str(error)
    assert "550" in str(error)
    assert "patients" not in str(error)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_to_no_stranger(security: str, authority: Authority, tmp_path: Path) -> None:
    """A server that the named authority does not vouch for gets nothing."""
    context = Authority(tmp_path).context()
    settings = {"notify_mail_security": security, "notify_authority": str(authority.root)}
    with secure_mail_server(security, context) as box:
        error = refusal(mail(box.port, **settings))
    assert error.reason is Reason.NOTIFICATION_UNTRUSTED
    assert box.mails == []


def test_a_server_without_starttls_gets_nothing(password: Path) -> None:
    """Whoever strips it from the greeting gets neither mail nor password."""
    settings = {
        "notify_mail_security": "starttls",
        "notify_mail_user": USER,
        "notify_mail_password_file": str(password),
    }
    with mail_server() as box:
        error = refusal(mail(box.port, **settings))
    assert error.reason is Reason.NOTIFICATION_UNTRUSTED
    assert "STARTTLS" in str(error)
    assert box.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_for_another_name_is_refused(security: str, authority: Authority) -> None:
    """The host that the settings name is the one that is checked."""
    settings = {"notify_mail_security": security, "notify_authority": str(authority.root)}
    with secure_mail_server(security, authority.context()) as box:
        error = refusal(mail(box.port, notify_mail_server=f"127.1:{box.port}", **settings))
    assert error.reason is Reason.NOTIFICATION_UNTRUSTED
    assert box.mails == []


def test_a_server_that_hangs_up_at_a_wrong_login_is_said(
    password: Path,
) -> None:
    """Many do, and the password is what to look at."""

    def speak(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        connection.recv(1024)
        connection.sendall(b"250-here\r\n250 AUTH PLAIN LOGIN\r\n")
        connection.recv(1024)

    with listener(speak) as port:
        settings = {"notify_mail_user": USER, "notify_mail_password_file": str(password)}
        error = refusal(mail(port, **settings))
    assert error.reason is Reason.NOTIFICATION_LOGIN


def test_a_webhook_is_posted_and_signed(authority: Authority, secret: Path) -> None:
    """The receiver finds the signature over id, time and body that it computes itself."""
    with https_receiver(authority.context()) as receiver:
        hook(receiver.port, authority, secret).send(MESSAGE)
    ((path, headers, body),) = receiver.requests
    assert path == "/alerts?room=desk"
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.digest(SECRET, content, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{mac}"
    told = json.loads(body)
    assert told["type"] == "share_requested"
    assert told["data"] == {
        "hospital": "northside",
        "network": "heartnet",
        "look": "wardnet-node share inbox",
    }


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int, authority: Authority, secret: Path) -> None:
    """Whoever owns the receiver's name for a moment leads the message nowhere."""
    with https_receiver(authority.context(), status=status) as receiver:
        error = refusal(hook(receiver.port, authority, secret))
    assert error.reason is Reason.NOTIFICATION_REFUSED
    assert "redirect" in str(error)
    assert [path for path, _, _ in receiver.requests] == ["/alerts?room=desk"]


@pytest.mark.parametrize("status", [400, 404, 410, 500, 503])
def test_what_a_receiver_does_not_take_is_not_sent(
    status: int, authority: Authority, secret: Path
) -> None:
    """Only an answer of success counts; the address is told without its secret path."""
    with https_receiver(authority.context(), status=status) as receiver:
        error = refusal(hook(receiver.port, authority, secret))
    assert error.reason is Reason.NOTIFICATION_REFUSED
    assert str(status) in str(error)
    assert "alerts" not in str(error)


def test_a_webhook_goes_to_no_stranger(authority: Authority, secret: Path, tmp_path: Path) -> None:
    """A receiver that the named authority does not vouch for gets nothing."""
    with https_receiver(Authority(tmp_path).context()) as receiver:
        error = refusal(hook(receiver.port, authority, secret))
    assert error.reason is Reason.NOTIFICATION_UNTRUSTED
    assert receiver.requests == []


def both(port: int, authority: Authority, secret: Path) -> list[Way]:
    """Return the ways to one port by mail, plain and in TLS, and by webhook."""
    tls = {"notify_mail_security": "tls", "notify_authority": str(authority.root)}
    return [mail(port), mail(port, **tls), hook(port, authority, secret)]


def test_a_server_that_is_down_is_said(authority: Authority, secret: Path) -> None:
    """Nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    for opened in both(port, authority, secret):
        error = refusal(opened)
        assert error.reason is Reason.NOTIFICATION_AWAY
        assert "refused" in str(error)


def test_an_unknown_host_is_said(authority: Authority, secret: Path) -> None:
    """A name that leads nowhere, or is none."""
    for host in ("no-such-host.invalid", "x" * 64 + ".example"):
        settings = {"notify_mail_server": f"{host}:587", "notify_mail_security": "starttls"}
        url = {"notify_webhook": f"https://{host}/"}
        for opened in (mail(1, **settings), hook(1, authority, secret, **url)):
            error = refusal(opened)
            assert error.reason is Reason.NOTIFICATION_AWAY
            assert "no host of this name" in str(error)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x16\x03\x01\x00\x02\x02\x28", b"220 \xff\r\n" * 9]
)
def test_a_server_that_speaks_something_else_is_refused(
    said: bytes, authority: Authority, secret: Path
) -> None:
    """Whatever it is, it is an error in words."""

    def speak(connection: socket.socket) -> None:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65_536)

    for number in range(3):
        with listener(speak) as port:
            error = refusal(both(port, authority, secret)[number])
        assert error.reason in {
            Reason.NOTIFICATION_AWAY,
            Reason.NOTIFICATION_UNTRUSTED,
            Reason.NOTIFICATION_REFUSED,
        }


def test_a_server_that_speaks_one_letter_at_a_time_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each letter comes in time, and the whole never ends."""
    monkeypatch.setattr(patience, "TOTAL_SECONDS", 0.3)

    def drip(connection: socket.socket) -> None:
        for _ in range(500):
            connection.sendall(b"2")
            time.sleep(0.02)

    begun = time.monotonic()
    with listener(drip) as port:
        error = refusal(mail(port))
    assert error.reason is Reason.NOTIFICATION_AWAY
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"notify_mail_security": "plain", "notify_mail_server": "mail.example:25"}, "security"),
        ({"notify_mail_from": ""}, "notify_mail_from"),
        ({"notify_mail_to": ()}, "notify_mail_to"),
        ({"notify_mail_user": "wardnet"}, "notify_mail_user"),
        ({"notify_authority": "/no/such/file"}, "notify_authority"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    settings: dict[str, object], setting: str
) -> None:
    """The node does not start, and says which it was."""
    with pytest.raises(WardnetError, match=setting) as refused:
        mail(25, **settings)
    assert refused.value.reason is Reason.WRONG_SETTING


@pytest.mark.parametrize(
    "address",
    ["https://u:p@host/", "https://host:99999/", "https://host/#x", "https://höst/"],
)
def test_an_address_that_is_none_is_refused(
    address: str, authority: Authority, secret: Path
) -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(WardnetError) as refused:
        hook(1, authority, secret, notify_webhook=address)
    assert refused.value.reason is Reason.WRONG_SETTING


def test_secrets_lie_in_files_of_their_owner(authority: Authority, secret: Path) -> None:
    """A file that others can read is refused, and so is one without a good secret."""
    secret.chmod(0o640)
    with pytest.raises(WardnetError) as refused:
        hook(1, authority, secret)
    assert refused.value.reason is Reason.FILE_MODE
    secret.chmod(0o600)
    for text in ("", "whsec_", "whsec_c2hvcnQ=", "whsec_!"):
        secret.write_text(text)
        with pytest.raises(WardnetError, match="notify_webhook_secret_file"):
            hook(1, authority, secret)


def test_the_secrets_stand_in_no_text_of_the_ways(authority: Authority, secret: Path) -> None:
    """Not even where a bug prints them."""
    shown = repr(hook(1, authority, secret))
    assert "alerts" not in shown
    assert str(SECRET) not in shown
