"""From what a person asks to a query that every hospital will understand."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from math import isfinite, nan
from numbers import Integral
from operator import index
from typing import Final, NoReturn, TypeAlias, TypedDict

from pydantic import JsonValue

from wardnet import canonical
from wardnet.client.models.formulas import spelled_out
from wardnet.client.studies.grant import Grant, strictest, to_json
from wardnet.clock import to_moment
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, And, Cohort, Everyone, Not, Or, Term
from wardnet.question.cohort import check as check_cohort
from wardnet.question.dictionary import Dictionary
from wardnet.question.grammar import parse, write
from wardnet.question.query import Query
from wardnet.statistics.methods import METHODS

LIFETIME: Final = timedelta(minutes=15)
"""Between the moments within which a hospital may start a query."""

SKEW: Final = timedelta(minutes=1)
"""How far the clocks of others may be behind ours."""

_BINS: Final = 10
_FEWEST_EDGES: Final = 2
_LISTED: Final = 6
_STRANGE: Final = (
    "does not hold {0} in its present version (`wardnet datasets` lists who does) or has not "
    "agreed to the study"
)

Where: TypeAlias = Term | str | None
"""A condition (`col("age") >= 40`), a line of the cohort's grammar, or None for everyone."""

Parameters: TypeAlias = dict[str, JsonValue]

Names: TypeAlias = str | Sequence[str]
"""One name, or several."""


class Whose(TypedDict, total=False):
    """Name the keywords that every question takes: whose rows it is about, and who is asked."""

    where: Where
    """A condition such as `col("age") >= 40`, a line such as `"age >= 40"`; None for everyone."""
    hospitals: Names | None
    """Ids; None for all that hold the dataset and have agreed to the study."""
    min_hospitals: int | None
    """Fewest that the answer may rest on; None for all that are asked."""
    study: str | None
    """Beginning of the id of the study that the question belongs to; None where only one comes
    into question. A simulation needs none."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold a question before it is addressed and signed.

    Parameters
    ----------
    method : str
        The statistic, e.g. `summary`.
    dataset : str
        Which table.
    parameters : Mapping of str to JSON
        The method's own parameters. A model's `formula` stands for its outcome and what explains
        it; what is signed are the columns.
    where : Term, str or None
        Whose rows; None for everyone.
    hospitals : str, sequence of str, or None
        Who is asked; None for all that hold the dataset and have agreed to the study.
    min_hospitals : int or None
        Fewest hospitals that the answer may rest on; None for all that are asked.
    study : str or None
        Beginning of the id of the study that it belongs to; None where only one comes into
        question.
    """

    method: str
    dataset: str
    parameters: Mapping[str, JsonValue]
    _: KW_ONLY
    where: Where = None
    hospitals: Names | None = None
    min_hospitals: int | None = None
    study: str | None = None


def ask_for(method: str, dataset: str, parameters: Mapping[str, JsonValue], whose: Whose) -> Ask:
    """Return a question as a person has put it.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` for a keyword that nothing takes, and for a dataset that is no name.
    """
    for name in whose.keys() - Whose.__annotations__.keys():
        _refuse(method, name, "is not known to it; `help(net.learn)` and `help(net)` say what is")
    if not isinstance(dataset, str):
        _refuse(method, "dataset", "must be the name of one; `net.datasets()` lists them")
    return Ask(method, dataset, parameters, **whose)


def _refuse(method: str, parameter: str, rule: str) -> NoReturn:
    raise WardnetError(Reason.PARAMETER_INVALID, method=method, parameter=parameter, rule=rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Say who asks, when, with which random number, and who can open the answer.

    Parameters
    ----------
    network, researcher : str
        Ids.
    at : datetime
        The present moment.
    nonce : str
        128 random bits, hexadecimal.
    recipient : str
        X25519 public key that answers are sealed to, hexadecimal.
    """

    network: str
    researcher: str
    at: datetime
    nonce: str
    recipient: str


def to_query(ask: Ask, *, asker: Asker, dictionary: Dictionary, grant: Grant) -> Query:
    """Return the query, checked like every hospital will check it.

    Parameters
    ----------
    grant : Grant
        What it rests on.

    Raises
    ------
    WardnetError
        `METHOD_UNKNOWN`, `PARAMETER_INVALID`, `COLUMN_UNAVAILABLE` or `COHORT_SYNTAX`.
    """
    method = METHODS.get(ask.method)
    if method is None:
        raise WardnetError(Reason.METHOD_UNKNOWN, method=ask.method, version="any")
    cohort = to_cohort(ask.where)
    check_cohort(cohort, dictionary)
    given = {name: plain(value) for name, value in ask.parameters.items()}
    parameters = spelled_out(method.name, given, dictionary)
    method.bind(parameters, dictionary)
    hospitals = _hospitals(ask, list(grant.permits))
    minimum = _minimum(ask, hospitals)
    permits = {name: grant.permits[name] for name in hospitals}
    return canonical.validated(  # the coordinator may list hospitals whose ids are none
        lambda: Query(
            version=1,
            network=asker.network,
            researcher=asker.researcher,
            dataset=dictionary.name,
            dictionary=dictionary.digest,
            method=method.name,
            method_version=method.version,
            parameters=parameters,
            cohort=cohort,
            hospitals=hospitals,
            minimum_hospitals=minimum,
            mode="clear",
            study=grant.study,
            agreements={name: permit.agreement for name, permit in permits.items()},
            purpose=to_json(strictest([permit.purpose for permit in permits.values()])),
            minimum_patients=max(permit.minimum_patients for permit in permits.values()),
            recipient=asker.recipient,
            nonce=asker.nonce,
            not_before=to_moment(asker.at - SKEW),
            not_after=to_moment(asker.at - SKEW + LIFETIME),
        )
    )


def plain(value: JsonValue) -> JsonValue:
    """Return a parameter with Python's own whole numbers for those of numpy."""
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    return value


def to_cohort(where: Where) -> Cohort:
    """Return the cohort that a person named.

    Raises
    ------
    WardnetError
        `COHORT_SYNTAX`, or `PARAMETER_INVALID` when it is nested deeper than a signed query may be.
    """
    if where is None:
        return EVERYONE
    if not isinstance(where, Term | str):
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method="cohort",
            parameter="where",
            rule='needs a condition such as col("age") >= 40, or a line such as "age >= 40"',
        )
    cohort = where.cohort if isinstance(where, Term) else parse(where)
    if 1 + _nesting(cohort) > canonical.MAXIMUM_DEPTH:
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method="cohort",
            parameter="the condition",
            rule="is nested too deeply; write it flatter",
        )
    return cohort


