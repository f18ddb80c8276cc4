"""The certificate of the stewards' page: the hospital's own, or one that the node makes itself.

A self-signed certificate is believed by its fingerprint, which `serve` and `wardnet-node desk
fingerprint` show. Its private key lies in the keystore like all others.
"""

import contextlib
import ipaddress
import os
import secrets
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import fingerprint
from wardnet.identity.credentials import private_der
from wardnet.identity.files import read_private, write_private
from wardnet.identity.keystore import Keystore
from wardnet_node.settings import NodeSettings

FILE_NAME: Final = "desk.crt"

_KEY: Final = "desk"
_LIFETIME: Final = timedelta(days=825)
"""The longest that all browsers accept."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Hold what the page shows a browser.

    Parameters
    ----------
    chain : bytes
        PEM, the page's own certificate first.
    key : PrivateKeyTypes
        Its private key.
    """

    chain: bytes
    key: PrivateKeyTypes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 for people to compare."""
        return fingerprint(x509.load_pem_x509_certificate(self.chain))

    def context(self) -> ssl.SSLContext:
        """Return TLS 1.3 with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        password = secrets.token_bytes(32).hex()
        with _file(self.chain) as chain, _file(self._locked(password)) as key:
            context.load_cert_chain(chain, key, password)
        return context

    def _locked(self, password: str) -> bytes:
        """Return the key as it may touch a disk: the TLS library reads files only."""
        lock = BestAvailableEncryption(password.encode())
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


def load(home: Path, keystore: Keystore, settings: NodeSettings) -> Certificate:
    """Return the page's certificate; make one when there is none, or when it has ended.

    Raises
    ------
    WardnetError
        `WRONG_SETTING` when the setting's files hold no certificate and its key; `FILE_MODE` when
        others can read the key.
    """
    if settings.desk_certificate or settings.desk_key:
        return _given(settings)
    path = home / FILE_NAME
    if not path.exists() or _has_ended(path.read_bytes()):
        _make(path, keystore, names=_names(settings.desk_listen))
    key = load_der_private_key(keystore.open(_KEY), None)
    return Certificate(path.read_bytes(), key)


def _given(settings: NodeSettings) -> Certificate:
    chain, key = Path(settings.desk_certificate), Path(settings.desk_key)
    try:
        certificate = Certificate(
            chain.read_bytes(), load_pem_private_key(read_private(key), password=None)
        )
        certificate.context()
    except (OSError, ValueError, TypeError, ssl.SSLError) as error:
        raise WardnetError(
            Reason.WRONG_SETTING,
            setting="desk_certificate",
            path=str(chain),
            rule="it and desk_key must name a certificate and its private key, in PEM",
        ) from error
    return certificate


def _has_ended(chain: bytes) -> bool:
    return x509.load_pem_x509_certificate(chain).not_valid_after_utc <= clock.now()


def _make(path: Path, keystore: Keystore, *, names: tuple[str, ...]) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), clock.now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wardnet desk")])
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_name(item) for item in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    keystore.seal(_KEY, private_der(key))
    write_private(path, certificate.public_bytes(Encoding.PEM))


def _names(listen: str) -> tuple[str, ...]:
    """Return the names under which a browser may reach the page."""
    host = listen.rpartition(":")[0].strip("[]")
    names = dict.fromkeys((host, socket.gethostname(), "localhost", "127.0.0.1"))
    return tuple(name for name in names if name not in {"", "0.0.0.0", "::"})  # noqa: S104


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@contextlib.contextmanager
def _file(data: bytes) -> Iterator[str]:
    """Lend bytes a file that only we can read, and remove it."""
    handle, name = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        yield name
    finally:
        Path(name).unlink()
