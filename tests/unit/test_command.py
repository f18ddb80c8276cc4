"""What the three commands have in common."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import cast

import click
import pytest
from click.testing import CliRunner, Result

from wardnet.client.cli import main as wardnet
from wardnet.command import Command, Record, home_options, json_option, print_record, print_records
from wardnet.errors import CATALOGUE, Reason, WardnetError
from wardnet_coordinator.cli import main as coordinator
from wardnet_node.cli import main as wardnet_node

SECRET = "Smith"


@click.group(cls=Command, sections={"All": ("refuse", "nested", "show", "one")})
@home_options("WARDNET_TEST_", "~/.wardnet-test")
def program(home: object, passphrase_file: object) -> None:
    """Stand for a program."""


@program.command()
def refuse() -> None:
    """Fail as a person can make it fail."""
    raise WardnetError(Reason.QUERY_EXPIRED)


@program.group()
def nested() -> None:
    """Stand for a group of subcommands."""


@nested.command()
def bug() -> None:
    """Fail as nobody has foreseen."""
    raise ValueError(SECRET)


@program.command()
@json_option
def show(*, as_json: bool) -> None:
    """Print a list."""
    records: list[Record] = [{"name": "a", "rows_read": 1}, {"name": "b", "rows_read": None}]
    print_records(records, as_json=as_json, columns=("name", "rows_read"))


@program.command()
@json_option
def one(*, as_json: bool) -> None:
    """Print one thing."""
    print_record({"held": True, "levels": ["x", "y"]}, as_json=as_json)


def run(*arguments: str) -> Result:
    """Run the program."""
    return CliRunner().invoke(program, arguments)


def test_an_error_is_one_sentence_and_its_exit_code() -> None:
    """Nothing on stdout, so that a pipe gets nothing half."""
    result = run("refuse")
    row = CATALOGUE[Reason.QUERY_EXPIRED]
    assert (result.exit_code, result.stdout) == (row.exit_code, "")
    assert result.stderr == f"Error: {row.sentence}\n"


def test_a_bug_shows_its_place_and_not_its_text() -> None:
    """The text of an unforeseen error may quote a patient's value."""
    result = run("nested", "bug")
    assert result.exit_code == CATALOGUE[Reason.INTERNAL].exit_code
    assert "ValueError" in result.stderr
    assert "test_command.py" in result.stderr
    assert SECRET not in result.output


def test_a_usage_error_stays_the_shells() -> None:
    """Exit code 2 means that the command was not written rightly."""
    assert run("nothing").exit_code == 2


def test_json_holds_what_the_table_shows() -> None:
    """Both come from the same records."""
    assert json.loads(run("show", "--json").stdout) == [
        {"name": "a", "rows_read": 1},
        {"name": "b", "rows_read": None},
    ]
    assert run("show").stdout.split() == ["name", "rows", "read", "a", "1", "b"]


def test_a_record_prints_values_as_people_write_them() -> None:
    """Lists with commas, truth as yes and no."""
    assert run("one").stdout.split("\n")[:2] == ["held    yes ", "levels  x, y"]
    assert json.loads(run("one", "--json").stdout) == {"held": True, "levels": ["x", "y"]}


def test_the_home_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tilde is resolved there too, where no shell does it."""
    seen: list[str] = []

    @click.command()
    @home_options("WARDNET_TEST_", "~/.wardnet-test")
    def tell(home: object, **_: object) -> None:
        seen.append(str(home))

    monkeypatch.setenv("HOME", "/somewhere")
    for variable in ("~/elsewhere", ""):
        monkeypatch.setenv("WARDNET_TEST_HOME", variable)
        CliRunner().invoke(tell)
    assert seen == ["/somewhere/elsewhere", "/somewhere/.wardnet-test"]


def test_a_table_in_a_pipe_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest of 64 characters stays whole, whatever the width of a terminal would be."""
    monkeypatch.setenv("COLUMNS", "20")
    long = "f" * 200

    @click.command()
    def tell() -> None:
        print_records([{"digest": long}], as_json=False)

    assert long in CliRunner().invoke(tell).stdout


PROGRAMS = pytest.mark.parametrize("name", ["wardnet", "wardnet-node", "wardnet-coordinator"])
MAINS = {"wardnet": wardnet, "wardnet-node": wardnet_node, "wardnet-coordinator": coordinator}


def groups(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """Return the words of a group and of all groups in it."""
    yield path
    for name, item in group.commands.items():
        if isinstance(item, click.Group):
            yield from groups(item, *path, name)


@PROGRAMS
def test_help_says_in_one_whole_line_what_a_command_does(name: str) -> None:
    """Nothing is cut off at 80 columns, and every command stands there once."""
    main = MAINS[name]
    assert sorted(chain(*main.sections.values())) == sorted(main.commands)
    for path in groups(main):
        shown = CliRunner().invoke(main, [*path, "--help"], terminal_width=80).output
        assert "..." not in shown.partition("COMMAND [ARGS]...")[2], shown
        group: click.Group = main
        for word in path:
            group = cast("click.Group", group.commands[word])
        for command in group.commands:
            assert (
                len([line for line in shown.split("\n") if line.startswith(f"  {command} ")]) == 1
            )
