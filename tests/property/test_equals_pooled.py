"""Every method equals what numpy, pandas or exact fractions give for the pooled rows."""

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from support.definitions import exact_moments
from support.examples import Parameters, ask
from support.people import DIGEST, ROWS_ARE_PATIENTS, Deal, deals, made_up, without_patients
from wardnet.privacy.rules import OFF
from wardnet.question.answer import Cell
from wardnet.question.dictionary import Column, ColumnType, Dictionary, decimal_text
from wardnet.question.rows import Rows
from wardnet.statistics.session import run

LEVELS: Mapping[str, Mapping[int, str]] = {
    "sex": {0: "female", 1: "male"},
    "smoker": {0: "false", 1: "true"},
    "stage": {1: "1", 3: "3", 7: "7"},
}

tables = st.builds(made_up, st.integers(0, 2**32 - 1), rows=st.sampled_from([40, 400])).map(
    without_patients
)
examples = settings(max_examples=20, deadline=None)


def answer(
    method: str,
    parameters: Parameters,
    *,
    rows: Rows,
    deal: Deal,
    dictionary: Dictionary = ROWS_ARE_PATIENTS,
) -> Mapping[tuple[Cell, ...], Mapping[str, Any]]:
    """Ask dealt rows without rules; return each row's values by its keys."""
    table = run(
        ask(method, parameters, dictionary=dictionary),
        digest=DIGEST,
        dictionary=dictionary,
        hospitals={name: partial(iter, held) for name, held in deal.parts(rows).items()},
        rules=OFF,
    ).table
    assert table is not None
    at = len(table.keys)
    return {row[:at]: dict(zip(table.values, row[at:], strict=True)) for row in table.rows}


def frame(rows: Rows) -> pd.DataFrame:
    """Return the rows as an analyst would hold them."""
    columns: dict[str, Any] = {
        name: pd.Series(rows.columns[name]).map(dict(labels)) for name, labels in LEVELS.items()
    }
    for name, origin, step in (("age", -5, 1), ("weight", 0, 10), ("dose", 0, 1_000_000)):
        codes = rows.columns[name].astype(np.float64)
        columns[name] = np.where(codes < 0, np.nan, origin + codes / step)
    return pd.DataFrame({**columns, "lab": rows.columns["lab"]})


@examples
@given(rows=tables, deal=deals())
def test_counts_equal_pandas(rows: Rows, deal: Deal) -> None:
    """Rows with a missing level are in no cell; cells without rows are there with 0."""
    found = answer("count", {"by": ["sex", "stage"]}, rows=rows, deal=deal)
    expected = frame(rows).groupby(["sex", "stage"]).size()
    assert len(found) == 9
    assert {key: cell["rows"] for key, cell in found.items() if cell["rows"]} == expected.to_dict()
    assert answer("count", {}, rows=rows, deal=deal)[()]["patients"] == rows.size


@examples
@given(rows=tables, deal=deals())
def test_crosstabs_equal_pandas(rows: Rows, deal: Deal) -> None:
    """A cross-table is a count in every combination."""
    found = answer("crosstab", {"rows": "stage", "columns": "smoker"}, rows=rows, deal=deal)
    pooled = frame(rows)
    expected = pd.crosstab(pooled["smoker"], pooled["stage"])
    counts = {key: cell["rows"] for key, cell in found.items() if cell["rows"]}
    assert counts == {
        (stage, smoker): count
        for stage, column in expected.to_dict().items()
        for smoker, count in column.items()
        if count
    }


@examples
@given(rows=tables, deal=deals())
def test_summaries_on_the_grid_are_correctly_rounded(rows: Rows, deal: Deal) -> None:
    """By definition, in exact fractions of the decimal numbers."""
    found = answer("summary", {"columns": ["weight"], "by": ["sex"]}, rows=rows, deal=deal)
    sexes, codes = rows.columns["sex"], rows.columns["weight"]
    for place, sex in LEVELS["sex"].items():
        here = codes[sexes == place]
        known = [Fraction(int(code), 10) for code in here if code >= 0]
        if len(set(known)) > 3:
            expected = exact_moments(known) | {"missing": here.size - len(known)}
            assert found["weight", sex] == expected


