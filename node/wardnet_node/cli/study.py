"""`wardnet-node study`: what researchers propose, and what this hospital decides."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click
from pydantic import TypeAdapter

from wardnet.agreement.agreement import Agreement
from wardnet.canonical import Json
from wardnet.command import Record, json_option, print_json, print_record, print_records
from wardnet.question import grammar
from wardnet_node.cli.place import Place
from wardnet_node.cli.signing import signing_options, unlocked
from wardnet_node.desk.narrow import Narrowing, evidence, narrow, narrower
from wardnet_node.desk.plain import Section
from wardnet_node.desk.study_state import StudyState

F = TypeVar("F", bound=Callable[..., object])

SHOWN = ("id", "state", "title", "dataset", "until", "used", "quota", "received")

study_argument = click.argument("study")
reason_option = click.option("--reason", required=True, help="Why; the researchers read it.")


def _names(_context: click.Context, _option: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@click.group()
def study() -> None:
    """Decide on studies. Nothing is computed that nobody here has signed.

    STUDY is the beginning of a study's id, at least 6 characters.
    """


@study.command("list")
@json_option
@click.pass_obj
def list_studies(place: Place, *, as_json: bool) -> None:
    """List the studies proposed to this hospital, newest first."""
    with place.decisions() as (decisions, _):
        records = [_record(state) for state in decisions.studies()]
    print_records(records, as_json=as_json, columns=SHOWN)


@study.command()
@study_argument
@json_option
@click.pass_obj
def show(place: Place, *, study: str, as_json: bool) -> None:
    """Show STUDY in plain language: who, why, what, what could leak."""
    with place.decisions() as (decisions, _):
        state = decisions.study(study)
        sections = decisions.describe(study)
        concerns = decisions.concerns(study)
    record = _record(state)
    if as_json:
        words = [str(concern) for concern in concerns]
        print_json({**record, "description": _description(sections), "concerns": list(words)})
        return
    for section in sections:
        click.echo(f"{section.title}")
        for line in section.lines:
            click.echo(f"  {line}")
    click.echo(f"What has this hospital decided?\n  {_decision(state)}")
    for concern in concerns:
        click.echo(f"Concern: {concern}")


def _narrowing_options(function: F) -> F:
    for option in (
        click.option("--columns", callback=_names, help="Columns that are allowed: a,b,c."),
        click.option(
            "--cohort-columns",
            callback=_names,
            help="Columns that cohorts may look at.  [default: as --columns]",
        ),
        click.option("--methods", callback=_names, help="Methods that are allowed: count,summary."),
        click.option("--quota", type=click.IntRange(1), help="Most different questions."),
        click.option("--minimum-patients", type=click.IntRange(10), help="Fewest in an answer."),
        click.option("--minimum-hospitals", type=click.IntRange(1), help="Fewest in an answer."),
        click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="First day without."),
        click.option("--cohort", help="Only these patients, as in `wardnet query --where`."),
        click.option("--condition", "conditions", multiple=True, help="What they must do besides."),
        click.option(
            "--evidence",
            "documents",
            type=click.Path(path_type=Path, dir_okay=False),
            multiple=True,
            help="Document that the decision rests on; its digest is signed.",
        ),
    ):
        function = option(function)
    return function


@study.command()
@study_argument
@signing_options("--steward")
@_narrowing_options
@json_option
@click.pass_obj
def accept(
    place: Place,
    *,
    study: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    columns: list[str] | None,
    cohort_columns: list[str] | None,
    methods: list[str] | None,
    quota: int | None,
    minimum_patients: int | None,
    minimum_hospitals: int | None,
    until: datetime | None,
    cohort: str | None,
    conditions: Sequence[str],
    documents: Sequence[Path],
    as_json: bool,
) -> None:
    """Agree to STUDY, whole or narrower. The newest agreement is the one that holds.

    To allow more than an agreement before, or to agree again after a revocation, two stewards sign.
    """
    narrowing = Narrowing(
        columns=columns,
        cohort_columns=cohort_columns,
        methods=methods,
        quota=quota,
        minimum_patients=minimum_patients,
        minimum_hospitals=minimum_hospitals,
        until=until.date() if until else None,
        cohort=grammar.parse(cohort) if cohort else None,
        conditions=conditions,
        evidence=[evidence(path) for path in documents],
    )
    with place.decisions() as (decisions, stewards):
        agreement = narrow(decisions.draft(study), narrowing)
        signing = unlocked(stewards, signers, password_files=password_files)
        state = decisions.accept(study, stewards=signing, narrowed=agreement)
    _print_decided(state, as_json=as_json)


@study.command()
@study_argument
@reason_option
@signing_options("--steward")
@json_option
@click.pass_obj
def decline(
    place: Place,
    *,
    study: str,
    reason: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Turn STUDY down."""
    with place.decisions() as (decisions, stewards):
        (steward,) = unlocked(stewards, signers[:1], password_files=password_files)
        state = decisions.decline(study, steward=steward, reason=reason)
    _print_decided(state, as_json=as_json)


@study.command()
@study_argument
@reason_option
@signing_options("--steward")
@json_option
@click.pass_obj
def revoke(
    place: Place,
    *,
    study: str,
    reason: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Take the agreement to STUDY back, at once. Questions under way are refused too."""
    with place.decisions() as (decisions, stewards):
        (steward,) = unlocked(stewards, signers[:1], password_files=password_files)
        state = decisions.revoke(study, steward=steward, reason=reason)
    _print_decided(state, as_json=as_json)


def _description(sections: Sequence[Section]) -> dict[str, Json]:
    return {section.title: list(section.lines) for section in sections}


def _print_decided(state: StudyState, *, as_json: bool) -> None:
    print_record(
        {
            "study": state.study.digest,
            "state": state.state.value,
            "decision": _decision(state),
            "agreement": state.agreement.digest if state.agreement else None,
            "revision": state.agreement.revision if state.agreement else None,
        },
        as_json=as_json,
    )


def _decision(state: StudyState) -> str:
    words = {
        "new": "nothing yet",
        "declined": f"it has declined: {state.reason}",
        "revoked": f"it has revoked its agreement: {state.reason}",
        "ended": "the study or the agreement to it has ended",
        "damaged": "a row about it was changed in the database: no agreement to it holds",
    }
    if state.state.value in words:
        return words[state.state.value]
    ways = list(narrower(state.agreement, state.study)) if state.agreement else []
    return f"it has agreed, narrower: {'; '.join(ways)}" if ways else "it has agreed"


def _record(state: StudyState) -> Record:
    study, agreement = state.study, state.agreement
    return {
        "id": study.digest[:12],
        "study": study.digest,
        "state": state.state.value,
        "title": study.project.title,
        "dataset": study.data.dataset,
        "until": (agreement.until if agreement else study.not_after)[:10],
        "used": state.used,
        "quota": agreement.quota if agreement else study.output.quota,
        "received": state.received,
        "decided": state.decided or None,
        "reason": state.reason or None,
        "agreement": None
        if agreement is None
        else TypeAdapter(Agreement).dump_python(agreement, mode="json"),
    }
