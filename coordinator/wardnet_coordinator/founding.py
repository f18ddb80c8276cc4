"""Found a network, or nothing: its root of trust, the issuing authority, the coordinator itself.

<home>/root/         the root key in a keystore of its own, to be moved offline at once
<home>/keystore.json the issuing key and the coordinator's own keys
<home>/*.crt         their certificates
"""

import ipaddress
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key

from wardnet import settings
from wardnet.errors import Reason, WardnetError
from wardnet.identity import keystore
from wardnet.identity.authority import Authority, create_issuing, create_root, issue
from wardnet.identity.certificates import Usage
from wardnet.identity.credentials import ROOT_FILE, Credentials, Keys, private_der
from wardnet.identity.files import write_private
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member
from wardnet_coordinator import registry, state

ROOT_FOLDER: Final = "root"
ISSUING_FILE: Final = "issuing.crt"

_SERVER_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})")


def found(
    home: Path,
    *,
    network: str,
    server_names: Sequence[str],
    listen: str,
    passphrase: str,
    at: datetime,
) -> x509.Certificate:
    """Make everything that a network begins with, and return its root certificate.

    Parameters
    ----------
    home : Path
        The coordinator's folder, without a keystore; made if there is none.
    network : str
        Id of the network.
    server_names : Sequence of str
        DNS names and IP addresses by which members reach it, the one for invitations first.
    listen : str
        `host:port`.
    passphrase : str
        Of both keystores.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID`, `ALREADY_EXISTS` or `PASSPHRASE_WEAK`.
    """
    # 1. Refuse before anything is written.
    member = registry.coordinator(network)
    for name in server_names:
        _check_server_name(name)
    for path in (home / keystore.FILE_NAME, home / ROOT_FOLDER):
        if path.exists():
            raise WardnetError(Reason.ALREADY_EXISTS, path=str(path))
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".founding-", dir=home) as folder:
        workshop = Path(folder)
        # 2. The root, apart from everything else.
        root = create_root(network, at=at)
        safe = Keystore.create(workshop / ROOT_FOLDER, passphrase)
        safe.seal("authority", private_der(root.key))
        _write(workshop / ROOT_FOLDER / ROOT_FILE, root.certificate)
        # 3. The issuing authority, and with it the coordinator.
        issuing = create_issuing(root, at=at)
        secrets = Keystore.create(workshop, passphrase)
        secrets.seal("authority", private_der(issuing.key))
        _write(workshop / ISSUING_FILE, issuing.certificate)
        credentials = _certify(member, server_names, root=root, issuing=issuing, at=at)
        credentials.save(workshop, secrets)
        # 4. Where it is reached, and what it remembers.
        text = f"listen = {json.dumps(listen)}\nserver_name = {json.dumps(server_names[0])}\n"
        write_private(workshop / settings.FILE_NAME, text.encode())
        state.create(workshop)
        # 5. The keystore comes last: a home is a home when it has one.
        for made in sorted(workshop.iterdir(), key=lambda path: path.name == keystore.FILE_NAME):
            made.replace(home / made.name)
    return root.certificate


def load_issuing(home: Path, secrets: Keystore) -> Authority:
    """Return the authority that issues certificates to members.

    Raises
    ------
    WardnetError
        `NOT_INITIALISED` or `STATE_DAMAGED`.
    """
    key = load_der_private_key(secrets.open("authority"), None)
    path = home / ISSUING_FILE
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        rule = "it holds no certificate"
        raise WardnetError(Reason.STATE_DAMAGED, path=str(path), rule=rule) from error
    public_key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != public_key:
        rule = "it belongs to another key"
        raise WardnetError(Reason.STATE_DAMAGED, path=str(path), rule=rule)
    return Authority(certificate, key)


def _write(path: Path, certificate: x509.Certificate) -> None:
    write_private(path, certificate.public_bytes(Encoding.PEM))


def _certify(
    member: Member,
    server_names: Sequence[str],
    *,
    root: Authority,
    issuing: Authority,
    at: datetime,
) -> Credentials:
    keys = Keys.generate()
    return keys.certified(
        root=root.certificate,
        tls_chain=issue(
            keys.tls_request,
            member=member,
            usage=Usage.TLS,
            issuing=issuing,
            at=at,
            server_names=server_names,
        ),
        signing_chain=issue(
            keys.signing_request, member=member, usage=Usage.SIGNING, issuing=issuing, at=at
        ),
        at=at,
    )


def _check_server_name(name: str) -> None:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if not _SERVER_NAME.fullmatch(name):
            raise WardnetError(
                Reason.PARAMETER_INVALID,
                method="A coordinator",
                parameter="server name",
                rule="takes a DNS name or an IP address, without a port",
            ) from None
