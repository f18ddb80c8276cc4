"""Where tests leave what a person may want to look at."""

from pathlib import Path

import pytest


@pytest.fixture
def artefacts(request: pytest.FixtureRequest) -> Path:
    """Give a folder for a test's screenshots, kept below the checkout until its next run."""
    folder: Path = request.config.rootpath / "artefacts" / request.node.originalname
    folder.mkdir(parents=True, exist_ok=True)
    for kept in folder.iterdir():
        kept.unlink()
    return folder
