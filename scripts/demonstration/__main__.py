"""Start a coordinator and the nodes of several hospitals, ask every method, compare with pandas.

Everything is real but the place: every member has its own keys, passphrase and process, all
connections are mutual TLS, every hospital's rows lie encrypted in its own vault. Each command is
printed before it runs, with the member who runs it.
"""

import argparse
import shlex
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console
from rich.table import Table as Grid

from demonstration.auditing import AUDITOR, Edit, audit, mend
from demonstration.learning import FEATURES, Task, learn
from demonstration.questions import Question, beyond, choose
from demonstration.reference import Line, Pooled
from demonstration.sharing import Loan, lend
from demonstration.stage import Stage
from demonstration.table import PATIENT, Table, bundled, from_csv
from support.enrolled import ADDRESS, at_once
from support.member import CommandError, Member
from support.network import SHORT, Network, describe

RESEARCHER: Final = "ada"
STOP: Final = """#!/bin/sh
# Ask every daemon to end, wait for each, delete the folder.
kill {pids}
for pid in {pids}; do
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
done
rm -r {folder}
"""
WIDTH: Final = 110
"""Columns of the output where it goes to a file or a pipe."""


class Demonstration:
    """Lead the network through one day.

    Parameters
    ----------
    table : Table
        What the hospitals hold.
    console : Console
        Where it is told.
    learn : bool
        Whether models are trained, too.
    """

    def __init__(self, table: Table, console: Console, *, learn: bool = False) -> None:
        self.table = table
        self.learn = learn
        self.folder = Path(tempfile.mkdtemp(prefix="wardnet-demo-"))
        self.stage = Stage(self.folder, console)
        self.network = Network(self.folder, watch=self.stage.show)
        self.lines: list[Line] = []
        self.edit: Edit | None = None

    def run(self) -> None:
        """Found the network, load the hospitals, ask, and prove what happened."""
        self.stage.title("The coordinator founds the network")
        self.network.start_coordinator()
        self.stage.title("Every hospital is invited, makes its keys, and loads its rows")
        local = self._load()
        self.stage.title("A researcher proposes a study; hospitals compare her key by telephone")
        researcher = self.network.enrol_researcher(RESEARCHER)
        self.network.introduce(researcher)
        self.stage.tell(researcher, "datasets")
        # A model that is validated at one hospital is asked of that one alone.
        alone = 1 if self.learn else None
        study = self.network.propose(researcher, self.table.name, minimum_hospitals=alone)
        pooled = self._pooled(researcher, local)
        questions = list(choose(self.table.name, pooled))
        kept_back, too_much = beyond(self.table.name, pooled, questions)
        self.stage.title("A steward of every hospital decides; the last one allows less")
        self.stage.tell(self._first, "study", "show", study[:SHORT])
        self._accept(researcher, study, [name for name in pooled.columns if name not in kept_back])
        self.stage.title("She asks")
        for question in questions:
            self._ask(researcher, question, pooled)
        if self.learn:
            self._learn(researcher, pooled, without=kept_back)
        self.stage.title("A question beyond what was agreed is refused, with every reason")
        self.stage.tell(researcher, "query", *too_much, "--explain")
        self.stage.refused(researcher, "query", *too_much)
        self.stage.title("A hospital takes its agreement back in the middle of a query")
        self._revoke(researcher, study, questions[0])
        self.stage.title("What a hospital's access log says")
        self.stage.tell(self._first, "log", "show", last=6)
        granting = [self._first, *self._lending]
        self.edit = audit(
            self.network, self.stage, granting, researcher=RESEARCHER, dataset=self.table.name
        )
        if self._lending:
            self._lend(pooled)

    def _learn(self, researcher: Member, pooled: Pooled, *, without: Collection[str]) -> None:
        """Let all hospitals train models of the first column of two levels."""
        two = (name for name in pooled.grouping if len(pooled.columns[name]["levels"]) == 2)
        outcome = next((name for name in two if name not in without), None)
        numbers = [*pooled.measured, *map(str, pooled.numbers)]
        features = [name for name in dict.fromkeys(numbers) if name not in without][:FEATURES]
        if outcome is None or not features:
            self.stage.print("No model: the table has no column of two levels beside numbers.")
            return
        rows = self.folder / f"{self._first.name}.csv"
        task = Task(self.table.name, outcome, tuple(features), rows)
        learn(self.stage, task, researcher=researcher, hospital=self._first)

    def _lend(self, pooled: Pooled) -> None:
        """Let the last hospital borrow records."""
        columns = [*(pooled.measured or list(map(str, pooled.numbers)))[:3], *pooled.grouping[:2]]
        owner, recipient = self._lending
        loan = Loan(owner, recipient, self.table, columns)
        lend(self.network, self.stage, loan, auditor=self.network.auditors[AUDITOR])

    def stop(self) -> None:
        """Stop every daemon in order, and leave nothing behind."""
        self.stage.title("Everything is stopped and deleted")
        self.network.stop()
        shutil.rmtree(self.folder)
        self.stage.print(f"stopped {len(self.network.nodes) + 1} daemons, deleted {self.folder}")

    def abandon(self) -> None:
        """After a failure: show what the daemons said last, end them, delete the folder."""
        for member in self.network.members:
            if member.log.exists():
                self.stage.print(f"-- last lines of {member.name}\n{member.tail()}")
        for member in self.network.members:
            member.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def leave_running(self) -> None:
        """Write files that make a shell one of the members, and a script that stops everything."""
        if self.edit is not None:
            mend(self.network, self.stage, self.edit)
        for member in self.network.members:
            lines = [
                f"export {name}={shlex.quote(value)}" for name, value in member.variables.items()
            ]
            path = f"export PATH={shlex.quote(str(member.command.parent))}:$PATH"
            (self.folder / f"{member.name}.env").write_text("\n".join([path, *lines]) + "\n")
        pids = [str(member.daemon.pid) for member in self.network.members if member.daemon]
        stop = self.folder / "stop"
        stop.write_text(STOP.format(pids=" ".join(pids), folder=self.folder))
        stop.chmod(0o700)
        self.stage.title("The network goes on")
        self.stage.print(f"""To ask:           source {self.folder}/{RESEARCHER}.env
                  wardnet query count {self.table.name}
To be a hospital: source {self.folder}/{self._first.name}.env
                  wardnet-node dataset list
To be an auditor: source {self.folder}/{AUDITOR}.env
                  wardnet audit search {self._first.name}
To stop and delete everything: {stop}""")

    @property
    def verdict(self) -> str:
        """Say how far the answers were from pandas."""
        shown = [line for line in self.lines if not line.withheld]
        if not shown:
            return f"all {len(self.lines)} numbers were withheld: the table has too few patients"
        worst = max(shown, key=lambda line: line.difference)
        where = " ".join((*worst.keys, worst.statistic))
        return (
            f"{len(shown)} numbers compared with pandas, {len(self.lines) - len(shown)} withheld; "
            f"largest relative difference {worst.difference:.1e} ({where})"
        )

    @property
    def _first(self) -> Member:
        return next(iter(self.network.nodes.values()))

    @property
    def _last(self) -> Member:
        return list(self.network.nodes.values())[-1]

    @property
    def _lending(self) -> Sequence[Member]:
        """Return two hospitals whose logs nobody edits; none where there are fewer."""
        others = list(self.network.nodes.values())[1:3]
        return others if len(others) == 2 else []

    def _load(self) -> Path:
        """Enrol all hospitals; the first publishes the dictionary, all adopt it and load."""
        pooled, parts = self.table.write(self.folder)
        dataset = self.table.name
        self.network.enrol_nodes(parts)
        for node in self.network.nodes.values():
            node.settings["CHECKPOINT_SECONDS"] = "3"  # a day passes in a minute here
            node.settings["LISTEN"] = f"{ADDRESS}:0"  # parcels go directly
        first = self._first
        local = describe(first, pooled, dataset=dataset, patient=PATIENT)
        self.stage.tell(first, "dataset", "publish", local.with_name(f"{dataset}.dictionary.toml"))

        def load(hospital: str) -> None:
            node = self.network.nodes[hospital]
            node.run("dataset", "adopt", dataset, "--local", local)
            node.run("dataset", "load", dataset, parts[hospital])
            self.network.serve_node(hospital)

        at_once(load, parts)
        return local

    def _pooled(self, researcher: Member, local: Path) -> Pooled:
        columns = researcher.json("dictionary", self.table.name)["columns"]
        return Pooled(self.table.pooled, columns, tomllib.loads(local.read_text()))

    def _accept(self, researcher: Member, study: str, columns: Iterable[str]) -> None:
        """Let all hospitals accept; the last one fewer questions, and only these columns."""
        narrower = ("--quota", "50", "--columns", ",".join(columns))
        self.network.accept(study, {self._last.name: narrower})
        self.stage.print_lines(self.network.wait_for_decisions(researcher, study).splitlines())

    def _revoke(self, researcher: Member, study: str, question: Question) -> None:
        """Let a query wait for a stalled hospital, and another one revoke its agreement."""
        self.stage.print(f"(the machine of {self._last.name} stalls for a while)")
        self._last.halt()
        query = researcher.run("query", *question.arguments, "--no-wait").stdout.strip()
        self.network.revoke(self._first.name, study, reason="The ethics approval was withdrawn.")
        self.stage.print(f"(the machine of {self._last.name} goes on)")
        self._last.resume()
        self.stage.refused(researcher, "query", "wait", query[:SHORT])

    def _ask(self, researcher: Member, question: Question, pooled: Pooled) -> None:
        self.stage.print(f"\n[{question.says}]")
        answer = researcher.json("query", *question.arguments)
        lines = list(pooled.compare(answer, question.cohort))
        self.lines += lines
        grid = Grid(*answer["keys"], "statistic", box=None, header_style="bold", pad_edge=False)
        for heading in ("network", "pandas", "difference"):
            grid.add_column(heading, justify="right")
        for line in lines:
            grid.add_row(*line.keys, line.statistic, *_texts(line))
        self.stage.console.print(grid)
        for rule in dict.fromkeys(held["rule"] for held in answer["withheld"]):
            self.stage.print(f"withheld: {rule}")


