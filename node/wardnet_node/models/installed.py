"""Take models into use and out of it: only what verifies is installed, and each step is logged."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from sqlite3 import Connection

import numpy as np
from numpy.typing import NDArray

from wardnet import clock
from wardnet.agreement.address_book import AddressBook
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.model import package as packages
from wardnet.model.package import Package, check_called
from wardnet.statistics.model import Model
from wardnet.transport.channel import open_blocking_channel
from wardnet.transport.models import Models
from wardnet_node.desk.events import by_operator
from wardnet_node.vault import models as table
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.models import ModelRecord


class Weights(StrEnum):
    """Say which weights a model predicts with at this hospital.

    Those that all hospitals have signed; with those that this hospital has fitted for itself; or,
    where it has none, with the shared start in their place.
    """

    SHARED = "shared"
    OWN = "own"
    INSTEAD = "shared instead of own"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """Hold a model in use.

    Parameters
    ----------
    package : Package
        What it is, verified.
    installed : str
        Moment.
    own : ndarray of float64, shape (own weights,), or None
        What this hospital has fitted for itself when it signed the answer that is the model.
    """

    package: Package
    installed: Moment
    own: NDArray[np.float64] | None = field(repr=False)

    @property
    def weights(self) -> Weights:
        """Return which weights it predicts with here."""
        if self.own is not None:
            return Weights.OWN
        return Weights.INSTEAD if self.package.personal else Weights.SHARED

    def model(self) -> Model:
        """Return what predicts here.

        Raises
        ------
        WardnetError
            As `Package.model`.
        """
        shared = self.package.model()
        return shared if self.own is None else shared.personal(self.own)


class Installed:
    """Keep the models of a node.

    Parameters
    ----------
    catalog : Catalog
        Open.
    credentials : Credentials
        Of the node.
    """

    def __init__(self, catalog: Catalog, *, credentials: Credentials) -> None:
        self._catalog = catalog
        self._credentials = credentials

    def install(self, data: bytes, *, book: AddressBook, name: str | None = None) -> InstalledModel:
        """Verify the file of a model and take it into use; one that is installed stays as it is.

        Parameters
        ----------
        data : bytes
            The file.
        book : AddressBook
            The hospital's own: a hospital in it must have signed with a key that stands there.
        name : str or None
            What it was asked for by, where it came from the network.

        Raises
        ------
        WardnetError
            `MODEL_UNREADABLE`, `MODEL_FOREIGN`, `MODEL_ALTERED`, `METHOD_UNKNOWN`, `NO_MODEL`, or
            `MODEL_NAME_TAKEN` when another one is installed under its name.
        """
        at = clock.now()
        # 1. Everything in it is signed, and by whom our address book says.
        package = self._read(data, at)
        if name is not None:
            check_called(package, name)
        _check_known(package, book)
        # 2. We can predict with it.
        package.model()
        # 3. Model and log entry, together.
        record = ModelRecord(package.statement.name, package.digest, clock.to_moment(at), data)
        with self._catalog.transaction() as connection:
            known = table.find(connection, record.name)
            if known is None:
                table.put(connection, record)
                self._log(connection, EventType.MODEL_INSTALLED, package)
            elif known.digest != record.digest:
                raise WardnetError(Reason.MODEL_NAME_TAKEN, model=record.name)
            own = _own(connection, package)
        return InstalledModel(package, (known or record).installed, own)

    def all(self) -> Sequence[InstalledModel]:
        """Return all models in use, by name."""
        with self._catalog.reading() as connection:
            found = table.names(connection)
        return [self.find(name) for name in found]

    def find(self, name: str) -> InstalledModel:
        """Return a model in use; its signatures hold as of the moment when it was installed.

        Raises
        ------
        WardnetError
            `MODEL_UNKNOWN`.
        """
        with self._catalog.reading() as connection:
            record = table.find(connection, name)
            if record is None:
                raise WardnetError(Reason.MODEL_UNKNOWN, model=name)
            package = self._read(record.data, clock.from_moment(record.installed))
            own = _own(connection, package)
        return InstalledModel(package, record.installed, own)

    def remove(self, name: str) -> None:
        """Take a model out of use.

        Raises
        ------
        WardnetError
            `MODEL_UNKNOWN`.
        """
        package = self.find(name).package
        with self._catalog.transaction() as connection:
            table.remove(connection, name)
            self._log(connection, EventType.MODEL_REMOVED, package)

    def _read(self, data: bytes, at: datetime) -> Package:
        return packages.read(data, trust=self._credentials.trust, at=at)

    def _log(self, connection: Connection, kind: EventType, package: Package) -> None:
        event = replace(
            by_operator(self._credentials.member, kind),
            request_digest=package.digest,
            dataset=package.asked.query.dataset,
            operation=f"model {package.statement.name}",
        )
        log.append(connection, event, at=clock.now())


def _own(connection: Connection, package: Package) -> NDArray[np.float64] | None:
    """Return what this hospital has fitted for itself in the very answer that is the model."""
    found = table.own(connection, package.statement.answer)
    return None if found is None else np.frombuffer(found, "<f8")


def fetched(name: str, *, credentials: Credentials, address: str) -> bytes:
    """Return the file of a published model, not verified.

    Raises
    ------
    WardnetError
        `MODEL_UNKNOWN`, `MODEL_UNREADABLE` or `COORDINATOR_AWAY`.
    """
    with open_blocking_channel(credentials, address) as channel:
        return Models(channel, address).fetch(name)


def _check_known(package: Package, book: AddressBook) -> None:
    """Refuse a hospital that we know by another key than the one that it has signed with.

    A certificate alone says who signed only as far as the coordinator, who issues it, is believed.
    """
    for hospital, key in package.keys.items():
        known = book.organisation(hospital)
        if known is not None and known.nodes and key not in known.nodes:
            rule = f"{hospital} has signed with a key that is not in our address book"
            raise WardnetError(Reason.MODEL_ALTERED, rule=rule)
