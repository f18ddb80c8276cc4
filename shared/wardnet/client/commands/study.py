"""`wardnet study`: propose a study to the hospitals, and see what they decide."""

from pathlib import Path
from typing import Final

import click

from wardnet.agreement import template
from wardnet.agreement.study import Study
from wardnet.client.commands import display
from wardnet.client.commands.connect import connected, show_listing
from wardnet.client.printing.listing import Listing
from wardnet.client.remote import RemoteNetwork
from wardnet.client.studies.harmonise import Finding
from wardnet.command import json_option, print_json
from wardnet.errors import CATALOGUE, Reason, WardnetError


@click.group()
def study() -> None:
    """Propose a study, and see what the hospitals decide.

    A question needs a study that hospitals have agreed to. `new` writes a file to fill in, `check`
    compares it with what the hospitals hold, `submit` signs it and sends it, `status` shows what
    every hospital has decided.
    """


file_argument: Final = click.argument("file", type=click.Path(path_type=Path))


@study.command()
@file_argument
@click.option("--dataset", required=True, help="Which table; see `wardnet datasets`.")
@click.option("--title", default="", help="One line.")
@click.option(
    "--organisation", default="", metavar="ID", help="The organisation that answers for you."
)
@connected
def new(network: RemoteNetwork, *, file: Path, dataset: str, title: str, organisation: str) -> None:
    """Write FILE, a study to fill in.

    It holds you and your key, and all columns and methods at all hospitals: shorten it to what you
    need, and fill in what is empty. Every field is explained there.
    """
    text = network.draft_study(dataset, title=title, organisation=organisation)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(file)) from None
    except OSError as error:
        raise WardnetError(
            Reason.FILE_UNREADABLE, file=str(file), rule=str(error.strerror)
        ) from None
    click.echo(f"Fill in {file}, then run `wardnet study check {file}`.", err=True)


@study.command()
@file_argument
@json_option
@connected
def check(network: RemoteNetwork, *, file: Path, as_json: bool) -> None:
    """Compare the study in FILE with what the hospitals hold.

    Does every hospital hold the dataset under the dictionary that the study names, and so with the
    same columns, units and levels? Is every column and method there? Lists everything that does not
    fit, and then ends with exit code 3.
    """
    proposed = _read(file)
    found = network.check_study(proposed)
    _show(found, as_json=as_json)
    if not found and not as_json:
        setting = proposed.setting
        click.echo(
            f"{file} fits: {proposed.data.dataset} is held with all its columns by "
            f"{', '.join(setting.hospitals)}. `wardnet study submit {file}` signs it and sends it."
        )


@study.command()
@file_argument
@json_option
@connected
def submit(network: RemoteNetwork, *, file: Path, as_json: bool) -> None:
    """Sign the study in FILE and send it to its hospitals; print its id.

    It is checked before, as by `check`. What is signed cannot be changed: a changed study is a new
    one, to which the hospitals have not agreed.
    """
    proposed = _read(file)
    found = network.check_study(proposed)
    if found:
        _show(found, as_json=as_json)
    digest = network.submit_study(proposed)
    if as_json:
        print_json({"study": digest})
        return
    click.echo(digest)
    click.echo(
        f"Sent to {', '.join(proposed.setting.hospitals)}. "
        f"`wardnet study status {digest[:12]}` shows what they decide.",
        err=True,
    )


@study.command("list")
@json_option
@connected
def list_studies(network: RemoteNetwork, *, as_json: bool) -> None:
    """List the studies that name me, newest first."""
    show_listing(network.studies(), as_json=as_json)


@study.command()
@click.argument("study_id", metavar="STUDY")
@json_option
@connected
def status(network: RemoteNetwork, *, study_id: str, as_json: bool) -> None:
    """Show what every hospital has decided on STUDY.

    STUDY is an id of `wardnet study list`; its first six characters or more are enough. Where a
    hospital agreed to less than was proposed, the table says to what; every decision carries the
    hospital's signature, which was verified.
    """
    record = network.study(study_id)
    if as_json:
        print_json(record.to_dict())
    else:
        display.show(record.sheet())


def _read(file: Path) -> Study:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise WardnetError(Reason.FILE_UNREADABLE, file=str(file), rule="it is not UTF-8") from None
    except OSError as error:
        raise WardnetError(
            Reason.FILE_UNREADABLE, file=str(file), rule=str(error.strerror)
        ) from None
    return template.read(text, path=str(file))


def _show(found: Listing[Finding], *, as_json: bool) -> None:
    """Print what does not fit; leave if anything does not."""
    if found or as_json:
        show_listing(found, as_json=as_json)
    if found:
        click.get_current_context().exit(CATALOGUE[Reason.STUDY_INVALID].exit_code)
