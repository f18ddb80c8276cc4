"""`wardnet-node share request|fetch`: ask another hospital for records, and get them."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from wardnet.command import console, json_option
from wardnet.errors import Reason, WardnetError
from wardnet.question import grammar
from wardnet.question.cohort import EVERYONE
from wardnet.sharing.request import MOST_HOURS, Basis
from wardnet_node import published
from wardnet_node.cli.place import Place
from wardnet_node.cli.progress import bar
from wardnet_node.cli.share_record import on_the_way, print_done, share_argument
from wardnet_node.cli.share_watch import watch
from wardnet_node.cli.signing import signing_options, unlocked
from wardnet_node.desk.shares.asking import Wish
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.sharing.carrying.busy import only_here
from wardnet_node.sharing.carrying.carrier import Carrier
from wardnet_node.sharing.carrying.spool import Sealed, Spool
from wardnet_node.sharing.giving.consent import read_ids


@click.command()
@click.argument("owner")
@click.argument("dataset")
@click.option("--treatment", metavar="WHY", help="For the treatment of the patients, and why.")
@click.option("--study", metavar="ID", help="For a study that OWNER has agreed to.")
@click.option("--purpose", help="With --study: what for, in words.  [default: its title]")
@click.option("--columns", required=True, metavar="A,B", help="Columns that are asked for.")
@click.option("--where", metavar="COHORT", help="Whose rows, as in `wardnet query --where`.")
@click.option(
    "--patients",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Only these patients: a file with a number per line, as OWNER writes them.",
)
@click.option("--identifiers", is_flag=True, help="With their numbers; for treatment only.")
@click.option(
    "--hours",
    type=click.IntRange(1, MOST_HOURS),
    default=1,
    show_default=True,
    help="How long the records are needed.",
)
@signing_options("--steward")
@json_option
@click.pass_obj
def request(
    place: Place,
    *,
    owner: str,
    dataset: str,
    treatment: str | None,
    study: str | None,
    purpose: str | None,
    columns: str,
    where: str | None,
    patients: Path | None,
    identifiers: bool,
    hours: int,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Ask hospital OWNER for records of DATASET.

    For a study or for treatment; a steward signs. The request goes sealed to OWNER, whose steward
    decides.
    """
    if (treatment is None) == (study is None):
        message = "Say what for: --treatment WHY or --study ID."
        raise click.UsageError(message)
    ids = read_ids(patients) if patients else []
    cohort = grammar.parse(where) if where else EVERYONE
    names = [name.strip() for name in columns.split(",") if name.strip()]
    dictionary = published.fetch(
        dataset, credentials=place.credentials, address=place.settings.address
    )
    with place.shares() as shares, place.decisions() as (decisions, stewards):
        proposed = decisions.study(study).study if study else None
        words = treatment or purpose or (proposed.project.title if proposed else "")
        wish = Wish(
            owner=owner,
            basis=Basis.STUDY if proposed else Basis.TREATMENT,
            study=proposed.digest if proposed else None,
            purpose=words,
            columns=names,
            cohort=cohort,
            patients=ids,
            identifiers=identifiers,
            hours=hours,
        )
        signing = unlocked(stewards, signers, password_files=password_files)
        asked = shares.request(wish, dictionary=dictionary, stewards=signing)
    print_done(asked, as_json=as_json)


@click.command()
@share_argument
@json_option
@click.pass_obj
def fetch(place: Place, *, share_id: str, as_json: bool) -> None:
    """Fetch the sealed parcel of ID, or go on with it.

    The node does so by itself as soon as the parcel is ready; this shows how far it is. What was
    cut goes on where it stopped. A parcel that was damaged here is fetched once more, if the grant
    allows that.
    """
    spool = Spool(place.home)
    with place.shares() as shares:
        share = shares.show(share_id)
        shares.private_key(share.digest)  # says why nothing can be fetched
        look = partial(shares.show, share.digest)
        stuck = None
        try:
            with only_here(spool.incoming, share.digest):
                present = look()
                if present.state is State.READY or _is_lost(present, spool):
                    here = _carry(place, spool, present)
                    shares.mark_fetched(share.digest, parcel=here.parcel)
        except WardnetError as error:
            if error.reason is not Reason.IN_USE:
                raise
            stuck = watch(
                spool, look, under_way=lambda one: one.state is State.READY, title="Fetching"
            )
        done = look()
    if stuck is not None:
        console(stderr=True).print(f"It is not here yet. {on_the_way(stuck)}")
    print_done(done, as_json=as_json)


def _is_lost(share: Share, spool: Spool) -> bool:
    """Say whether a parcel was here and is not any more: what was damaged is deleted."""
    ready = share.ready if share.state is State.FETCHED else None
    return ready is not None and not spool.fetched(ready.parcel).whole


def _carry(place: Place, spool: Spool, share: Share) -> Sealed:
    carrier = Carrier(spool, credentials=place.credentials, settings=place.settings)
    with bar("Fetching") as progress:
        return asyncio.run(carrier.fetch(share, progress))


COMMANDS: Final = (request, fetch)
