"""`wardnet-node share preview|grant|decline|send|revoke`: decide on what others ask for."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Final

import click

from wardnet import canonical
from wardnet.command import console, json_option, print_json, print_record, print_records
from wardnet.errors import Reason, WardnetError
from wardnet.sharing.notice import Place as Waiting
from wardnet_node.cli.place import Place
from wardnet_node.cli.progress import bar
from wardnet_node.cli.share_record import on_the_way, print_done, share_argument
from wardnet_node.cli.share_terms import terms_options
from wardnet_node.cli.share_watch import watch
from wardnet_node.cli.signing import signing_options, unlocked
from wardnet_node.desk.shares.describe import granted
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.desk.shares.terms import Terms
from wardnet_node.desk.shares.terms_file import write_terms
from wardnet_node.sharing.carrying.busy import only_here
from wardnet_node.sharing.giving.attachments import Attachment, attached, digests
from wardnet_node.sharing.giving.owner import Owner
from wardnet_node.sharing.giving.preview import Preview

COLUMNS: Final = ("name", "type", "values", "change")

attach_option = click.option(
    "--attach",
    "paths",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="File that goes with the rows as it is: a report, a picture (DICOM, PDF); nothing in it "
    "is de-identified. Repeatable.",
)
reason_option = click.option("--reason", required=True, help="Why; the other hospital reads it.")


@click.command()
@share_argument
@terms_options
@click.option("--draft", type=click.Path(path_type=Path), help="Write the terms there, to edit.")
@json_option
@click.pass_obj
def preview(
    place: Place, *, share_id: str, terms: Terms, draft: Path | None, as_json: bool
) -> None:
    """Show exactly what would leave if ID were granted so.

    Nothing is signed or sent. Three rows are shown as they would leave, on a terminal only: they
    are patients' data.
    """
    if draft is not None and draft.exists():
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(draft))
    with place.owner() as owner:
        request = owner.owned(share_id).request
        grant = owner.draft(share_id, terms)
        found = owner.preview(share_id, grant)
        concerns = owner.shares.concerns(share_id)
    if draft is not None:
        draft.write_text(write_terms(request, grant, terms), encoding="utf-8")
    if as_json:
        told = {name: value for name, value in asdict(found).items() if name != "sample"}
        words = [str(one) for one in concerns]
        print_json({**told, "terms": list(granted(grant, request)), "concerns": list(words)})
        return
    _show(found)
    for line in granted(grant, request):
        click.echo(line)
    for concern in concerns:
        click.echo(f"Concern: {concern}")
    if draft is not None:
        console(stderr=True).print(f"The terms are in {draft}.")


@click.command()
@share_argument
@terms_options
@attach_option
@signing_options("--steward")
@json_option
@click.pass_obj
def grant(
    place: Place,
    *,
    share_id: str,
    terms: Terms,
    paths: Sequence[Path],
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Hand over what ID asks for, whole or narrower.

    Look at it with `share preview` and the same options first. The node then makes the parcel,
    seals it and sends it by itself; files to attach are sealed at once.
    """
    files = attached(paths)
    with place.owner() as owner, place.decisions() as (_, stewards):
        share = owner.owned(share_id)
        whole, along = owner.draft(share.digest, terms), digests(files)
        drafted = canonical.validated(lambda: replace(whole, attachments=along))
        leaving = owner.preview(share.digest, drafted)
        if not leaving.rows:
            raise WardnetError(Reason.NOTHING_TO_SHARE, dataset=leaving.dataset)
        signing = unlocked(stewards, signers, password_files=password_files)
        with only_here(owner.spool.outgoing, share.digest):  # else the node begins without them
            done = owner.shares.grant(share.digest, drafted, stewards=signing)
            if files:
                done = _make(owner, done, files)
    print_done(done, as_json=as_json)


