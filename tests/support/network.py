"""A real network on this machine: commands and daemons as processes, mutual TLS on loopback.

    with Network(folder) as network:
        network.start(tables, dataset="cardiology", table=tables["north"], patient=None)
        network.nodes["north"].run("dataset", "list")
        network.nodes["north"].kill()

The demonstration, the benchmark and the end-to-end tests all start their networks here.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from support.enrolled import NOTHING, Enrolled, at_once
from support.member import READY_SECONDS, CommandError, Member
from wardnet.agreement.purpose import Permission

ORGANISATION: Final = "university"
"""Answers for the researchers; it has no steward, so every hospital checks every key itself."""

SUMMARY: Final = "We describe the patients of all hospitals together, to plan a trial."
SHORT: Final = 12


class Network(Enrolled):
    """Let the members meet, load tables, and decide on studies; parameters are those below."""

    def agree(
        self, researcher: Member, dataset: str, *, minimum_hospitals: int | None = None
    ) -> str:
        """Let a researcher propose a study of all columns that all hospitals accept whole.

        Returns
        -------
        str
            The study's id.
        """
        self.introduce(researcher)
        study = self.propose(researcher, dataset, minimum_hospitals=minimum_hospitals)
        self.accept(study)
        self.wait_for_decisions(researcher, study)
        return study

    def introduce(self, researcher: Member) -> None:
        """Let every hospital write a researcher's key, compared by telephone, into its book."""
        key = researcher.json("whoami")["key"]

        def add(hospital: str) -> None:
            named = ("--researcher", researcher.name, "--fingerprint", key)
            self.nodes[hospital].run("book", "add", ORGANISATION, *named, *self.signs(hospital))

        at_once(add, self.nodes)

    def introduce_stewards(self, hospitals: Iterable[str] | None = None) -> None:
        """Let hospitals write the keys of each other's stewards, too, into their books.

        Parameters
        ----------
        hospitals : iterable of str or None
            Which; None for all.
        """
        chosen = list(self.nodes if hospitals is None else hospitals)

        def add(hospital: str) -> None:
            for other in (each for each in chosen if each != hospital):
                for steward, key in self.stewards[other].items():
                    named = (other, "--steward", steward, "--fingerprint", key)
                    self.nodes[hospital].run("book", "add", *named, *self.signs(hospital))

        at_once(add, chosen)

    def propose(
        self, researcher: Member, dataset: str, *, minimum_hospitals: int | None = None
    ) -> str:
        """Let a researcher write a study of all columns and hand it in; return its id."""
        path = self.folder / f"{dataset}.study.toml"
        title = ("--title", f"A look at {dataset}")
        researcher.run(
            "study", "new", path, "--dataset", dataset, *title, "--organisation", ORGANISATION
        )
        path.write_text(filled_in(path.read_text(), minimum_hospitals=minimum_hospitals))
        researcher.run("study", "check", path)
        return str(researcher.json("study", "submit", path)["study"])

    def accept(self, study: str, narrower: Mapping[str, Sequence[str]] = NOTHING) -> None:
        """Let all hospitals accept a study, as soon as it has arrived at each.

        Parameters
        ----------
        narrower : Mapping of str to Sequence of str
            By hospital: options of `wardnet-node study accept`.
        """

        def accept(hospital: str) -> None:
            options = (*narrower.get(hospital, ()), *self.signs(hospital))
            end = time.monotonic() + READY_SECONDS
            while True:
                try:
                    self.nodes[hospital].run("study", "accept", study[:SHORT], *options)
                except CommandError as error:
                    if "No study here" not in str(error) or time.monotonic() > end:
                        raise
                else:
                    return

        at_once(accept, self.nodes)

    def revoke(self, hospital: str, study: str, *, reason: str) -> None:
        """Let a hospital take its agreement back."""
        options = ("--reason", reason, *self.signs(hospital))
        self.nodes[hospital].run("study", "revoke", study[:SHORT], *options)

    def wait_for_decisions(self, researcher: Member, study: str) -> str:
        """Wait until a researcher sees what every hospital has decided; return what she sees.

        Raises
        ------
        CommandError
            If a decision does not arrive.
        """
        end = time.monotonic() + READY_SECONDS
        while "waiting" in (told := researcher.run("study", "status", study[:SHORT]).stdout):
            if time.monotonic() > end:
                message = f"not every decision on study {study[:SHORT]} has arrived\n{told}"
                raise CommandError(message)
        return told

    def start(
        self,
        tables: Mapping[str, Path],
        *,
        dataset: str,
        table: Path,
        patient: str | None,
        out: Path | None = None,
    ) -> Member:
        """Start a whole network that holds one dataset; return its first node.

        Parameters
        ----------
        tables : Mapping of str to Path
            One CSV file per hospital.
        dataset : str
            Name of the dataset.
        table : Path
            The CSV file that the dictionary is drafted from; it has the columns of all.
        patient : str or None
            Column that names the patient.
        out : Path, optional
            Where the drafted dictionary is written; beside the table when None.
        """
        self.start_coordinator()
        self.enrol_nodes(tables)
        return self.load(tables, dataset=dataset, table=table, patient=patient, out=out)

    def load(
        self,
        tables: Mapping[str, Path],
        *,
        dataset: str,
        table: Path,
        patient: str | None,
        out: Path | None = None,
    ) -> Member:
        """Load and serve hospitals that are enrolled, as `start` does; return the first node."""
        first = next(iter(self.nodes.values()))
        local = describe(first, table, dataset=dataset, patient=patient, out=out)
        first.run("dataset", "publish", local.with_name(f"{dataset}.dictionary.toml"))

        def load(hospital: str) -> None:
            node = self.nodes[hospital]
            node.run("dataset", "adopt", dataset, "--local", local)
            node.run("dataset", "load", dataset, tables[hospital])
            self.serve_node(hospital)

        at_once(load, tables)
        return first


def filled_in(draft: str, *, minimum_hospitals: int | None = None) -> str:
    """Return a new study with what only its researcher knows."""
    words = {
        r'^summary = ""$': f'summary = "{SUMMARY}"',
        r'^permission = ""$': f'permission = "{Permission.HMB}"',
    }
    if minimum_hospitals is not None:
        words[r"^minimum_hospitals = .*$"] = f"minimum_hospitals = {minimum_hospitals}"
    for pattern, line in words.items():
        draft, number = re.subn(pattern, line, draft, flags=re.MULTILINE)
        if number != 1:
            message = f"the draft of a study holds {number} times {pattern}"
            raise CommandError(message)
    return draft


def describe(
    node: Member, table: Path, *, dataset: str, patient: str | None, out: Path | None = None
) -> Path:
    """Draft a dictionary from a table; return the path of its local part."""
    named = ("--patient", patient) if patient else ()
    folder = out or table.parent
    drafted = ("--name", dataset, *named, "--keep-rare-levels", "--out", folder)
    node.run("dataset", "describe", table, *drafted)
    return folder / f"{dataset}.local.toml"
