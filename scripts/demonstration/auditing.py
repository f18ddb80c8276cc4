"""An auditor proves a hospital's log, then its owner rewrites one byte."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from demonstration.stage import Stage
from support.member import CommandError, Member
from support.network import Network
from wardnet.audit import log
from wardnet.identity.keystore import Keystore
from wardnet_node.vault.catalog import Catalog

AUDITOR: Final = "olga"


@dataclass(frozen=True, slots=True)
class Edit:
    """Hold what was changed in a node's log.

    Parameters
    ----------
    node : Member
        Whose.
    seq : int
        Number of the entry.
    before, after : bytes
        Of the whole entry.
    """

    node: Member
    seq: int
    before: bytes
    after: bytes


def audit(
    network: Network, stage: Stage, granting: Sequence[Member], *, researcher: str, dataset: str
) -> Edit:
    """Let an auditor search, report, take along and prove the log of the first hospital.

    Then its owner cheats her.
    """
    node = granting[0]
    stage.title("An auditor is granted logs; she and stewards compare keys by telephone")
    with ThreadPoolExecutor() as pool:
        hospitals = pool.submit(network.introduce_stewards, [each.name for each in granting[1:]])
        auditor = _introduced(network, granting)
        hospitals.result()
    stage.title("She searches and reports; every entry is proven before she sees it")
    stage.tell(
        auditor, "audit", "search", node.name, "--researcher", researcher, "--outcome", "refused"
    )
    stage.tell(auditor, "audit", "report", "studies", node.name)
    stage.title("She takes the whole log along, and proves it without asking anybody")
    bundle = network.folder / f"{node.name}.bundle"
    auditor.run("audit", "export", "bundle", node.name, "-o", bundle)
    stage.tell(auditor, "audit", "verify", bundle)

    stage.title(f"{node.name} is stopped, and whoever owns it edits one byte of its database")
    wanted = ("--dataset", dataset, "--type", "query_answer", "--limit", "1")
    (entry,) = auditor.json("audit", "search", node.name, *wanted)["entries"]
    network.stop_node(node.name)
    edit = _rewritten(node, entry["seq"], old=f"/{researcher}", new=f"/{researcher[:-1]}x")
    _write(edit.node, edit.seq, edit.after)
    stage.print(
        f"(with {node.name}'s own key, entry {edit.seq} now says that "
        f"{researcher[:-1]}x asked, not {researcher})"
    )
    _named(stage, node, "log", "verify", seq=edit.seq)
    stage.title("It starts again and answers nothing; the auditor is told which entry, too")
    network.serve_node(node.name)
    stage.print(f"{node.name} says: {_locked(node)}")
    _named(stage, auditor, "audit", "show", node.name, str(edit.seq), seq=edit.seq)
    stage.title("What she took along still proves what the entry said")
    stage.tell(auditor, "audit", "show", bundle, str(edit.seq), until="")
    return edit


def _introduced(network: Network, granting: Sequence[Member]) -> Member:
    """Enrol an auditor who may read some logs, and knows the keys of all."""
    auditor = network.enrol_auditor(AUDITOR, hospitals=[each.name for each in granting])
    for name, key in network.keys.items():
        origin = f"wardnet://{network.name}/node/{name}"
        auditor.run("audit", "trust", "add", origin, "--fingerprint", key)
    return auditor


def mend(network: Network, stage: Stage, edit: Edit) -> None:
    """Put the byte back, as a backup of that night would; the node serves again."""
    stage.title(f"{edit.node.name} is stopped and its entry {edit.seq} put back")
    network.stop_node(edit.node.name)
    _write(edit.node, edit.seq, edit.before)
    stage.tell(edit.node, "log", "verify")
    network.serve_node(edit.node.name)


def _rewritten(node: Member, seq: int, *, old: str, new: str) -> Edit:
    """Return one entry, and what it becomes when it names another person."""
    with _catalog(node) as catalog, catalog.reading() as connection:
        before = log.data(connection, seq)
    after = before.replace(old.encode(), new.encode(), 1)
    if sum(one != other for one, other in zip(before, after, strict=True)) != 1:
        message = f"entry {seq} of {node.name} does not name {old}"
        raise CommandError(message)
    return Edit(node, seq, before, after)


def _write(node: Member, seq: int, entry: bytes) -> None:
    """Write an entry anew, as only whoever has the node's keys can."""
    with _catalog(node) as catalog, catalog.transaction() as connection:
        connection.execute("UPDATE access_log SET entry = ? WHERE seq = ?", (entry, seq))


@contextmanager
def _catalog(node: Member) -> Iterator[Catalog]:
    keystore = Keystore.unlock(node.home, node.passphrase_file.read_text().strip())
    with closing(Catalog.open(node.home, keystore)) as catalog:
        yield catalog


def _named(stage: Stage, member: Member, *words: str, seq: int) -> None:
    """Run a command that must refuse, and must name the entry."""
    if f"ntry {seq}" not in stage.refused(member, *words):
        message = f"{member.name} was not told that entry {seq} was changed"
        raise CommandError(message)


def _locked(node: Member) -> str:
    """Return why a node's daemon answers nothing, in its own words."""
    lines = (json.loads(line) for line in node.log.read_text().splitlines() if line[:1] == "{")
    return [str(line["error"]) for line in lines if line["event"] == "locked"][-1]
