"""The members of a real network on this machine, each a process: founded, enrolled, stopped."""

import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Final, Self

from support.member import (
    READY_SECONDS,
    CommandError,
    Member,
    Watch,
    count,
    wait_until,
    write_private,
)
from wardnet import clock

if TYPE_CHECKING:
    import subprocess

ADDRESS: Final = "127.0.0.1"

NOTHING: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})


class Enrolled:
    """Hold a coordinator, nodes and people below one folder; stop them all at the end.

    Parameters
    ----------
    folder : Path
        Empty; everything is written below it.
    name : str
        Id of the network.
    watch : Watch, optional
        Told of every command before it runs.
    address : str
        Where the coordinator and its relay listen.
    within : Mapping of str to Sequence of str
        By name of the coordinator or a hospital: see `Member`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "demo",
        watch: Watch | None = None,
        address: str = ADDRESS,
        within: Mapping[str, Sequence[str]] = NOTHING,
    ) -> None:
        self.folder = folder
        self.name = name
        self.address = address
        self.coordinator = Member(
            "coordinator",
            "wardnet-coordinator",
            folder,
            watch=watch,
            within=within.get("coordinator", ()),
        )
        self.relay: subprocess.Popen[bytes] | None = None
        self.relay_address = ""
        self.nodes: dict[str, Member] = {}
        self.researchers: dict[str, Member] = {}
        self.auditors: dict[str, Member] = {}
        self.keys: dict[str, str] = {}
        self.stewards: dict[str, dict[str, str]] = {}
        self.fingerprint = ""
        self._watch = watch
        self._within = within

    def __enter__(self) -> Self:
        """Return the network."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Kill whatever still runs."""
        for member in self.members:
            member.kill()
        if self.relay is not None:
            self.relay.kill()
            self.relay.wait()

    @property
    def members(self) -> tuple[Member, ...]:
        """Return all members, nodes first, the coordinator last: the order to stop them."""
        people = (*self.researchers.values(), *self.auditors.values())
        return (*self.nodes.values(), *people, self.coordinator)

    def start_coordinator(self) -> None:
        """Found the network and serve it on a free port."""
        listen = f"{self.address}:0"
        self.fingerprint = self.coordinator.json(
            "init", "--network", self.name, "--server-name", self.address, "--listen", listen
        )["fingerprint"]
        self.serve_coordinator()
        # Members remember the address: after a restart it must be the same.
        self.coordinator.settings["LISTEN"] = (
            (self.coordinator.home / "address").read_text().strip()
        )

    def serve_coordinator(self) -> None:
        """Start the coordinator's daemon (again) and wait until it serves."""
        before = count(self.coordinator.log, "serving")
        self.coordinator.serve()
        self.coordinator.wait_for("serving", times=before + 1)

    def start_relay(self) -> None:
        """Start the relay of parcels on a free port; nodes that start later know where it is."""
        address = self.coordinator.home / "relay.address"
        self.coordinator.settings["RELAY_LISTEN"] = f"{self.address}:0"
        self.relay = self.coordinator.start("relay")
        if not wait_until(address.exists, seconds=READY_SECONDS):
            message = "the relay did not start"
            raise CommandError(message)
        self.relay_address = address.read_text().strip()

    def serve_node(self, hospital: str) -> None:
        """Start a node's daemon (again) and wait until the coordinator has welcomed it."""
        node = self.nodes[hospital]
        before = count(node.log, "attached")
        node.serve()
        node.wait_for("attached", times=before + 1)

    def stop_node(self, hospital: str) -> None:
        """Stop a node's daemon in order.

        Raises
        ------
        CommandError
            If it does not end, or ends with another exit code than 0.
        """
        code = self.nodes[hospital].stop()
        if code != 0:
            message = f"{hospital}: the daemon ended with {code}"
            raise CommandError(message)

    def stop(self) -> None:
        """Stop all daemons in order.

        Raises
        ------
        CommandError
            If one does not end, or ends with another exit code than 0.
        """
        codes = {member.name: member.stop() for member in self.members}
        failed = {name: code for name, code in codes.items() if code != 0}
        if failed:
            message = f"daemons ended with {failed}"
            raise CommandError(message)

    def enrol_nodes(self, hospitals: Iterable[str]) -> None:
        """Invite and enrol hospitals and a steward of each; let all know each other's nodes."""
        for hospital in hospitals:
            within = self._within.get(hospital, ())
            node = Member(hospital, "wardnet-node", self.folder, watch=self._watch, within=within)
            node.settings["WORKERS"] = "1"  # all hospitals share this machine
            if self.relay_address:
                node.settings["RELAY"] = self.relay_address
            self.nodes[hospital] = node
        at_once(self._enrol_node, self.nodes)
        self._introduce_nodes()

    def _enrol_node(self, hospital: str) -> None:
        node, steward = self.nodes[hospital], steward_of(hospital)
        invitation = self._invite("node", hospital)
        self.keys[hospital] = node.json("init", invitation, *self._compared)["key"]
        write_private(self._password(hospital), secrets.token_urlsafe(24) + "\n")
        invitation = self._invite("steward", steward)
        added = node.json("steward", "add", invitation, *self._compared, *self.signs(hospital))
        self.stewards[hospital] = {steward: added["fingerprint"]}

    def enrol_steward(self, steward: str, *, hospital: str) -> None:
        """Invite another steward of a hospital; the first one writes her into its book."""
        node, password = self.nodes[hospital], self.folder / f"{steward}.passphrase"
        write_private(password, secrets.token_urlsafe(24) + "\n")
        invitation = self._invite("steward", steward)
        own = ("--password-file", password)
        key = node.json("steward", "add", invitation, *self._compared, *own)["fingerprint"]
        self.stewards[hospital][steward] = key
        named = ("--steward", steward, "--fingerprint", key, "--by", steward_of(hospital))
        node.run("book", "add", hospital, *named, *self.signs(hospital))

    def _introduce_nodes(self) -> None:
        """Let every hospital write the others' nodes, compared by telephone, into its book.

        From then on they witness each other's access logs.
        """

        def add(hospital: str) -> None:
            for other in self.nodes.keys() - {hospital}:
                named = (other, "--node", "--fingerprint", self.keys[other])
                self.nodes[hospital].run("book", "add", *named, *self.signs(hospital))

        at_once(add, self.nodes)

    def enrol_researcher(self, person: str) -> Member:
        """Invite a researcher and log her in."""
        researcher = Member(person, "wardnet", self.folder, watch=self._watch)
        researcher.run("login", self._invite("researcher", person), *self._compared)
        self.researchers[person] = researcher
        return researcher

    def enrol_auditor(
        self,
        person: str,
        *,
        scope: Sequence[str] = ("all",),
        hospitals: Iterable[str] | None = None,
    ) -> Member:
        """Invite an auditor, log her in, and let hospitals grant her their logs.

        Parameters
        ----------
        scope : Sequence of str
            As `wardnet-node auditor grant --scope` takes them.
        hospitals : iterable of str or None
            Which grant it; None for all.
        """
        auditor = self.auditors[person] = Member(person, "wardnet", self.folder, watch=self._watch)
        auditor.run("login", self._invite("auditor", person), *self._compared)
        key = auditor.json("whoami")["key"]
        parts = [word for part in scope for word in ("--scope", part)]
        until = f"{clock.now().year + 1}-01-01"

        def grant(hospital: str) -> None:
            named = (person, "--fingerprint", key, "--until", until, *parts)
            self.nodes[hospital].run("auditor", "grant", *named, *self.signs(hospital))

        at_once(grant, self.nodes if hospitals is None else hospitals)
        return auditor

    @property
    def _compared(self) -> tuple[str, str]:
        """Return the option by which a member says what the operator told on another way."""
        return "--fingerprint", self.fingerprint

    def signs(self, hospital: str) -> tuple[str | Path, ...]:
        """Return the option by which a hospital's steward signs."""
        return "--password-file", self._password(hospital)

    def _password(self, hospital: str) -> Path:
        return self.folder / f"{steward_of(hospital)}.passphrase"

    def _invite(self, role: str, person: str) -> Path:
        done = self.coordinator.run("invite", "--role", role, "--id", person)
        path = self.folder / f"{person}.invitation"
        write_private(path, done.stdout)
        return path


def steward_of(hospital: str) -> str:
    """Return the id of a hospital's steward."""
    return f"steward-{hospital}"


def at_once(act: Callable[[str], object], hospitals: Iterable[str]) -> None:
    """Let all hospitals do the same at the same time; raise what the first of them raises."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        list(pool.map(act, hospitals))
