"""Loops that numba compiles, where it is installed and they are long."""

import re
import sys
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from wardnet import compiled
from wardnet.statistics.trees.splitting import _GAINS, _gains_one_by_one
from wardnet.sums.elementary import _EXP_LOOP, _LOG_LOOP, _exp_one_by_one, _log_one_by_one

SIGNATURE = "void(i8[::1])"


def double(values: NDArray[np.int64]) -> None:
    """Double every value in place."""
    for place in range(values.size):
        values[place] *= 2


def test_a_long_loop_is_compiled_and_does_the_same() -> None:
    """It is another function, made once."""
    loop = compiled.compiled(double, SIGNATURE, steps=compiled.LEAST)
    assert loop is not None
    assert loop is not double
    assert loop is compiled.compiled(double, SIGNATURE, steps=sys.maxsize)
    values = np.arange(5)
    loop(values)
    np.testing.assert_array_equal(values, 2 * np.arange(5))


@pytest.mark.parametrize(
    ("loop", "signature"),
    [(_exp_one_by_one, _EXP_LOOP), (_log_one_by_one, _LOG_LOOP), (_gains_one_by_one, _GAINS)],
    ids=["exponentials", "logarithms", "gains"],
)
def test_nothing_lets_the_compiler_round_otherwise(
    loop: Callable[..., None], signature: str
) -> None:
    """On no processor may a product and a sum become one, or may sums change their order."""
    made = cast("Any", compiled.compiled(loop, signature, steps=sys.maxsize))
    (written,) = made.inspect_llvm().values()
    assert re.search(r"= fmul <?[^,]*double", written)
    assert not re.search(r"\b(?:fmul|fadd|fsub|fdiv) (?!double|<\d+ x double>)", written)
    (assembled,) = made.inspect_asm().values()
    assert not re.search(r"\s(?:vfn?m(?:add|sub)|fn?m(?:add|sub|la|ls))", assembled)


def test_a_short_loop_is_not() -> None:
    """Compiling would take longer than it saves."""
    assert compiled.compiled(double, SIGNATURE, steps=compiled.LEAST - 1) is None


def test_nothing_is_compiled_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: everything works without it."""

    def other(values: NDArray[np.int64]) -> None:
        double(values)

    monkeypatch.setitem(sys.modules, "numba", None)
    assert compiled.compiled(other, SIGNATURE, steps=compiled.LEAST) is None
