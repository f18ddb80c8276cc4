"""Where an auditor's command takes entries from: a hospital that is asked, or a bundle's file."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wardnet import clock
from wardnet.audit import bundle as bundles
from wardnet.audit import checkpoint, note, verifier
from wardnet.audit.bundle import Bundle
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.search import Search
from wardnet.client import home
from wardnet.client.trust.audit import Audit, Found, read_entries
from wardnet.client.trust.continuity import begun_anew
from wardnet.client.trust.pins import Pins
from wardnet.command import console
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import read_trust

if TYPE_CHECKING:
    from wardnet.client.remote import RemoteNetwork

_DAY: Final = "%Y-%m-%d"


class Sources:
    """Open sources as they are named; the network only when a hospital is.

    Parameters
    ----------
    folder, passphrase_file : Path
        The auditor's home.
    """

    def __init__(self, folder: Path, passphrase_file: Path | None) -> None:
        self.pins = Pins(folder)
        self._folder = folder
        self._passphrase_file = passphrase_file
        self._network: RemoteNetwork | None = None

    def read(self, path: Path) -> Found:
        """Return the verified entries of a bundle.

        Raises
        ------
        WardnetError
            What `read_bundle` refuses.
        """
        return read_bundle(self._folder, path)

    @property
    def audit(self) -> Audit:
        """Return the way to the hospitals."""
        if self._network is None:
            self._network = home.connect(self._folder, passphrase_file=self._passphrase_file)
        return self._network.audit(self.pins)

    def take(
        self, source: str, wanted: Search, *, patient: str = "", limit: int | None = None
    ) -> Found:
        """Return the verified entries of one source; of a file all that it holds.

        Raises
        ------
        WardnetError
            What `Audit.search` and `read_bundle` refuse.
        """
        if Path(source).is_file():
            return self.read(Path(source))
        with console(stderr=True).status(f"asking {source}"):
            return self.audit.search(source, wanted, patient=patient, limit=limit)

    def close(self) -> None:
        """Hang up."""
        if self._network is not None:
            self._network.close()


@contextmanager
def sources() -> Iterator[Sources]:
    """Open the sources of the running command."""
    folder, passphrase_file = click.get_current_context().obj
    opened = Sources(folder, passphrase_file)
    try:
        yield opened
    finally:
        opened.close()


def read_bundle(folder: Path, path: Path, *, kept: Sequence[Path] = ()) -> Found:
    """Verify a bundle, and only then read its entries; nobody is asked.

    Parameters
    ----------
    folder : Path
        The auditor's home: what is pinned there, and whose network's stewards count.
    path : Path
        Of the bundle.
    kept : sequence of Path
        Bundles of the same log from before: what was shown then must still be its history, as must
        what the pins remember of it.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`, or what `bundle.read` and `verifier.verify` refuse; `PROOF_REFUSED`,
        naming the first entry that is another one than in a bundle that was kept; what
        `begun_anew` refuses.
    """
    bundle, pins = _read(path), Pins(folder)
    origin = _origin(bundle.checkpoint)
    known = pins.seen(checkpoint.parse(note.parse(bundle.checkpoint).text).owner)
    seen = [known] if known is not None and _origin(known) == origin else []
    for before in map(_read, kept):
        verifier.verify(before, logs=pins.keys, witnesses=pins.keys)
        if _origin(before.checkpoint) == origin:
            _compare(bundle, before)
        seen.append(before.checkpoint)
    verdict = verifier.verify(bundle, logs=pins.keys, witnesses=pins.keys, seen=seen)
    trust = read_trust(folder)
    verdict = begun_anew(bundle, verdict, seen=known, pins=pins, trust=trust)
    return Found(bundle=bundle, verdict=verdict, entries=read_entries(bundle.entries))


def _read(path: Path) -> Bundle:
    try:
        with path.open("rb") as stream:
            bundle = bundles.read(stream)
            return replace(bundle, entries=tuple(bundle.entries))
    except OSError as error:
        rule = str(error.strerror)
        raise WardnetError(Reason.FILE_UNREADABLE, file=str(path), rule=rule) from error


def _compare(bundle: Bundle, kept: Bundle) -> None:
    """Refuse a bundle that tells an entry otherwise than a verified one did."""
    before = {item.seq: item.data for item in kept.entries}
    for item in bundle.entries:
        if before.get(item.seq, item.data) != item.data:
            rule = "it is another one than in the bundle that was kept"
            raise WardnetError(Reason.PROOF_REFUSED, line=item.seq, rule=rule)


def _origin(signed: str) -> str:
    return checkpoint.parse(note.parse(signed).text).origin


def search_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the filters, as the parameters `wanted` (a Search) and `patient`."""

    @wraps(function)
    def run(**options: str | datetime | None) -> None:
        filters = {name: options.pop(name) or "" for name in _FILTERS}
        since, until, kind, outcome = (
            options.pop(name) for name in ("since", "until", "kind", "outcome")
        )
        wanted = Search(
            **filters,  # type: ignore[arg-type]
            since=_moment(since),
            until=_moment(until, after=1),
            type=EventType(str(kind)) if kind else None,
            outcome=Outcome(str(outcome)) if outcome else None,
        )
        function(wanted=wanted, **options)

    for option in reversed(_OPTIONS):
        run = option(run)
    return run


_FILTERS: Final = (
    "subject",
    "organisation",
    "study",
    "purpose",
    "dataset",
    "method",
    "request",
    "recipient",
)

_OPTIONS: Final = (
    click.option("--researcher", "subject", help="Part of who acted."),
    click.option("--organisation", help="For whom they acted."),
    click.option("--study", help="The beginning of the study's digest."),
    click.option("--purpose", help="Part of the purpose, e.g. DUO:0000006."),
    click.option("--dataset", help="About which one."),
    click.option("--method", help="By which one, e.g. count."),
    click.option("--request", help="SHA-256 of the signed query, or of a request for records."),
    click.option("--recipient", help="Part of who received something, e.g. a hospital's id."),
    click.option(
        "--type",
        "kind",
        type=click.Choice([kind.value for kind in EventType]),
        metavar="KIND",
        help="What happened, e.g. query_answer or break_glass; the auditors' guide lists all.",
    ),
    click.option(
        "--outcome",
        type=click.Choice([outcome.value for outcome in Outcome]),
        help="How it ended.",
    ),
    click.option("--since", type=click.DateTime([_DAY]), help="First day, UTC."),
    click.option("--until", type=click.DateTime([_DAY]), help="Last day, UTC."),
    click.option(
        "--patient",
        default="",
        prompt="The patient's number at the hospital",
        prompt_required=False,
        help="The patient's number at the hospital, which alone reads it; asked for when left out.",
    ),
)


def _moment(day: str | datetime | None, *, after: int = 0) -> str:
    """Return the moment at which a day begins, or one some days later; empty for none."""
    if not isinstance(day, datetime):
        return ""
    return clock.to_moment(day.replace(tzinfo=UTC) + timedelta(days=after))
