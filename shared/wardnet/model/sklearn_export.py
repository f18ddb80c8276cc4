"""Give a model as an object of scikit-learn that predicts the same from a matrix of features.

It was never fitted there: its attributes are set to what the hospitals have learned together.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wardnet.errors import Reason, WardnetError
from wardnet.model.package import Package
from wardnet.model.shape import Centred, Layered, Numbers, Shape, shape
from wardnet.statistics.model import Model
from wardnet.statistics.unsupervised.pca import Components

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

_FORM: Final = "a scikit-learn object"


def to_sklearn(package: Package) -> "BaseEstimator":
    """Return an estimator that predicts as a package's model does; see `estimator_of`.

    Raises
    ------
    WardnetError
        Those of `estimator_of` and of `Package.model`.
    """
    model = package.model()
    return estimator_of(model, package.asked.answer.method, classes=np.array(model.classes))


def estimator_of(model: Model, method: str, *, classes: "NDArray[Any]") -> "BaseEstimator":
    """Return an estimator; its `feature_names_in_` say which columns its matrix has.

    What `fedavg` has trained becomes an object of the class that it was asked for: `SGDClassifier`
    (of three or more classes a `LogisticRegression`, which turns scores into chances as we do),
    `SGDRegressor`, `MLPClassifier` or `MLPRegressor`. Other linear models become a
    `LinearRegression`, `LogisticRegression` or `PoissonRegressor`; components a `PCA` and clusters
    a `KMeans`, each behind a `StandardScaler`. One that fills in missing values stands behind a
    `SimpleImputer`.

    Parameters
    ----------
    method : str
        That it was learned by.
    classes : ndarray, shape (classes,)
        What the classes are called.

    Raises
    ------
    WardnetError
        `EXTRA_MISSING` without scikit-learn; `MODEL_EXPORT` for a model that has no counterpart.
    """
    try:
        import sklearn  # noqa: F401, PLC0415 - an extra, and slow to load
    except ImportError as error:
        raise WardnetError(Reason.EXTRA_MISSING, rule="scikit-learn") from error
    found = shape(model, method, form=_FORM)
    estimator = _pca(model) if isinstance(model, Components) else _estimator(found, method, classes)
    names = np.array([entry.name for entry in found.entries], dtype=object)
    first = estimator[0] if hasattr(estimator, "steps") else estimator
    first.n_features_in_, first.feature_names_in_ = len(names), names
    return estimator


def _estimator(found: Shape, method: str, classes: Any) -> Any:  # noqa: ANN401 - untyped library
    match found:
        case Layered(fill=fill) if fill is not None:
            return _filled(fill, _estimator(replace(found, fill=None), method, classes))
        case Layered(layers=(_,)):
            return _linear(found, classes, stochastic=method == "fedavg")
        case Layered():
            return _network(found, classes)
        case Centred():
            return _clusters(found)
        case _:
            rule = "its trees know missing values and cuts that those there do not"
            raise _unmapped(method, rule)


def _filled(fill: Numbers, estimator: Any) -> Any:  # noqa: ANN401 - untyped library
    from sklearn.impute import SimpleImputer  # noqa: PLC0415 - an extra
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - an extra

    estimator.n_features_in_ = len(fill)
    return make_pipeline(SimpleImputer().fit(np.stack([fill, fill])), estimator)


def _linear(found: Layered, classes: Any, *, stochastic: bool) -> Any:  # noqa: ANN401
    from sklearn import linear_model as kinds  # noqa: PLC0415 - an extra

    ((weights, intercepts),) = found.layers
    estimator: Any
    if found.head in {"odds", "scores"}:
        by_odds = stochastic and found.head == "odds"
        estimator = kinds.SGDClassifier(loss="log_loss") if by_odds else kinds.LogisticRegression()
        estimator.classes_ = classes
        estimator.coef_, estimator.intercept_ = weights.T.copy(), intercepts
        return estimator
    if stochastic:
        estimator = kinds.SGDRegressor()
        estimator.coef_, estimator.intercept_ = weights[:, 0], intercepts
        return estimator
    rate = found.head == "rate"
    estimator = kinds.PoissonRegressor() if rate else kinds.LinearRegression()
    estimator.coef_, estimator.intercept_ = weights[:, 0], float(intercepts[0])
    if rate:
        estimator._base_loss = estimator._get_loss()  # noqa: SLF001 - what its fit sets
    return estimator


def _network(found: Layered, classes: Any) -> Any:  # noqa: ANN401 - untyped library
    from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: PLC0415 - an extra
    from sklearn.preprocessing import LabelBinarizer  # noqa: PLC0415 - an extra

    sizes = tuple(weights.shape[1] for weights, _ in found.layers[:-1])
    kind = MLPRegressor if found.head == "numbers" else MLPClassifier
    estimator = kind(hidden_layer_sizes=sizes, activation=found.activation)
    estimator.coefs_ = [weights for weights, _ in found.layers]
    estimator.intercepts_ = [intercepts for _, intercepts in found.layers]
    estimator.n_layers_ = len(found.layers) + 1
    estimator.n_outputs_ = found.layers[-1][0].shape[1]
    heads = {"numbers": "identity", "odds": "logistic", "scores": "softmax"}
    estimator.out_activation_ = heads[found.head]
    if found.head != "numbers":
        estimator.classes_ = classes
        estimator._label_binarizer = LabelBinarizer().fit(classes)  # noqa: SLF001 - as its fit
    return estimator


def _pca(model: Components) -> Any:  # noqa: ANN401 - untyped library
    from sklearn.decomposition import PCA  # noqa: PLC0415 - an extra

    told, columns = model.loadings.shape
    estimator = PCA(n_components=told)
    estimator.components_, estimator.mean_ = model.loadings, np.zeros(columns)
    estimator.n_components_, estimator.n_features_in_ = told, columns
    estimator.explained_variance_ = model.variances
    estimator.explained_variance_ratio_ = model.ratios
    # What is left to each of the components that are not told, as its fit says.
    left = model.variances[0] / model.ratios[0] - model.variances.sum()
    estimator.noise_variance_ = max(0.0, left) / (columns - told) if told < columns else 0.0
    return _scaled(estimator, model.scales, means=model.means)


def _clusters(found: Centred) -> Any:  # noqa: ANN401 - untyped library
    from sklearn.cluster import KMeans  # noqa: PLC0415 - an extra

    clusters = KMeans(n_clusters=len(found.centres))
    clusters.cluster_centers_ = np.ascontiguousarray(found.centres / found.scales)
    clusters._n_threads = 1  # noqa: SLF001 - what its fit sets
    clusters.n_features_in_ = len(found.scales)
    return _scaled(clusters, found.scales)


def _scaled(estimator: Any, scales: Numbers, *, means: Numbers | None = None) -> Any:  # noqa: ANN401
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - an extra
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - an extra

    scaler = StandardScaler(with_mean=means is not None)
    scaler.mean_, scaler.scale_, scaler.var_ = means, scales, scales**2
    scaler.n_features_in_ = len(scales)
    return make_pipeline(scaler, estimator)


def _unmapped(method: str, rule: str) -> WardnetError:
    return WardnetError(Reason.MODEL_EXPORT, method=method, field=_FORM, rule=rule)
