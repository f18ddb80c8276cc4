"""`wardnet-node model` and `wardnet-node predict`: use models at the hospital."""

from dataclasses import asdict
from pathlib import Path

import click

from wardnet.audit import tags
from wardnet.command import Record, json_option, print_record, print_records
from wardnet.errors import Reason, WardnetError
from wardnet.model.card import summary
from wardnet.model.file import is_path, read_bytes
from wardnet.model.package import Package
from wardnet_node.cli.place import Place
from wardnet_node.cli.progress import bar
from wardnet_node.intake import local_part
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.models.installed import InstalledModel, fetched
from wardnet_node.models.predict import Predictor, Source

_PATH = click.Path(path_type=Path)


@click.group()
def model() -> None:
    """Install models that hospitals learned together, and remove them."""


@model.command()
@click.argument("named", metavar="MODEL")
@json_option
@click.pass_obj
def install(place: Place, *, named: str, as_json: bool) -> None:
    """Verify MODEL and take it into use.

    MODEL is a file, or the name under which its researcher has published it. All its signatures
    must hold, and hospitals of the address book must have signed with the keys that stand there.
    """
    with place.models() as models, place.decisions() as (decisions, _):
        if is_path(named):
            data, name = read_bytes(Path(named)), None
        else:
            address = place.settings.address
            data = fetched(named, credentials=place.credentials, address=address)
            name = named
        found = models.install(data, book=decisions.book(), name=name)
    print_record(_told(found), as_json=as_json)


@model.command("list")
@json_option
@click.pass_obj
def list_(place: Place, *, as_json: bool) -> None:
    """List the models in use."""
    with place.models() as models:
        found = [_told(each) for each in models.all()]
    shown = ("name", "predicts", "dataset", "method", "installed")
    print_records(found, as_json=as_json, columns=shown)


@model.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def remove(place: Place, *, name: str, yes: bool, as_json: bool) -> None:
    """Take the model NAME out of use."""
    with place.models() as models:
        models.find(name)
        if not yes:
            click.confirm(f"Remove the model {name}?", abort=True, err=True)
        models.remove(name)
    print_record({"removed": name}, as_json=as_json)


@click.command()
@click.argument("name", metavar="MODEL")
@click.argument("file", type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="A new CSV file.")
@click.option("--local", type=_PATH, help="How FILE is written; else as the dataset's own files.")
@click.option(
    "--accept-last-line", is_flag=True, help="A last line without a line end is whole, too."
)
@json_option
@click.pass_obj
def predict(
    place: Place,
    *,
    name: str,
    file: Path,
    output: Path,
    local: Path | None,
    accept_last_line: bool,
    as_json: bool,
) -> None:
    """Predict every row of FILE with the installed MODEL.

    FILE is CSV with the columns of the dictionary, the outcome's not needed. The output has a line
    for each of its rows: the patient, where the dictionary names one, and what is predicted. It is
    a plain file: protect it. Which patients were predicted stands in the access log.

    Where hospitals have weights for themselves, those that this hospital has kept are used; without
    them the shared ones are. Which ones it was is told (`weights`), and stands in the log.
    """
    with place.models() as models:
        found = models.find(name)
    source = Source(file, _local(place, found.package, local), accept_last_line)
    key = place.keystore.derive(tags.PURPOSE)
    with place.catalog() as catalog, bar("Predicting") as progress:
        predictor = Predictor(catalog, member=place.credentials.member, tag_key=key)
        done = predictor.predict(found, source, output, progress=progress)
    told = {"model": name, "weights": found.weights.value, "file": str(output)}
    print_record({**told, **asdict(done)}, as_json=as_json)


def _local(place: Place, package: Package, path: Path | None) -> LocalPart:
    """Return how a file is written: as somebody says, or as the dataset's own files are."""
    if path is not None:
        return local_part.read(path)
    with place.vault() as vault:
        try:
            return vault.adopted(package.dictionary.name).local
        except WardnetError as error:
            if error.reason is not Reason.NOT_ADOPTED:
                raise
            return LocalPart()


def _told(found: InstalledModel) -> Record:
    own = {"weights": found.weights.value, "installed": found.installed}
    return {**summary(found.package), **own}