def _nesting(cohort: Cohort) -> int:
    """Return how deep the brackets of the cohort's JSON are nested."""
    match cohort:
        case Not(of=inner):
            return 1 + _nesting(inner)
        case And(of=parts) | Or(of=parts):
            return 2 + max(map(_nesting, parts), default=0)
        case _:
            return 2


def kind_of(method: str, parameters: Mapping[str, JsonValue]) -> str:
    """Return what people call a question: the family or the algorithm of a model, or its method."""
    return str(parameters.get("family") or parameters.get("algorithm") or method)


def describe(query: Query) -> str:
    """Return a query in one line, e.g. `summary of heart: age by sex, where age >= 40`."""
    given = query.parameters
    crossed = "rows" in given
    about = _listed(given, "rows") if crossed else _listed(given, "column", "columns", "outcome")
    by = _listed(given, "columns") if crossed else _listed(given, "by", "terms", "features")
    match given:
        case {"model": {"method": str(fit), "parameters": dict() as said}}:
            # an evaluation: what the model predicts, and what kind of model it is
            about, by = _listed(said, "outcome"), kind_of(fit, said)
    where = where_of(query)
    return (
        f"{kind_of(query.method, given)} of {query.dataset}"
        + (f": {about}" if about else "")
        + (f" by {by}" if by else "")
        + (f", where {where}" if where else "")
    )


def _listed(parameters: Parameters, *fields: str) -> str:
    listed: list[str] = []
    for field in fields:
        value = parameters.get(field, [])
        listed += map(_name, value if isinstance(value, list) else [value])
    more = len(listed) - _LISTED
    return ", ".join(listed[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _name(value: JsonValue) -> str:
    """Return a column, or the columns of an interaction."""
    return ":".join(map(str, value)) if isinstance(value, list) else str(value)


def where_of(query: Query) -> str | None:
    """Return the condition of a query as text; None for everyone."""
    return None if isinstance(query.cohort, Everyone) else write(query.cohort)


def to_bins(*, bins: int | None, edges: Sequence[float] | None) -> JsonValue:
    """Return the bins of a histogram: their number, or their edges.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` when both are given, or either is no number.
    """
    if edges is None:
        return _BINS if bins is None else _whole(bins)
    if bins is not None:
        raise WardnetError(
            Reason.PARAMETER_INVALID, method="histogram", parameter="bins", rule="excludes edges"
        )
    asked = numbers(edges, method="histogram", parameter="edges")
    if len(asked) < _FEWEST_EDGES:
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method="histogram",
            parameter="edges",
            rule="needs two numbers or more: where the first bin begins and the last one ends",
        )
    return asked


def _whole(bins: int) -> int:
    try:
        return index(bins)  # numpy's integers too, and neither 2.7 nor "3" nor a list
    except TypeError:
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method="histogram",
            parameter="bins",
            rule="needs a whole number; edges takes a list",
        ) from None


def names(value: Names | None) -> list[JsonValue]:
    """Return one name, several or none as a JSON list."""
    return [value] if isinstance(value, str) else list(value or ())


def numbers(value: float | Sequence[float], *, method: str, parameter: str) -> list[JsonValue]:
    """Return one number or several as a JSON list.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` for what is no finite number.
    """
    try:
        found = [float(each) for each in ([value] if isinstance(value, int | float) else value)]
    except (TypeError, ValueError, OverflowError):
        found = [nan]
    if not all(map(isfinite, found)):
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method=method,
            parameter=parameter,
            rule="needs finite numbers",
        )
    return [*found]


def _hospitals(ask: Ask, holders: Sequence[str]) -> tuple[str, ...]:
    if not holders:
        raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=ask.dataset)
    if ask.hospitals is None:
        return tuple(sorted(holders))
    asked = {ask.hospitals} if isinstance(ask.hospitals, str) else set(ask.hospitals)
    strangers = sorted(asked - set(holders))
    if strangers:
        _refuse(
            ask.method, "hospitals", f"names {strangers[0]}, which {_STRANGE.format(ask.dataset)}"
        )
    if not asked:
        _refuse(ask.method, "hospitals", "names none")
    return tuple(sorted(asked))


def _minimum(ask: Ask, hospitals: Sequence[str]) -> int:
    minimum = len(hospitals) if ask.min_hospitals is None else ask.min_hospitals
    if not 1 <= minimum <= len(hospitals):
        _refuse(
            ask.method,
            "min_hospitals",
            f"must lie between 1 and {len(hospitals)}, the hospitals asked",
        )
    return minimum
