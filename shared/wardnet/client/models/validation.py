"""Models validated on rows that they did not learn from: by folds, or one hospital after the other.

>>> import pandas as pd
>>> from wardnet import simulate
>>> table = pd.DataFrame({"age": list(range(20, 80)) * 5, "ill": ["no", "yes", "yes"] * 100})
>>> found = simulate([table[:150], table[150:]]).learn.cross_validate(
...     "logistic", "ill ~ age", "data", folds=3, seed=1, by=["age"]
... )
>>> [trial.name for trial in found.trials]
['1', '2', '3']
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NoReturn

from pydantic import JsonValue

from wardnet.client.models.estimators import in_words
from wardnet.client.models.evaluation import Trial, Validation, parameters_of
from wardnet.client.models.formulas import FORMULA, spelled_out
from wardnet.client.queries.ask import Ask, Names, Where, Whose, ask_for, kind_of, names, to_cohort
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, Term, fold
from wardnet.question.conditions import MOST_FOLDS
from wardnet.statistics.methods import METHODS

if TYPE_CHECKING:
    from wardnet.client.network import Network

HOSPITAL: Final = "hospital"

KINDS: Final[Mapping[str, tuple[str, Mapping[str, JsonValue]]]] = MappingProxyType(
    {
        "linear": ("linear", {}),
        "logistic": ("glm", {"family": "logistic"}),
        "poisson": ("glm", {"family": "poisson"}),
        "boosting": ("boosting", {}),
        "forest": ("forest", {}),
        "fedavg": ("fedavg", {}),
    }
)
"""What fits a model, as `net.learn` calls it: its method, and what this says already."""

_FEWEST: Final = 2
_FOLDS: Final = 5


def cross_validate(
    network: "Network",
    ask: Ask,
    *,
    folds: int | None = None,
    leave_out: Literal["hospital"] | None = None,
    seed: int = 0,
    by: Names | None = None,
    threshold: float = 0.5,
) -> Validation:
    """Fit a model to all parts of the rows but one, and evaluate it on this one; each part in turn.

    Parameters
    ----------
    network : Network
        Who answers. It is asked twice for each part, one question after the other.
    ask : Ask
        The question that fits the model.
    folds : int or None
        Into how many parts rows are divided by `fold`, 2 to 100; 5 when None.
    leave_out : str or None
        `hospital` to leave out one hospital after the other instead.
    seed : int
        Of the folds.
    by : str, sequence of str, or None
        Where rows name no patients: the columns by which rows are drawn; all columns of the model
        when None.
    threshold : float
        As `evaluate` takes it.

    Raises
    ------
    WardnetError
        What `Network` raises, of the first part that cannot be fitted or evaluated.
    """
    if leave_out is not None and folds is not None:
        refuse("folds", "do not go with leave_out: give one of the two")
    if leave_out == HOSPITAL:
        questions, part = list(_hospital_by_hospital(network, ask)), HOSPITAL
    elif leave_out is not None:
        refuse("leave_out", "must be hospital, or nothing")
    else:
        folds = _FOLDS if folds is None else folds
        if not _FEWEST <= folds <= MOST_FOLDS:
            refuse("folds", f"must be a number from {_FEWEST} to {MOST_FOLDS}")
        parts = _folds(network, ask, by)
        questions, part = list(_fold_by_fold(ask, folds=folds, seed=seed, by=parts)), "fold"
    trials = tuple(
        _tried(network, *question, threshold=threshold, part=part) for question in questions
    )
    kind = kind_of(ask.method, ask.parameters)
    return Validation(f"{kind} of {ask.dataset}, validated by {part}", part, trials)


def question(
    kind: str,
    formula: str,
    dataset: str,
    settings: Mapping[str, JsonValue] | None = None,
    whose: Whose | None = None,
) -> Ask:
    """Return the question that fits a model.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    settings : mapping or None
        What the method takes beside its formula.
    whose : Whose or None
        Whose rows, and who is asked.
    """
    if kind not in KINDS:
        refuse("the kind of model", f"must be one of {', '.join(KINDS)}")
    method, said = KINDS[kind]
    own = in_words(settings or {})
    return ask_for(method, dataset, {FORMULA: formula, **said, **own}, whose or {})


def _tried(
    network: "Network", name: str, train: Ask, test: Ask, *, threshold: float, part: str
) -> Trial:
    try:
        fitted = network.ask(train)
        parameters = parameters_of(fitted, threshold=threshold)
        evaluated = network.ask(replace(test, method="evaluate", parameters=parameters))
    except WardnetError as error:
        instead = "name the others with hospitals=[...]" if part == HOSPITAL else "take fewer folds"
        error.add_note(f"This was said of {part} {name}; {instead} if it has too few patients.")
        raise
    return Trial(name, evaluated, fitted)


def _fold_by_fold(
    ask: Ask, *, folds: int, seed: int, by: Sequence[str]
) -> Iterator[tuple[str, Ask, Ask]]:
    for number in range(1, folds + 1):
        inside = fold(number, of=folds, seed=seed, by=by)
        yield (
            str(number),
            replace(ask, where=_both(ask.where, ~inside)),
            replace(ask, where=_both(ask.where, inside)),
        )


def _both(where: Where, term: Term) -> Term:
    cohort = to_cohort(where)
    return term if cohort == EVERYONE else Term(cohort) & term


def _folds(network: "Network", ask: Ask, by: Names | None) -> list[str]:
    """Return the columns by which rows are drawn; none where patients are."""
    dictionary = network.dictionary(ask.dataset).dictionary
    if by is not None or dictionary.patient is not None:
        return [str(name) for name in names(by)]
    method = METHODS.get(ask.method)
    if method is None:
        raise WardnetError(Reason.METHOD_UNKNOWN, method=ask.method, version="any")
    bound = method.bind(spelled_out(method.name, ask.parameters, dictionary), dictionary)
    return sorted(method.columns(bound))


def evaluate_apart(network: "Network", ask: Ask) -> Validation:
    """Ask a question of `evaluate` of each of its hospitals by itself."""
    hospitals = holders(network, ask.dataset) if ask.hospitals is None else names(ask.hospitals)
    trials = tuple(
        Trial(str(name), network.ask(replace(ask, hospitals=str(name), min_hospitals=None)))
        for name in hospitals
    )
    return Validation(f"{ask.method} of {ask.dataset}, by hospital", HOSPITAL, trials)


def _hospital_by_hospital(network: "Network", ask: Ask) -> Iterator[tuple[str, Ask, Ask]]:
    hospitals = holders(network, ask.dataset) if ask.hospitals is None else names(ask.hospitals)
    asked = sorted({str(name) for name in hospitals})
    if len(asked) < _FEWEST:
        refuse("hospitals", "must be two or more, to leave out one")
    for hospital in asked:
        others = [name for name in asked if name != hospital]
        alone = replace(ask, hospitals=hospital, min_hospitals=None)
        yield hospital, replace(ask, hospitals=others, min_hospitals=None), alone


def holders(network: "Network", dataset: str) -> Sequence[str]:
    """Return the hospitals that hold a dataset.

    Raises
    ------
    WardnetError
        `DATASET_UNAVAILABLE`.
    """
    for held in network.datasets():
        if held.name == dataset:
            return held.hospitals
    raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=dataset)


def refuse(parameter: str, rule: str) -> NoReturn:
    """Raise `PARAMETER_INVALID`; `rule` continues the sentence "<parameter> ..."."""
    raise WardnetError(
        Reason.PARAMETER_INVALID, method="cross-validation", parameter=parameter, rule=rule
    )
