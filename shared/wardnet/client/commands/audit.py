"""`wardnet audit`: read what hospitals have granted, prove it, and hold it against pinned keys."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click

from wardnet import canonical, clock
from wardnet.audit import bundle as bundles
from wardnet.audit.entry import Entry
from wardnet.audit.search import Search
from wardnet.audit.verifier import Verdict
from wardnet.canonical import Json
from wardnet.client.commands.audit_source import Sources, read_bundle, search_options, sources
from wardnet.client.commands.audit_take import export, report
from wardnet.client.commands.audit_words import described, inclusion, listed, path
from wardnet.client.trust.pins import Pins
from wardnet.command import (
    Record,
    grouped,
    json_option,
    print_json,
    print_record,
    print_records,
    shortened,
)
from wardnet.question import answer as answers


@click.group()
def audit() -> None:
    """Read the logs that hospitals have granted me, and prove them.

    HOSPITAL is a hospital's id. SOURCE is one too, or the file of a bundle that was saved before.
    """


@audit.command()
@click.argument("hospital")
@search_options
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Most.")
@click.option("--all", "everything", is_flag=True, help="Without a limit.")
@click.option("--save", type=click.File("wb", lazy=True), help="File for the bundle: the evidence.")
@json_option
def search(
    hospital: str,
    *,
    wanted: Search,
    patient: str,
    limit: int,
    everything: bool,
    save: BinaryIO | None,
    as_json: bool,
) -> None:
    """Search the log of HOSPITAL.

    The newest entries, by rising number; every one is proven before it is shown.
    """
    with sources() as opened:
        most = None if everything else limit
        found = opened.take(hospital, wanted, patient=patient, limit=most)
    if save is not None:
        bundles.write(found.bundle, save)
    if as_json:
        entries: list[Json] = [_record(entry) for entry in found.entries]
        print_json({"entries": entries, "more": found.more, "verdict": _verdict(found.verdict)})
        return
    print_records([listed(entry) for entry in found.entries], as_json=False)
    if found.more:
        click.echo("There are older ones: --limit, or --all.", err=True)
    _say(found.verdict, err=True)


@audit.command()
@click.argument("source")
@click.argument("seq", type=click.IntRange(1))
@click.option("--answer", is_flag=True, help="Show the answer too that was released.")
@json_option
def show(source: str, *, seq: int, answer: bool, as_json: bool) -> None:
    """Show entry SEQ of SOURCE whole, and the hashes that prove it."""
    with sources() as opened:
        found = opened.take(source, Search(after=seq - 1, before=seq + 1))
        items = zip(found.bundle.entries, found.entries, strict=True)
        held = [(proved, entry) for proved, entry in items if entry.seq == seq]
        if not held:
            message = f"{source} shows no entry {seq}: there is none, or it is not granted"
            raise click.UsageError(message)
        ((proved, entry),) = held
        record = _record(entry)
        record["bytes"] = proved.data.decode()
        record["proof"] = [item.hex() for item in inclusion(found.bundle, proved)]
        if answer:
            record["answer"] = _answer(opened, source, entry)
    if as_json:
        print_json({**record, "verdict": _verdict(found.verdict)})
        return
    for line in (*described(entry), "", *path(found.bundle, proved)):
        click.echo(line)
    if answer:
        click.echo("\nAnswer:")
        print_json(record["answer"])
    _say(found.verdict, err=True)


@audit.command()
@click.argument("bundle", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--against",
    "kept",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Bundle of the same log that was kept before: it must be of one history with this one.",
)
@json_option
@click.pass_obj
def verify(
    places: tuple[Path, Path | None], *, bundle: Path, kept: tuple[Path, ...], as_json: bool
) -> None:
    """Say what the file BUNDLE proves and what not; ask nobody.

    The newest checkpoint of the log that was shown here is held against it, too.
    """
    verdict = read_bundle(places[0], bundle, kept=kept).verdict
    if as_json:
        print_json(_verdict(verdict))
    else:
        _say(verdict)


@audit.command()
@click.argument("hospital")
@search_options
@click.option(
    "--interval",
    type=click.FloatRange(1),
    default=60.0,
    show_default=True,
    help="Seconds between two looks; each is an entry of the log itself.",
)
@click.option("--count", type=click.IntRange(1), help="End after so many entries.")
@json_option
def watch(
    hospital: str,
    *,
    wanted: Search,
    patient: str,
    interval: float,
    count: int | None,
    as_json: bool,
) -> None:
    """Print new entries of HOSPITAL's log until Ctrl-C."""
    if patient:
        message = "--patient is for search and report"
        raise click.UsageError(message)
    with sources() as opened:
        entries = opened.audit.watch(hospital, wanted, interval=interval)
        for number, entry in enumerate(entries, start=1):
            _print_line(entry, as_json=as_json)
            if number == count:
                return


