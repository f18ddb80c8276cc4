"""A researcher who makes up a model that no method would state."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import JsonValue, TypeAdapter

from support.examples import EXAMPLES, Parameters, ask
from support.people import DIGEST, ROWS_ARE_PATIENTS, made_up, without_patients
from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF
from wardnet.question.answer import Table
from wardnet.statistics.methods import METHODS
from wardnet.statistics.session import Session, run

TABLE = TypeAdapter(Table)
MODELS = [
    (method, parameters)
    for method in ("linear", "glm", "boosting", "pca", "kmeans", "mixture")
    for parameters in EXAMPLES[method][:1]
]

Row = list[JsonValue]


def _table(method: str, parameters: Parameters) -> Table:
    rows = without_patients(made_up(3, rows=300))
    answer = run(
        ask(method, parameters),
        digest=DIGEST,
        dictionary=ROWS_ARE_PATIENTS,
        hospitals={"a": lambda: [rows]},
        rules=OFF,
    )
    assert answer.table is not None
    return answer.table


@pytest.mark.parametrize("cut", [lambda row: row[:-1], lambda row: [*row, 1.0], lambda _: []])
@pytest.mark.parametrize(("method", "parameters"), MODELS)
def test_a_table_whose_rows_are_not_as_long_as_its_columns_is_none(
    method: str, parameters: Parameters, cut: Callable[[Row], Row]
) -> None:
    """Neither an answer nor a question about a model gets so far that anybody reads one."""
    table = TABLE.dump_python(_table(method, parameters), mode="json")
    table["rows"][-1] = cut(table["rows"][-1])
    with pytest.raises(WardnetError) as refusal:
        canonical.read(TABLE, canonical.encode(table))
    assert refusal.value.reason is Reason.MALFORMED
    made_up_model: JsonValue = {
        "method": method,
        "version": METHODS[method].version,
        "parameters": dict(parameters),
        "table": table,
    }
    with pytest.raises(WardnetError) as refusal:
        Session(
            ask("evaluate", {"model": made_up_model}), digest=DIGEST, dictionary=ROWS_ARE_PATIENTS
        )
    assert refusal.value.reason is Reason.PARAMETER_INVALID


def test_a_mixture_that_no_double_can_hold_is_refused() -> None:
    """Its densities would be no numbers."""
    method, parameters = METHODS["mixture"], EXAMPLES["mixture"][0]
    told = _table("mixture", parameters)
    rows = tuple(
        (*row[:2], 1e-300, *row[3:]) if row[0] != "covariance" else (*row[:2], 1e-300, 1e308, 1e308)
        for row in told.rows
    )
    with pytest.raises(WardnetError) as refusal:
        method.model(method.bind(parameters, ROWS_ARE_PATIENTS), replace(told, rows=rows))
    assert refusal.value.reason is Reason.MALFORMED
    assert refusal.value.details["rule"] == "numbers that are too far apart"
