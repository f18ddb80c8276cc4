"""A hospital with the stewards' page, and browsers before it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.desk import Browser, DeskHome
from support.pki import TestNetwork


@pytest.fixture
def home(tmp_path: Path) -> DeskHome:
    """Give a hospital with one waiting study and two stewards."""
    folder = tmp_path / "home"
    folder.mkdir()
    return DeskHome(TestNetwork(), folder)


@pytest.fixture
def stranger(home: DeskHome) -> Iterator[Browser]:
    """Give a browser that is not signed in."""
    with home.browsing() as browser:
        yield browser


@pytest.fixture
def anna(stranger: Browser) -> Browser:
    """Give a browser in which steward anna is signed in."""
    stranger.follow(stranger.sign_in())
    return stranger
