"""Enrolment: redeem an invitation for certificates. The keys are made here and never travel.

    invitation = read_invitation(source)
    check_invitation(invitation, roles={Role.NODE}, fingerprint=fingerprint)
    credentials, keystore = enrol(invitation, home, passphrase)

`home` then holds the keystore, the certificates, and in `settings.toml` the line `address =
"host:port"`: where the coordinator listens. Interrupted at any moment, it can be run again: what
the coordinator has certified is only moved to its place then. (Where its answer never came, the
invitation is used up and a new one is needed.)
"""

import json
import secrets
import shutil
import sys
import tomllib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import grpc

from wardnet import clock, settings
from wardnet.errors import Reason, WardnetError
from wardnet.identity import keystore
from wardnet.identity.certificates import check_fingerprint, read_certificate
from wardnet.identity.credentials import Credentials, Keys
from wardnet.identity.files import write_private
from wardnet.identity.invitation import PREFIX, Invitation
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Role
from wardnet.transport.channel import open_blocking_channel
from wardnet.transport.status import error_from_rpc
from wardnet.wire.v1 import enrolment_pb2, enrolment_pb2_grpc

DEADLINE_SECONDS: Final = 30.0

_STARTED: Final = ".enrolling-"
_CERTIFIED: Final = ".enrolled"
"""Folders in a home: one that was begun, thrown away; and one that only needs to be unpacked."""

_LOGIN: Final = "`wardnet login`"
_REDEEMED_WITH: Final = {
    Role.NODE: "`wardnet-node init`",
    Role.STEWARD: "`wardnet-node steward add`",
    Role.RESEARCHER: _LOGIN,
    Role.AUDITOR: _LOGIN,
}


def read_invitation(source: str) -> Invitation:
    """Read an invitation from wherever it is.

    Parameters
    ----------
    source : str
        The line itself, `-` for standard input, or the path of a file.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE` or `INVITATION_MALFORMED`.
    """
    if source.startswith(PREFIX):
        return Invitation.from_line(source)
    if source == "-":
        return Invitation.from_line(sys.stdin.read())
    try:
        return Invitation.from_line(Path(source).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        rule = getattr(error, "strerror", None) or "it is not text"
        raise WardnetError(Reason.FILE_UNREADABLE, file=source, rule=rule) from error


def check_invitation(
    invitation: Invitation,
    *,
    roles: Collection[Role],
    fingerprint: str | None = None,
    network: str | None = None,
) -> None:
    """Refuse an invitation for another kind of member, or of another network than expected.

    Nobody joins a network whose root nobody has compared: without a terminal, where a person could
    be asked, the fingerprint must be given.

    Parameters
    ----------
    invitation : Invitation
        As it was given to us.
    roles : Collection of Role
        What this program can be.
    fingerprint : str or None
        Of the network's root, as its operator told us on another way; None when the person at the
        terminal is asked to compare it.
    network : str or None
        Id of the network that it must be for, where we belong to one.

    Raises
    ------
    WardnetError
        `INVITATION_ROLE`, `INVITATION_NETWORK`, `FINGERPRINT_MISMATCH` or `FINGERPRINT_NEEDED`.
    """
    member = invitation.member
    if member.role not in roles:
        raise WardnetError(
            Reason.INVITATION_ROLE,
            role=member.role,
            rule=_REDEEMED_WITH.get(member.role, "no command"),
        )
    if network not in {None, member.network}:
        raise WardnetError(Reason.INVITATION_NETWORK, identity=str(network))
    if fingerprint is not None:
        check_fingerprint(read_certificate(invitation.root), fingerprint)
    elif not sys.stdin.isatty():
        raise WardnetError(Reason.FINGERPRINT_NEEDED)


def enrol(
    invitation: Invitation,
    home: Path,
    passphrase: str,
    *,
    furnish: Callable[[Path, Keystore], None] | None = None,
) -> tuple[Credentials, Keystore]:
    """Become the member that the invitation names, or leave `home` as it was.

    Parameters
    ----------
    invitation : Invitation
        Checked before; not used up where an interrupted enrolment of this member is finished.
    home : Path
        A folder without a keystore; made if there is none. Other settings in it are kept.
    passphrase : str
        For the new keystore.
    furnish : Callable or None
        Puts into a folder, under the keystore in it, what else a home must have from its first
        moment. It is called before the invitation is used up.

    Raises
    ------
    WardnetError
        `ALREADY_EXISTS`, `PASSPHRASE_WEAK`, `INVITATION_REFUSED`, `COORDINATOR_AWAY`,
        `CERTIFICATE_REFUSED`, or `FILE_UNREADABLE` when `home` cannot be written;
        `PASSPHRASE_WRONG` when an interrupted enrolment was begun with another passphrase.
    """
    path, certified = home / keystore.FILE_NAME, home / _CERTIFIED
    if path.exists():
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(path))
    if not certified.exists():
        with _workshop(home) as workshop:
            _make(workshop, invitation, passphrase, furnish)
            workshop.rename(certified)
    kept = Keystore.unlock(certified, passphrase)
    for file in certified.iterdir():
        if file.name != path.name:
            file.replace(home / file.name)
    credentials = Credentials.load(home, kept)
    if credentials.member != invitation.member:
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(certified))
    # The keystore comes last: a home is a home when it has one.
    (certified / path.name).replace(path)
    certified.rmdir()
    return credentials, Keystore(path, kept.root_key)


