"""The house keeps its own rules: generated code, floors of dependencies, and true documentation."""

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from wardnet.client.cli import main as wardnet
from wardnet.client.queries.result import Result
from wardnet.errors import Reason
from wardnet_coordinator.cli import main as wardnet_coordinator
from wardnet_node.cli import main as wardnet_node

ROOT = Path(__file__).resolve().parents[2]
WIRE = ROOT / "shared" / "wardnet" / "wire" / "v1"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROGRAMS: dict[str, click.Command] = {
    "wardnet": wardnet,
    "wardnet-node": wardnet_node,
    "wardnet-coordinator": wardnet_coordinator,
}
FLAGS = re.MULTILINE | re.DOTALL
GUIDES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def requirements() -> Iterator[Requirement]:
    """Yield every dependency of the product and of its development."""
    texts = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    yield from map(Requirement, texts)


def floor(name: str) -> Version:
    """Return the lowest version of a dependency that the project accepts."""
    requirement = next(requirement for requirement in requirements() if requirement.name == name)
    (specifier,) = requirement.specifier
    assert specifier.operator == ">="
    return Version(specifier.version)


def shell_lines(page: Path) -> Iterator[str]:
    """Yield the commands in a page's code blocks, continued lines joined."""
    for block in re.findall(r"^```(?:sh|console)?\n(.*?)^```", page.read_text(), FLAGS):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.split(" # ")[0].strip().removeprefix("$ ")


def commands() -> list[tuple[str, str]]:
    """Return every command of the product that a guide shows, with the guide's name."""
    return [
        (page.name, line)
        for page in GUIDES
        for line in shell_lines(page)
        if line.split(" ")[0] in PROGRAMS
    ]


@pytest.mark.parametrize("script", ["generate_wire.py", "generate_docs.py"])
def test_generated_files_are_what_their_script_writes(script: str) -> None:
    """Neither the wire code nor the reference pages were edited by hand or left behind."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_grpcio_is_at_least_as_new_as_the_generator() -> None:
    """Generated service code refuses an older grpcio at import; the floor must say so first."""
    versions = {
        Version(match[1])
        for path in WIRE.glob("*_pb2_grpc.py")
        for match in re.finditer(r"GRPC_GENERATED_VERSION = '([\d.]+)'", path.read_text())
    }
    assert versions
    assert floor("grpcio") >= max(versions)


def test_protobuf_is_at_least_as_new_as_the_generator() -> None:
    """Generated messages refuse an older protobuf at import; the floor must say so first."""
    versions = {
        Version(match[1])
        for path in WIRE.glob("*_pb2.py")
        for match in re.finditer(r"Protobuf Python Version: ([\d.]+)", path.read_text())
    }
    assert versions
    assert floor("protobuf") >= max(versions)


def test_every_dependency_is_accounted_for() -> None:
    """Each dependency has its line: what for, who keeps it, licence."""
    page = (ROOT / "docs" / "adr" / "dependencies.md").read_text()
    listed = re.findall(r"^\| ([\w-]+) \|", page, re.MULTILINE)
    assert sorted(set(listed) - {"package"}) == sorted(item.name for item in requirements())


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_used(reason: Reason) -> None:
    """A reason that nothing raises would promise a check that does not exist."""
    sources = [*ROOT.glob("shared/**/*.py"), *ROOT.glob("node/**/*.py")]
    sources += ROOT.glob("coordinator/**/*.py")
    mark = re.compile(rf"\bReason\.{reason.name}\b")
    users = [
        path
        for path in sources
        if path.parent.name != "catalogue" and mark.search(path.read_text())
    ]
    assert users


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_in_the_guides_exist(page: str, line: str) -> None:
    """Every command that a guide shows can be typed: its words and options exist."""
    words = shlex.split(line, comments=True)
    command: click.Command = PROGRAMS[words[0]]
    context = click.Context(command, info_name=words[0])
    rest = words[1:]
    while isinstance(command, click.Group):
        known = {option for parameter in command.params for option in parameter.opts}
        while rest and rest[0] in known:
            rest = rest[2:]
        assert rest, f"{page}: {line} names no command"
        inner = command.get_command(context, rest[0])
        assert inner is not None, f"{page}: {line} has no {rest[0]}"
        command, rest = inner, rest[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    options = {word.split("=")[0] for word in rest if re.match(r"--?[A-Za-z]", word)}
    assert options <= known


def test_the_guides_show_commands() -> None:
    """The test above has something to look at, for each of the three programs."""
    assert {line.split(" ")[0] for _, line in commands()} == set(PROGRAMS)


def worked_example() -> Result:
    """Run the readme's first Python block; return the value of its last line."""
    match = re.search(r"^```python\n(.*?)^(\S[^\n]*)\n```", GUIDES[0].read_text(), FLAGS)
    assert match is not None
    names: dict[str, object] = {}
    exec(match[1], names)
    result = eval(match[2], names)
    assert isinstance(result, Result)
    return result


def test_the_worked_example_works() -> None:
    """What the readme shows first runs as it stands and shows every cell."""
    result = worked_example()
    assert result.to_frame()["n"].tolist() == [10, 10]
    assert result.table.withheld == ()


def test_the_layout_of_results_is_described() -> None:
    """The researcher's guide has a line for every field of a result's JSON, and no others."""
    page = (ROOT / "docs" / "researcher.md").read_text()
    table = page.split("## The layout of")[1]
    cells = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    described = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert described == set(worked_example().to_dict())


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_scripts_and_links_in_the_guides_exist(page: Path) -> None:
    """Every script and every file that a guide names is there."""
    text = page.read_text()
    scripts = {ROOT / name for name in re.findall(r"(?<![\w/])scripts/[a-z_]+(?:\.py)?", text)}
    links = {page.parent / name for name in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)}
    assert {path for path in scripts | links if not path.exists()} == set()
