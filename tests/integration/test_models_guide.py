"""What a reader of the guide copies."""

import re
import subprocess
import sys
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "researcher.md"


def test_the_models_of_the_guide_run_as_they_stand(tmp_path: Path) -> None:
    """From the import of pandas to the best of a search."""
    found = re.search(r"## Models.*?```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", found[1]],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "odds.png").stat().st_size > 0
