"""What is installed from the built wheel is the whole product and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"wardnet": "shared", "wardnet_node": "node", "wardnet_coordinator": "coordinator"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel; return the names of the files in it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_module(names: set[str]) -> None:
    """Every source file of the three packages is in it, generated code and type marks included."""
    expected = {
        str(path.relative_to(ROOT / root))
        for package, root in PACKAGES.items()
        for path in (ROOT / root / package).rglob("*")
        if path.suffix in {".py", ".pyi", ".typed"}
    }
    assert expected <= names


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    """Only the three packages and their metadata land in a researcher's environment."""
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_wheel_carries_its_licence(names: set[str]) -> None:
    """The licence travels with the code."""
    assert any(name.endswith("licenses/LICENSE") for name in names)