def _texts(line: Line) -> tuple[str, str, str]:
    if line.withheld:
        return "withheld", "", ""
    numbers = (line.answered, line.expected)
    texts = ["-" if number is None else f"{number:.12g}" for number in numbers]
    mark = "" if line.agrees else "  TOO LARGE"
    return texts[0], texts[1], f"{line.difference:.1e}{mark}" if line.difference else "0"


def main() -> int:
    """Run the demonstration; the exit code is 0 if every number agrees."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, metavar="CSV", help="any table, with a header")
    parser.add_argument("--site", metavar="COLUMN", help="its column that names the hospital")
    parser.add_argument("--learn", action="store_true", help="train, publish and use models, too")
    parser.add_argument("--keep", action="store_true", help="leave the network running at the end")
    options = parser.parse_args()
    if (options.data is None) != (options.site is None):
        parser.error("--data and --site go together")
    signal.signal(signal.SIGTERM, _leave)
    began = time.monotonic()
    table = bundled() if options.data is None else from_csv(options.data, options.site)
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(highlight=False, markup=False, emoji=False, width=width)
    demonstration = Demonstration(table, console, learn=options.learn)
    try:
        demonstration.run()
        if options.keep:
            demonstration.leave_running()
        else:
            demonstration.stop()
    except CommandError as error:
        print(f"\n{error}", file=sys.stderr)
        demonstration.abandon()
        return 1
    except KeyboardInterrupt:
        demonstration.abandon()
        return 130
    except BaseException:
        demonstration.abandon()
        raise
    wrong = [line for line in demonstration.lines if not line.agrees]
    print(f"\n{demonstration.verdict}")
    print(f"{'FAILED' if wrong else 'passed'} in {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
