"""A model on its way: trained by all hospitals, validated, published, installed, used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demonstration.stage import Stage
from support.member import Member
from support.network import SHORT

MODEL: Final = "first-look"
BOOSTING: Final = {"trees": "20", "depth": "3"}
FEDAVG: Final = {"rounds": "10", "estimator": "MLPClassifier", "hidden-layer-sizes": "16"}
FEATURES: Final = 4


@dataclass(frozen=True, slots=True)
class Task:
    """Say what is learned from what.

    Parameters
    ----------
    dataset : str
        Of all hospitals.
    outcome : str
        A column of two levels.
    features : tuple of str
        By what it is predicted.
    rows : Path
        A CSV file of the hospital that installs the model.
    """

    dataset: str
    outcome: str
    features: tuple[str, ...]
    rows: Path

    @property
    def formula(self) -> str:
        """Return the formula."""
        return f"{self.outcome} ~ {' + '.join(self.features)}"


def learn(stage: Stage, task: Task, *, researcher: Member, hospital: Member) -> None:
    """Train two models, validate one at hospitals that it has not seen, and use it."""
    stage.title("All hospitals train models together")
    boosting = _train(stage, task, researcher, "boosting", BOOSTING)
    _train(stage, task, researcher, "fedavg", FEDAVG)
    stage.title("How well it would do at a hospital that it has not seen")
    asked = [word for name, value in BOOSTING.items() for word in ("--set", f"{name}={value}")]
    whole = ("--model", "boosting", *asked, "--leave-out-hospitals")
    stage.tell(researcher, "learn", "cross-validate", task.dataset, task.formula, *whole)
    stage.title("The model is published, and a hospital takes it into use")
    said = ("--intended-use", "To see a model travel.", "--limits", "Not for patients.")
    stage.tell(researcher, "model", "publish", boosting, "--name", MODEL, *said)
    stage.tell(hospital, "model", "install", MODEL)
    predicted = task.rows.with_name("predicted.csv")
    stage.tell(hospital, "predict", MODEL, task.rows, "--output", predicted)
    stage.print_lines(predicted.read_text().splitlines()[:4])
    stage.tell(hospital, "log", "show", last=2)


def _train(
    stage: Stage, task: Task, researcher: Member, method: str, settings: dict[str, str]
) -> str:
    """Train a model; return the beginning of its query's id."""
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    asked = (method, task.dataset, task.formula, *options, "--no-wait")
    query = researcher.run("learn", *asked).stdout.strip()[:SHORT]
    stage.tell(researcher, "query", "wait", query, first=9)
    return query
