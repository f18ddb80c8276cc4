"""Federated averaging and its kin: hospitals train, and only their updates are added up."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

from pydantic import JsonValue

from wardnet.learning.curve import newest
from wardnet.learning.guards import cells, guards, refusal
from wardnet.learning.learned import read, without_model
from wardnet.learning.measuring import Measuring
from wardnet.learning.parameters import MOST_ROUNDS
from wardnet.learning.plan import Plan, plan
from wardnet.learning.rounds import Learning
from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Table
from wardnet.question.dictionary import Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics.method import Method, Part, Question
from wardnet.statistics.model import Model
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index

State: TypeAlias = Measuring | Learning


class FedAvg(Method[Plan, State]):
    """Train a linear model or a small network by turns: FedAvg, FedProx, SCAFFOLD, FedAdam.

    Notes
    -----
    In every round each hospital takes some steps of stochastic gradient descent from the shared
    weights. Updates, clipped and weighted, are added up; every hospital takes the same step
    with their mean. A hospital keeps nothing between rounds. Unlike the other methods, the model
    depends on how rows are split over hospitals.

    References
    ----------
    McMahan et al. (2017), Communication-efficient learning of deep networks from decentralized
    data. Li et al. (2020), Federated optimization in heterogeneous networks. Karimireddy et al.
    (2020), SCAFFOLD. Reddi et al. (2021), Adaptive federated optimization.

    Examples
    --------
    Parameters: ``{"outcome": "sick", "features": ["age", "sex"], "algorithm": "fedprox"}``.
    """

    name: ClassVar[str] = "fedavg"
    version: ClassVar[int] = 1
    maximum_rounds: ClassVar[int] = MOST_ROUNDS + 2
    output: ClassVar[Output] = Output.LEARNED
    whole: ClassVar[bool] = True

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Plan:
        """Check parameters against the dictionary."""
        return plan(self.name, parameters, dictionary)

    def columns(self, parameters: Plan) -> frozenset[str]:
        """Return the outcome and the features."""
        return frozenset(parameters.columns)

    def guards(self, question: Question[Plan]) -> Mapping[str, Guard]:
        """Declare the patients of all rows, classes, parts and levels, and with values."""
        return guards(question.parameters)

    def cells(self, question: Question[Plan], rows: Rows) -> Mapping[str, Index]:
        """Return whose row is usable and set aside, and its class and levels."""
        return cells(question.parameters, rows)

    def start(
        self, question: Question[Plan], guards: GuardTotals, rules: DisclosureRules
    ) -> State | Table:
        """Measure the inputs first, unless the rules withhold the model."""
        asked = question.parameters
        rule = refusal(asked, guards, rules)
        return without_model(asked, rule) if rule else Measuring(asked, guards, rules)

    def arrays(self, state: State) -> Sequence[ArraySpec]:
        """Declare powers and rows, or losses and updates."""
        return state.arrays()

    def local(self, state: State, rows: Rows) -> Part:
        """Measure, or train."""
        return state.local(rows)

    def step(self, state: State, total: Sums) -> State | Table:
        """Take the mean update, or end."""
        return state.step(total)

    def interim(self, state: State) -> Mapping[str, float]:
        """Return the last losses of the curve."""
        return newest(state.curve) if isinstance(state, Learning) else {}

    def model(self, parameters: Plan, table: Table) -> Model:
        """Return the model whose weights an answer states."""
        return read(self.name, parameters, table)

    def personal(self, parameters: Plan) -> bool:
        """Say whether hospitals have intercepts or a last layer for themselves."""
        return bool(parameters.personal.any())
