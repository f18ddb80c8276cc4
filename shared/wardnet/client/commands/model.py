"""`wardnet model`: hand models on, and verify those of others."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import click

from wardnet.client.commands.connect import connected, show_listing
from wardnet.client.models.published import Words
from wardnet.client.remote import RemoteNetwork
from wardnet.command import json_option, print_json, print_record
from wardnet.identity.files import write_private
from wardnet.model.card import card as card_of
from wardnet.model.card import markdown, summary
from wardnet.model.file import read_bytes
from wardnet.model.onnx_export import to_onnx
from wardnet.model.package import Package

_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.group()
def model() -> None:
    """Hand models on, and verify those of others.

    A model is the answer of a query that learns, with the signatures of all its hospitals.
    """


def _worded(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--evaluation",
            "evaluations",
            multiple=True,
            metavar="QUERY",
            help="My query that asked how well it predicts.",
        ),
        click.option("--limits", required=True, help="Where it must not be used."),
        click.option("--intended-use", required=True, help="What it is for."),
        click.option("--name", required=True, help="What it is called in the network."),
    ):
        command = option(command)
    return command


@model.command()
@click.argument("query")
@click.argument("file", type=_FILE)
@_worded
@json_option
@connected
def save(
    network: RemoteNetwork,
    *,
    query: str,
    file: Path,
    name: str,
    intended_use: str,
    limits: str,
    evaluations: Sequence[str],
    as_json: bool,
) -> None:
    """Write the model that answers QUERY to FILE.

    What --intended-use and --limits say stands in it under my signature.
    """
    words = Words(name=name, intended_use=intended_use, limits=limits)
    data = network.models.make(query, words, evaluations=evaluations)
    write_private(file, data)
    _tell(network.models.read(data), as_json=as_json)


@model.command()
@click.argument("query")
@_worded
@json_option
@connected
def publish(
    network: RemoteNetwork,
    *,
    query: str,
    name: str,
    intended_use: str,
    limits: str,
    evaluations: Sequence[str],
    as_json: bool,
) -> None:
    """Publish the model that answers QUERY to the network.

    Its members can fetch it from then on. A name stands once, and nothing under it is changed.
    """
    words = Words(name=name, intended_use=intended_use, limits=limits)
    data = network.models.make(query, words, evaluations=evaluations)
    _tell(network.models.publish(data), as_json=as_json)


@model.command("list")
@json_option
@connected
def list_(network: RemoteNetwork, *, as_json: bool) -> None:
    """List the network's models."""
    show_listing(network.models.published(), as_json=as_json)


_MODEL: Final = click.argument("named", metavar="MODEL")


@model.command()
@_MODEL
@json_option
@connected
def show(network: RemoteNetwork, *, named: str, as_json: bool) -> None:
    """Verify MODEL and show what it predicts from what.

    MODEL is a name in the network or a file.
    """
    _tell(network.models.find(named), as_json=as_json)


@model.command()
@_MODEL
@json_option
@connected
def card(network: RemoteNetwork, *, named: str, as_json: bool) -> None:
    """Verify MODEL and print its card, as Markdown or JSON.

    MODEL is a name in the network or a file.
    """
    told = card_of(network.models.find(named))
    if as_json:
        print_json(told)
    else:
        click.echo(markdown(told), nl=False)


@model.command()
@click.argument("name")
@click.argument("file", type=_FILE)
@json_option
@connected
def pull(network: RemoteNetwork, *, name: str, file: Path, as_json: bool) -> None:
    """Fetch the model NAME, verify it and write it to FILE."""
    data, package = network.models.fetch(name)
    write_private(file, data)
    _tell(package, as_json=as_json)


@model.command()
@click.argument("file", type=_FILE)
@json_option
@connected
def verify(network: RemoteNetwork, *, file: Path, as_json: bool) -> None:
    """Verify the model in FILE, and show it.

    Who asked, who answered, and that nothing was changed since.
    """
    package = network.models.read(read_bytes(file))
    package.model()
    _tell(package, as_json=as_json)


@model.command()
@_MODEL
@click.option("--onnx", type=_FILE, required=True, help="The file to write.")
@json_option
@connected
def export(network: RemoteNetwork, *, named: str, onnx: Path, as_json: bool) -> None:
    """Verify MODEL and write it for other programs.

    MODEL is a name in the network or a file. What is written carries no signatures any more. It
    needs the extra wardnet[models].
    """
    package = network.models.find(named)
    write_private(onnx, to_onnx(package))
    _tell(package, as_json=as_json)


def _tell(package: Package, *, as_json: bool) -> None:
    print_record(summary(package), as_json=as_json)
