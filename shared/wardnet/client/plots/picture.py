"""Which picture shows a result best."""

from typing import TYPE_CHECKING, Final

from wardnet.client.plots.evaluation import AREA, evaluation
from wardnet.client.plots.models import coefficients, importance, learning_curve
from wardnet.client.plots.paper import Caption
from wardnet.client.plots.structure import clusters, components
from wardnet.client.queries.ask import kind_of, where_of
from wardnet.errors import Reason, WardnetError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from wardnet.client.queries.result import Result


def picture(result: "Result", *, importances: bool, space: "Result | None") -> "Figure":
    """Draw a result.

    Parameters
    ----------
    importances : bool
        Whether the importance of a model's columns is drawn instead of what is usual for it.
    space : Result or None
        Of `pca`: the plane for clusters.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` for a result that has no picture; `NO_MODEL`, `EXTRA_MISSING`.
    """
    method, table, caption = result.answer.method, result.table, _caption(result)
    if method in _MODELS:
        _ = result.model  # what is withheld is not drawn, and its sentence says so
    match method:
        case _ if importances:
            shares = {str(name): share for name, share in result.model.feature_importances_.items()}
            return importance(shares, result.dictionary(), table=table, caption=caption)
        case "linear" | "glm":
            return coefficients(
                table,
                result.dictionary(),
                outcome=_outcome(result),
                family=_text(result, "family"),
                caption=caption,
            )
        case "boosting" | "forest":
            return picture(result, importances=True, space=None)
        case "fedavg":
            return learning_curve(table, caption=caption)
        case "pca":
            return components(table, caption=caption)
        case "kmeans" | "mixture":
            return clusters(table, space=None if space is None else space.table, caption=caption)
        case "evaluate" if any(row[:2] == (AREA, "") and row[2] for row in table.rows):
            outcome = _outcome(result)
            classes = result.dictionary().column(outcome).labels
            return evaluation(
                table,
                outcome=outcome,
                classes=classes,
                threshold=float(_text(result, "threshold") or 0.5),
                caption=caption,
            )
        case _:
            raise _without_picture(method)


def _outcome(result: "Result") -> str:
    """Return what a model, or the model that is evaluated, predicts."""
    match result.question.parameters:
        case {"outcome": str(outcome)} | {"model": {"parameters": {"outcome": str(outcome)}}}:
            return outcome
        case _:
            return ""


def _text(result: "Result", parameter: str) -> str:
    return str(result.question.parameters.get(parameter, ""))


_MODELS: Final = frozenset(
    {"linear", "glm", "boosting", "forest", "fedavg", "pca", "kmeans", "mixture"}
)

_KINDS: Final = {
    "linear": "Linear model",
    "logistic": "Logistic model",
    "poisson": "Poisson model",
    "boosting": "Boosted trees",
    "forest": "Random forest",
    "fedavg": "FedAvg",
    "fedprox": "FedProx",
    "scaffold": "SCAFFOLD",
    "fedadam": "FedAdam",
    "fedyogi": "FedYogi",
    "fedadagrad": "FedAdagrad",
    "pca": "Principal components",
    "kmeans": "Clusters",
    "mixture": "Gaussian mixture",
    "evaluate": "Evaluation",
}


def _caption(result: "Result") -> Caption:
    kind = kind_of(result.answer.method, result.question.parameters)
    outcome = _outcome(result)
    where = where_of(result.question)
    return Caption(
        f"{_KINDS.get(kind, kind)}{f' of {outcome}' if outcome else ''}",
        f"{result.question.dataset} of {', '.join(result.hospitals)}"
        + (f", where {where}" if where else ""),
    )


def _without_picture(method: str) -> WardnetError:
    return WardnetError(
        Reason.PARAMETER_INVALID,
        method="plot",
        parameter=f"an answer of {method}",
        rule="like this one has no picture; to_frame() gives it to pandas, which draws",
    )