def is_interrupted(home: Path) -> bool:
    """Return whether an enrolment here was certified, and then interrupted."""
    return (home / _CERTIFIED).exists()


def _make(
    workshop: Path,
    invitation: Invitation,
    passphrase: str,
    furnish: Callable[[Path, Keystore], None] | None,
) -> None:
    """Make a home in the workshop, which lies in the place where it will be."""
    write_private(workshop / settings.FILE_NAME, _settings(workshop.parent, invitation.address))
    # 1. All that can be made alone comes first: without it the invitation must stay unused.
    kept = Keystore.create(workshop, passphrase)
    if furnish is not None:
        furnish(workshop, kept)
    keys = Keys.generate()
    # 2. The coordinator certifies the keys, once.
    reply = _redeem(invitation, keys)
    credentials = keys.certified(
        root=read_certificate(invitation.root),
        tls_chain=reply.tls_certificates,
        signing_chain=reply.signing_certificates,
        at=clock.now(),
    )
    if credentials.member != invitation.member:
        raise WardnetError(Reason.IDENTITY_MISMATCH, identity=invitation.member.uri)
    credentials.save(workshop, kept)


def _redeem(invitation: Invitation, keys: Keys) -> enrolment_pb2.EnrolResponse:
    request = enrolment_pb2.EnrolRequest(
        token=invitation.token,
        tls_request=keys.tls_request,
        signing_request=keys.signing_request,
    )
    with open_blocking_channel(invitation.tls, invitation.address) as channel:
        stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
        try:
            reply: enrolment_pb2.EnrolResponse = stub.Enrol(request, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            raise error_from_rpc(error, invitation.address) from error
    return reply


def _settings(home: Path, address: str) -> bytes:
    """Return the settings of `home` with the coordinator's address in them."""
    path = home / settings.FILE_NAME
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    try:
        known = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WardnetError(
            Reason.WRONG_SETTING, setting=path.name, path=str(path), rule="it is not TOML"
        ) from error
    line = "" if "address" in known else f"address = {json.dumps(address)}\n"
    return f"{line}{text}".encode()


@contextmanager
def _workshop(home: Path) -> Iterator[Path]:
    """Give a folder in `home` that is gone at the end, like a `home` that was made for nothing."""
    new = not home.exists()
    workshop = home / f"{_STARTED}{secrets.token_hex(4)}"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for interrupted in home.glob(f"{_STARTED}*"):
            shutil.rmtree(interrupted)
        workshop.mkdir(mode=0o700)
    except OSError as error:
        rule = error.strerror or "unknown cause"
        raise WardnetError(Reason.FILE_UNREADABLE, file=str(home), rule=rule) from error
    try:
        yield workshop
    finally:
        if workshop.exists():
            shutil.rmtree(workshop)
        if new and not any(home.iterdir()):
            home.rmdir()
