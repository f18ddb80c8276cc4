"""`wardnet-node auditor`: who may read this hospital's access log."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from wardnet import clock
from wardnet.audit.entry import EventType
from wardnet.audit.grant import Grant
from wardnet.audit.scope import Scope
from wardnet.command import Record, grouped, json_option, print_record, print_records
from wardnet.errors import Reason, WardnetError
from wardnet_node.cli.book import fingerprint_option
from wardnet_node.cli.place import Place
from wardnet_node.cli.signing import signing_options, unlocked

SHOWN: Final = ("auditor", "scope", "until", "state", "fingerprint")
_DAY: Final = "%Y-%m-%d"


@click.group()
def auditor() -> None:
    """Let auditors read the access log; every reading is an entry too."""


@auditor.command()
@click.argument("auditor_id", metavar="ID")
@fingerprint_option
@click.option(
    "--scope",
    "parts",
    multiple=True,
    required=True,
    metavar="PART",
    help="What may be read: all, dataset:NAME, study:DIGEST, kind:TYPE, since:DAY, until:DAY; "
    "and patients (find by number), answers (read released answers). Repeatable.",
)
@click.option(
    "--until", type=click.DateTime([_DAY]), required=True, help="First day without the grant, UTC."
)
@signing_options("--by")
@json_option
@click.pass_obj
def grant(
    place: Place,
    *,
    auditor_id: str,
    fingerprint: str,
    parts: Sequence[str],
    until: datetime,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Let auditor ID read; a steward signs. It takes the place of an earlier grant.

    Compare the fingerprint with the auditor on another way than the network; `wardnet whoami`
    shows it there.
    """
    scope = read_scope(parts)
    with place.grants() as (grants, stewards):
        granted = grants.grant(
            auditor_id,
            key=fingerprint,
            scope=scope,
            until=until.replace(tzinfo=UTC),
            stewards=unlocked(stewards, signers, password_files=password_files),
        )
    print_record(_record(granted), as_json=as_json)


@auditor.command("list")
@json_option
@click.pass_obj
def list_auditors(place: Place, *, as_json: bool) -> None:
    """List who was granted what, and what has ended."""
    with place.grants() as (grants, _):
        records = [_record(granted.grant) for granted in grants.list()]
    if not as_json:
        records = [
            {**record, "fingerprint": grouped(str(record["fingerprint"]))} for record in records
        ]
    print_records(records, as_json=as_json, columns=SHOWN)


@auditor.command()
@click.argument("auditor_id", metavar="ID")
@signing_options("--by")
@json_option
@click.pass_obj
def revoke(
    place: Place,
    *,
    auditor_id: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Take the grant of auditor ID back, at once; a steward signs."""
    with place.grants() as (grants, stewards):
        signing = unlocked(stewards, signers, password_files=password_files)
        revoked = grants.revoke(auditor_id, stewards=signing)
    print_record(_record(revoked), as_json=as_json)


def read_scope(parts: Sequence[str]) -> Scope:
    """Read what `--scope` was given.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID`.
    """
    scope = Scope()
    for part in parts:
        scope = _with(scope, part)
    return scope


def _with(scope: Scope, part: str) -> Scope:
    kind, _, value = part.partition(":")
    try:
        match kind:
            case "all" if not value:
                return scope
            case "patients" | "answers" if not value:
                return replace(scope, **{kind: True})  # type: ignore[arg-type]
            case "dataset":
                return replace(scope, datasets=tuple(sorted({*scope.datasets, value})))
            case "study":
                return replace(scope, studies=tuple(sorted({*scope.studies, value})))
            case "kind":
                return replace(scope, kinds=tuple(sorted({*scope.kinds, EventType(value)})))
            case "since":
                return replace(scope, since=_moment(value))
            case "until":
                return replace(scope, until=_moment(value))
    except ValueError as error:
        raise _invalid(part) from error
    raise _invalid(part)


def _moment(day: str) -> str:
    return clock.to_moment(datetime.strptime(day, _DAY).replace(tzinfo=UTC))


def _invalid(part: str) -> WardnetError:
    return WardnetError(
        Reason.PARAMETER_INVALID,
        method="A grant",
        parameter="scope",
        rule=f"does not know {part[:80]!r}; --help lists what it takes",
    )


def _record(grant: Grant) -> Record:
    ended = grant.not_after <= clock.to_moment(clock.now())
    state = "revoked" if grant.scope is None else "ended" if ended else "in force"
    return {
        "auditor": grant.auditor,
        "scope": grant.scope.words if grant.scope else "",
        "until": grant.not_after[:10],
        "state": state,
        "fingerprint": grant.key,
        "number": grant.number,
    }