@audit.command()
@click.argument("hospital")
@json_option
def granted(hospital: str, *, as_json: bool) -> None:
    """Show what HOSPITAL has granted me."""
    with sources() as opened:
        grant = opened.audit.grant(hospital)
    record: Record = {
        "hospital": grant.hospital,
        "scope": grant.scope.words if grant.scope else "",
        "until": grant.not_after if as_json else shortened(grant.not_after),
        "key": grant.key if as_json else grouped(grant.key),
    }
    print_record(record, as_json=as_json)


@audit.group()
def trust() -> None:
    """Look after the keys of logs that people have compared."""


@trust.command("add")
@click.argument("origin")
@click.option(
    "--fingerprint",
    required=True,
    metavar="HEX",
    callback=lambda _context, _option, text: "".join(filter(str.isalnum, text)).lower(),
    help="SHA-256 of the key, as its owner told you on another way than the network.",
)
@click.pass_obj
def add_trust(places: tuple[Path, Path | None], *, origin: str, fingerprint: str) -> None:
    """Pin the key of ORIGIN, e.g. wardnet://heartnet/node/north.

    It is the key of its log and of a witness: what it has cosigned of other logs counts from now
    on. With another key nothing of that log verifies any more, and no answer or decision of that
    node is believed.
    """
    Pins(places[0]).add(origin, fingerprint)


@trust.command("list")
@json_option
@click.pass_obj
def list_trust(places: tuple[Path, Path | None], *, as_json: bool) -> None:
    """List the pinned keys, and the beginnings of logs that were accepted."""
    pinned = sorted(Pins(places[0]).keys.items())
    records: list[Record] = [
        {"origin": name, "fingerprint": key if as_json else grouped(key)} for name, key in pinned
    ]
    records += [
        {"origin": one.origin, "accepted": one.at, "reason": one.reason}
        for one in Pins(places[0]).acceptances
    ]
    print_records(records, as_json=as_json)


@trust.command("remove")
@click.argument("origin")
@click.pass_obj
def remove_trust(places: tuple[Path, Path | None], *, origin: str) -> None:
    """Take the pin of ORIGIN away."""
    Pins(places[0]).remove(origin)


@trust.command("accept")
@click.argument("origin")
@click.option(
    "--reason",
    required=True,
    help="Whom you have asked on another way than the network, and what they said; it is kept.",
)
@click.pass_obj
def accept_beginning(places: tuple[Path, Path | None], *, origin: str, reason: str) -> None:
    """Believe a log that begins anew as ORIGIN.

    Although it leaves out what I saw of it before: so it is after a disk was lost, with entries
    that were shown to me and to no witness. Ask two stewards of the hospital by telephone first:
    they have signed the beginning, and must account for what is missing. Their signatures are
    checked as before; the verdict says that you accepted, and `trust list` when and why.
    """
    Pins(places[0]).accept(origin, reason=reason, at=clock.now())


audit.add_command(report)
audit.add_command(export)


def _answer(opened: Sources, source: str, entry: Entry) -> Json:
    if Path(source).is_file() or not entry.request_digest:
        message = "--answer needs a HOSPITAL, and an entry about a query"
        raise click.UsageError(message)
    answer = opened.audit.answer(source, entry.request_digest)
    return canonical.decode(answers.to_bytes(answer))


def _record(entry: Entry) -> dict[str, Json]:
    return {**asdict(entry), "subject": entry.actor.subject}


def _print_line(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        print_json(_record(entry))
    else:
        click.echo("  ".join(str(cell) for cell in listed(entry).values() if cell))


def _verdict(verdict: Verdict) -> dict[str, Json]:
    return {
        "origin": verdict.origin,
        "size": verdict.size,
        "fingerprint": verdict.fingerprint,
        "count": verdict.count,
        "cosigned": {
            name: {"entries": each.size, "at": each.at.isoformat()}
            for name, each in verdict.cosigned.items()
        },
        "covered": verdict.covered,
        "proven": list(verdict.proven),
        "not_proven": list(verdict.not_proven),
    }


def _say(verdict: Verdict, *, err: bool = False) -> None:
    for line in _lines(verdict):
        click.echo(grouped(line), err=err)


def _lines(verdict: Verdict) -> Iterator[str]:
    yield "Proven:"
    yield from (f"  {sentence}" for sentence in verdict.proven)
    yield "Not proven:"
    yield from (f"  {sentence}" for sentence in verdict.not_proven)