@pytest.mark.parametrize("name", ["dose", "lab"])
@examples
@given(rows=tables, deal=deals())
def test_summaries_of_other_columns_have_thirteen_digits(name: str, rows: Rows, deal: Deal) -> None:
    """A grid too fine to be counted, and a column off the grid."""
    found = answer("summary", {"columns": [name]}, rows=rows, deal=deal)[name,]
    pooled = frame(rows)[name]
    expected = exact_moments([Fraction(value) for value in pooled.dropna()])
    assert found["missing"] == pooled.isna().sum()
    assert {each: found[each] for each in expected} == pytest.approx(expected, rel=1e-13)


def draw_codes(seed: int, *, rows: int, distinct: int) -> NDArray[np.int16]:
    """Return codes of which at most `distinct` are different."""
    random = np.random.default_rng(seed)
    return random.choice(random.integers(0, 32_000, distinct), rows).astype(np.int16)


codes_drawn = st.builds(
    draw_codes,
    st.integers(0, 2**32 - 1),
    rows=st.integers(1, 9) | st.integers(1, 3000),
    distinct=st.integers(1, 3000),
)
grids = st.sampled_from([1, 2, 20, 21, 399, 400, 401, 8000, 8001, 32_000])
levels_asked = st.lists(st.floats(0.05, 0.95), min_size=1, max_size=4, unique_by=str)


@settings(max_examples=60, deadline=None)
@example(  # numpy steps back from the upper value when that is nearer: 6.02, not 6.0200000000000005
    codes=np.array([99, 156], np.int16),
    cells=32_000,
    probabilities=[0.6],
    deal=Deal(hospitals=1, batch=2, seed=0),
)
@given(codes=codes_drawn, cells=grids, probabilities=levels_asked, deal=deals())
def test_quantiles_equal_numpy_to_the_last_bit(
    codes: NDArray[np.int16], cells: int, probabilities: list[float], deal: Deal
) -> None:
    """For any grid, with and without ties."""
    codes %= cells
    top = decimal_text(Fraction(-73 + cells - 1, 10))
    column = Column(name="x", type=ColumnType.REAL, minimum="-7.3", maximum=top, resolution="0.1")
    found = answer(
        "quantiles",
        {"columns": ["x"], "probabilities": list(probabilities)},
        rows=Rows(codes.size, {"x": codes}),
        deal=Deal(deal.hospitals, 1000, deal.seed),
        dictionary=Dictionary(name="grid", version=1, columns=(column,)),
    )["x",]
    values = [float(Fraction(-73 + int(code), 10)) for code in codes]
    expected = {str(each): float(np.quantile(values, each)) for each in probabilities}
    assert found == {"n": codes.size, **expected}


@examples
@given(rows=tables, deal=deals(), edges=st.sets(st.integers(-20, 130), min_size=2))
def test_histograms_equal_numpy(rows: Rows, deal: Deal, edges: set[int]) -> None:
    """Given edges, on the grid and off it: the last bin is closed."""
    for name in ("age", "lab"):
        parameters: Parameters = {"column": name, "bins": [*sorted(edges)]}
        found = answer("histogram", parameters, rows=rows, deal=deal)
        expected, _ = np.histogram(frame(rows)[name].dropna(), bins=sorted(edges))
        assert [cell["rows"] for cell in found.values()] == expected.tolist()


@examples
@given(rows=tables, deal=deals(), bins=st.integers(1, 200))
def test_histograms_between_the_bounds_equal_numpy(rows: Rows, deal: Deal, bins: int) -> None:
    """Bins of equal width, off the grid where numpy compares the same doubles."""
    found = answer("histogram", {"column": "lab", "bins": bins}, rows=rows, deal=deal)
    expected, edges = np.histogram(frame(rows)["lab"].dropna(), bins=bins, range=(-20, 350))
    assert [cell["rows"] for cell in found.values()] == expected.tolist()
    assert [cell["low"] for cell in found.values()] == pytest.approx(edges[:-1], abs=1e-12)
