"""Take an unfitted estimator of scikit-learn as settings of `fedavg`.

scikit-learn is not imported: who gives an estimator has it. What stands at its default there says
nothing here; what was set counts, or is refused by name.

>>> from sklearn.linear_model import SGDClassifier
>>> settings(SGDClassifier(loss="log_loss", alpha=0.01, random_state=7))
{'estimator': 'SGDClassifier', 'alpha': 0.01, 'seed': 7}
"""

from collections.abc import Mapping
from dataclasses import fields
from numbers import Integral
from types import MappingProxyType
from typing import Any, Final, NoReturn

from wardnet.client.queries.ask import Parameters
from wardnet.errors import Reason, WardnetError
from wardnet.learning.parameters import Parameters as Training

ESTIMATOR: Final = "estimator"

LOSSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SGDClassifier": "log_loss",
        "SGDRegressor": "squared_error",
        "MLPClassifier": "log_loss",
        "MLPRegressor": "squared_error",
    }
)
"""What each of scikit-learn's estimators makes small when `fedavg` trains it."""

_USUAL: Final[Mapping[str, Any]] = MappingProxyType(
    {each.name: each.default for each in fields(Training)}
)
"""What `fedavg` takes where nothing is said."""

_EARLY: Final = "is not taken; say patience and validation_share"
_PLAIN: Final = "or left out: every hospital takes plain steps"
_WHY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "average": "is not taken: what is averaged are the hospitals' updates",
        "class_weight": "is not taken: every row counts the same",
        "early_stopping": _EARLY,
        "n_iter_no_change": _EARLY,
        "validation_fraction": _EARLY,
        "tol": "must be None or left out; rounds or patience say when the training ends",
        "fit_intercept": "must be True: there always is an intercept",
        "shuffle": "must be True: rows have no order of their own",
        "n_jobs": "is not taken: every hospital says how it computes",
        "verbose": "is not taken: progress is told anyway",
        "max_iter": "is taken with warm_start=True only, as the epochs of a round",
        "learning_rate": 'must be "constant", or left out for that of fedavg',
        "eta0": 'is taken with learning_rate="constant" only',
        "learning_rate_init": 'is taken with solver="sgd" only',
        "solver": f'must be "sgd", {_PLAIN}',
        "momentum": f"must be 0, {_PLAIN}",
        "penalty": 'must be "l2" or None; learn.logistic and learn.linear take lasso_share',
        "random_state": "must be a whole number, at least 0",
    }
)
_OTHERWISE: Final = "has no meaning here; leave it out"


def in_words(parameters: Mapping[str, Any]) -> Parameters:
    """Return parameters of `fedavg` in which an estimator object's settings stand for it.

    Raises
    ------
    WardnetError
        As `settings`; `PARAMETER_INVALID` for what is said twice, and differently.
    """
    estimator = parameters.get(ESTIMATOR, "")
    if isinstance(estimator, str):
        return dict(parameters)
    said = {name: value for name, value in parameters.items() if not _same(value, name)}
    found = settings(estimator, batch_size=said.get("batch_size", _USUAL["batch_size"]))
    for name in said.keys() & found.keys() - {ESTIMATOR}:
        if said[name] != found[name]:
            _refuse(name, "is said by the estimator, too; say it once")
    return {**parameters, **found}


def settings(estimator: object, *, batch_size: int = _USUAL["batch_size"]) -> Parameters:
    """Return what an estimator says, in the words of `fedavg`.

    Parameters
    ----------
    estimator : object
        An unfitted `SGDClassifier`, `SGDRegressor`, `MLPClassifier` or `MLPRegressor`.
    batch_size : int
        That of `fedavg`, where an `MLP...` has none: scikit-learn divides its `alpha` by it.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID`, naming what is not taken.
    """
    kind = type(estimator)
    name = kind.__name__
    if kind.__module__.partition(".")[0] != "sklearn" or name not in LOSSES:
        _refuse(ESTIMATOR, f"must be {', '.join(LOSSES)}, or an object of one of these classes")
    if any(key.endswith("_") for key in vars(estimator)):
        _refuse(ESTIMATOR, "is fitted already; sklearn.base.clone gives a new one")
    given, usual = _told(estimator), _told(kind())
    left = {key: value for key, value in given.items() if value != usual[key]}
    found: Parameters = {ESTIMATOR: name}
    if given.get("loss", LOSSES[name]) != LOSSES[name]:
        _refuse(f"loss of {name}", f'must be "{LOSSES[name]}"')
    left.pop("loss", None)
    read = _linear if name.startswith("SGD") else _network
    try:
        found |= read(given, left, batch_size)
        found |= _common(given, left)
    except (TypeError, ValueError):
        _refuse(ESTIMATOR, f"holds a value that {name} of scikit-learn would not take either")
    for key in left:
        _refuse(f"{key} of {name}", _WHY.get(key, _OTHERWISE))
    return found


def _linear(given: Mapping[str, Any], left: dict[str, Any], _: int) -> Parameters:
    """Read what only `SGD...` has, and take it out of what is left."""
    found: Parameters = {}
    if "alpha" in left:
        found["alpha"] = float(left.pop("alpha"))
    if given["penalty"] is None:
        del left["penalty"]
        found["alpha"] = 0.0
    if given["learning_rate"] == "constant":
        del left["learning_rate"]
        found["learning_rate"] = float(given["eta0"])
        left.pop("eta0", None)
    return found


def _network(given: Mapping[str, Any], left: dict[str, Any], batch_size: int) -> Parameters:
    """Read what only `MLP...` has, and take it out of what is left."""
    found: Parameters = {}
    if "hidden_layer_sizes" in left:
        sizes = left.pop("hidden_layer_sizes")
        found["hidden_layer_sizes"] = [
            int(size) for size in ([sizes] if isinstance(sizes, Integral) else sizes)
        ]
    if "activation" in left:
        found["activation"] = left.pop("activation")
    if "batch_size" in left:
        found["batch_size"] = batch_size = int(left.pop("batch_size"))
    if "alpha" in left:
        found["alpha"] = float(left.pop("alpha")) / batch_size
    if given["solver"] == "sgd":
        del left["solver"]
        found["learning_rate"] = float(given["learning_rate_init"])
        left.pop("learning_rate_init", None)
    if given["momentum"] == 0:
        del left["momentum"]
    return found


def _common(given: Mapping[str, Any], left: dict[str, Any]) -> Parameters:
    """Read what all have, and take it out of what is left."""
    found: Parameters = {}
    if left.pop("warm_start", False) and "max_iter" in left:
        found["epochs"] = int(left.pop("max_iter"))
    if isinstance(given["random_state"], Integral):
        found["seed"] = int(left.pop("random_state"))
    if given["tol"] is None:
        del left["tol"]
    return found


def _told(estimator: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a person gives
    """Return all settings of one of scikit-learn's estimators."""
    told: dict[str, Any] = estimator.get_params()
    return told


def _same(value: object, name: str) -> bool:
    """Say whether a parameter of `fedavg` stands at its default."""
    usual = _USUAL.get(name)
    return value == (list(usual) if isinstance(usual, tuple) else usual)


def _refuse(parameter: str, rule: str) -> NoReturn:
    raise WardnetError(Reason.PARAMETER_INVALID, method="fedavg", parameter=parameter, rule=rule)
