"""A network, and one hospital on its link."""

from pathlib import Path

import pytest

from support.hospital import Hospital
from support.pki import TestNetwork


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, with 30 women and 20 men."""
    return Hospital(network, tmp_path / "a")
