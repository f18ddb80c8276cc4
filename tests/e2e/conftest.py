"""Where tests leave what a person may want to look at."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the folder for screenshots."""
    parser.addoption("--artefacts", type=Path, help="Folder to leave screenshots in.")


@pytest.fixture
def artefacts(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a folder for screenshots: the one of `--artefacts`, or the test's own."""
    folder: Path = request.config.getoption("--artefacts") or tmp_path / "artefacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