@click.command()
@share_argument
@reason_option
@signing_options("--steward")
@json_option
@click.pass_obj
def decline(
    place: Place,
    *,
    share_id: str,
    reason: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Turn the request ID down."""
    with place.shares() as shares, place.decisions() as (_, stewards):
        found = shares.show(share_id)
        signing = unlocked(stewards, signers, password_files=password_files)
        done = shares.decline(found.digest, reason=reason, stewards=signing)
    print_done(done, as_json=as_json)


@click.command()
@share_argument
@reason_option
@signing_options("--steward")
@json_option
@click.pass_obj
def revoke(
    place: Place,
    *,
    share_id: str,
    reason: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Take the grant of ID back, at once.

    The other hospital's node destroys what it has, and gives a receipt.
    """
    with place.shares() as shares, place.decisions() as (_, stewards):
        found = shares.show(share_id)
        signing = unlocked(stewards, signers, password_files=password_files)
        done = shares.revoke(found.digest, reason=reason, stewards=signing)
    print_done(done, as_json=as_json)


@click.command()
@share_argument
@attach_option
@click.option("--again", is_flag=True, help="Make a new parcel in place of the one that waits.")
@json_option
@click.pass_obj
def send(place: Place, *, share_id: str, paths: Sequence[Path], again: bool, as_json: bool) -> None:
    """Make and seal the parcel of ID now, and watch it on its way.

    The node does so by itself after a grant; this shows how far it is, or why it is stuck. With
    files to attach, which must be those that were granted, or --again, a new parcel takes the place
    of one that was not fetched yet.
    """
    files = attached(paths)
    with place.owner() as owner:
        share = owner.owned(share_id)
        owner.shares.in_force(share.digest)
        look = partial(owner.shares.show, share.digest)
        try:
            with only_here(owner.spool.outgoing, share.digest):
                if look().state is State.GRANTED or files or again:
                    _make(owner, look(), files)
        except WardnetError as error:
            if error.reason is not Reason.IN_USE or files or again:
                raise  # else the node is at it
        stuck = watch(
            owner.spool,
            look,
            under_way=lambda one: one.state is State.GRANTED or owner.to_bring(one) is not None,
            title="Sending",
        )
        done = look()
    if stuck is not None:
        console(stderr=True).print(f"It is not there yet. {on_the_way(stuck)}")
    _print_sent(done, there=stuck is None, as_json=as_json)


def _make(owner: Owner, share: Share, files: Sequence[Attachment]) -> Share:
    with bar("Making the parcel", of_bytes=False) as progress:
        return owner.make(share.digest, files, progress=progress)


def _print_sent(share: Share, *, there: bool, as_json: bool) -> None:
    ready = share.ready
    here = ready is not None and (ready.place is Waiting.DIRECT or not there)
    print_record(
        {
            "share": share.digest,
            "state": share.state.value,
            "waits": None if ready is None else "here" if here else "at the relay",
            "address": ready.address if ready else None,
            "bytes": ready.body if ready else None,
            "until": share.until,
        },
        as_json=as_json,
    )


def _show(found: Preview) -> None:
    print_records([asdict(column) for column in found.columns], as_json=False, columns=COLUMNS)
    left, consent = found.smallest_group_left, found.consent
    more = " or more" if left == found.at_most else ""
    lines = [
        f"Rows: {found.rows}, of {found.patients} patients.",
        found.identifiers,
        f"Columns that do not leave: {', '.join(found.removed) or 'none'}.",
    ]
    if found.quasi_identifiers:
        lines.append(
            f"Smallest group by {', '.join(found.quasi_identifiers)}: {left}{more} patients. "
            f"Rows that stay here as too rare: {found.rows_rare}; patients who stay with all "
            f"their rows: {found.patients_rare}."
        )
    if found.patients_unknown:
        lines.append(f"{found.patients_unknown} of the patients asked for are not known here.")
    if consent is not None:
        lines.append(f"{found.patients_withheld} patients stay here by the list of consent.")
    if found.told_by_cohort:
        told = ", ".join(found.told_by_cohort)
        lines.append(f"That a row is there tells about it that the condition on {told} holds.")
    click.echo("\n".join(lines))
    if sys.stdout.isatty():
        names = [column.name for column in found.columns]
        click.echo("Three rows, as they would leave:")
        rows = [dict(zip(names, row, strict=True)) for row in found.sample]
        print_records(rows, as_json=False)
    else:
        console(stderr=True).print("The sample of rows is shown on a terminal only.")


COMMANDS: Final = (preview, grant, decline, send, revoke)
