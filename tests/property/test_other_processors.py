"""A hospital with another processor sends the same bytes."""

import os
import pickle
import subprocess
import sys
from functools import reduce
from hashlib import sha256
from pathlib import Path

import pytest
from numpy._core import _multiarray_umath as umath  # type: ignore[attr-defined]

from support.examples import EXAMPLES, ask
from support.people import DIGEST, HOSPITALS, SEVERAL_ROWS, Deal, made_up
from wardnet.privacy.rules import OFF
from wardnet.question.answer import Participant
from wardnet.statistics.methods import METHODS
from wardnet.statistics.session import Session, run
from wardnet.sums import arrays

PARTICIPANTS = [Participant(hospital, "1") for hospital in HOSPITALS]

PROGRAM = """
import pickle, sys
from pathlib import Path
from wardnet.sums import arrays

folder = Path(sys.argv[1])
tallies, batches = pickle.loads((folder / "work").read_bytes())
digests = [arrays.digest(tally.sums(tally.part(batches))) for tally in tallies]
(folder / "digests").write_bytes(pickle.dumps(digests))
"""

PREDICTING = """
import hashlib, pickle, sys
from pathlib import Path

folder = Path(sys.argv[1])
models, rows = pickle.loads((folder / "work").read_bytes())
digests = [hashlib.sha256(model.predict(rows).tobytes("C")).hexdigest() for model in models]
(folder / "digests").write_bytes(pickle.dumps(digests))
"""


def vector_features() -> list[str]:
    """Return what this processor has beyond the least that numpy needs."""
    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]


@pytest.mark.skipif(not vector_features(), reason="this processor has only what numpy needs")
@pytest.mark.parametrize("whole", [False, True])
def test_sums_do_not_depend_on_the_processor(tmp_path: Path, *, whole: bool) -> None:
    """A hospital without vectors and, but for its own training, with another BLAS: same digests."""
    dealt = list(Deal(hospitals=3, batch=20_000, seed=1).parts(made_up(1, rows=60_000)).values())
    tallies, ours = [], []
    for method, examples in EXAMPLES.items():
        for parameters in examples if METHODS[method].whole == whole else ():
            query = ask(method, parameters, dictionary=SEVERAL_ROWS)
            session = Session(query, digest=DIGEST, dictionary=SEVERAL_ROWS, rules=OFF)
            while session.answer is None:
                tally = session.tally
                sums = [tally.sums(tally.part(batches)) for batches in dealt]
                tallies.append(tally)
                ours.append(arrays.digest(sums[0]))
                session.advance(reduce(arrays.add, sums), PARTICIPANTS)
    (tmp_path / "work").write_bytes(pickle.dumps((tallies, dealt[0])))
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(vector_features())}
    if not whole:
        environment["OPENBLAS_CORETYPE"] = "Nehalem"
    command = [sys.executable, "-W", "error::ImportWarning", "-c", PROGRAM, str(tmp_path)]
    subprocess.run(command, env=environment, check=True)
    assert pickle.loads((tmp_path / "digests").read_bytes()) == ours


@pytest.mark.skipif(not vector_features(), reason="this processor has only what numpy needs")
def test_predictions_do_not_depend_on_the_processor(tmp_path: Path) -> None:
    """Every model of trees, components or clusters gives the same bits without vectors."""
    rows, models = made_up(1, rows=3000), []
    for method in ("boosting", "forest", "pca", "kmeans", "mixture"):
        for parameters in EXAMPLES[method]:
            answer = run(
                ask(method, parameters, dictionary=SEVERAL_ROWS),
                digest=DIGEST,
                dictionary=SEVERAL_ROWS,
                hospitals={"a": lambda: [rows]},
            )
            assert answer.table is not None
            plan = METHODS[method].bind(parameters, SEVERAL_ROWS)
            models.append(METHODS[method].model(plan, answer.table))
    ours = [sha256(model.predict(rows).tobytes("C")).hexdigest() for model in models]
    (tmp_path / "work").write_bytes(pickle.dumps((models, rows)))
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(vector_features())}
    command = [sys.executable, "-W", "error::ImportWarning", "-c", PREDICTING, str(tmp_path)]
    subprocess.run(command, env=environment, check=True)
    assert pickle.loads((tmp_path / "digests").read_bytes()) == ours
