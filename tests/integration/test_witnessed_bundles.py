"""What an auditor's command makes of witnesses: verdicts, the stale sign, reconciliation."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from support.logs import EVENT, KEYS, ORIGIN, PINS, WITNESSES, append, filled, signed
from wardnet.audit import bundle
from wardnet.client import cli

COSIGNED = 4
ENTRIES = 6


def wardnet(home: Path, *words: str | Path) -> Result:
    """Run `wardnet audit` offline."""
    done = CliRunner().invoke(cli.main, ["--home", str(home), "audit", *map(str, words)])
    assert done.exit_code == 0, done.output
    return done


def pin(home: Path, name: str) -> None:
    """Pin a key that was compared."""
    wardnet(home, "trust", "add", name, "--fingerprint", PINS[name])


def handed_over(folder: Path, *, witnesses: int = 2) -> Path:
    """Write a whole log of long ago, of which witnesses have cosigned the first entries."""
    path = folder / "clinic-a.bundle"
    with filled(COSIGNED) as connection, path.open("wb") as stream:
        signed(connection, witnesses=witnesses)
        append(connection, [EVENT] * (ENTRIES - COSIGNED))
        signed(connection)
        bundle.write(bundle.gather(connection, None, keys=KEYS, witnessed=[COSIGNED]), stream)
    return path


def anomalies(home: Path, path: Path) -> tuple[list[Any], str]:
    """Return the rows and the explanation of the report."""
    made = json.loads(wardnet(home, "report", "anomalies", path, "--json").stdout)
    return [row for row in made["rows"] if row["sign"] == "not witnessed"], made["explanation"]


def test_pinned_witnesses_are_checked_and_counted(tmp_path: Path) -> None:
    """None without a pin; then how many of them, how far, and when."""
    path = handed_over(tmp_path)
    said = wardnet(tmp_path, "verify", path).stdout
    assert "no witness whose key was compared has cosigned it" in said
    one, other = WITNESSES
    pin(tmp_path, one)
    said = wardnet(tmp_path, "verify", path).stdout
    assert "The witness whose key was compared has cosigned this log." in said
    assert f"{one} saw its first 4 entries at 2026-05-04 12:00:00 UTC" in said
    pin(tmp_path, other)
    verdict = json.loads(wardnet(tmp_path, "verify", path, "--json").stdout)
    assert set(verdict["cosigned"]) == {one, other}
    assert verdict["covered"] == COSIGNED


def test_an_entry_without_witnesses_for_a_day_is_a_sign(tmp_path: Path) -> None:
    """It names the first one; where no witness is pinned, it is said that nobody looked."""
    path = handed_over(tmp_path)
    rows, explanation = anomalies(tmp_path, path)
    assert rows == []
    assert "no other hospital's key was compared" in explanation
    for name in (ORIGIN, *WITNESSES):
        pin(tmp_path, name)
    (row,), explanation = anomalies(tmp_path, path)
    assert row["entries"] == str(COSIGNED + 1)
    assert "other hospital's key" not in explanation


def test_one_of_two_witnesses_is_not_most_of_them(tmp_path: Path) -> None:
    """What only one has cosigned is not covered: the first entry is the sign."""
    path = handed_over(tmp_path, witnesses=1)
    for name in WITNESSES:
        pin(tmp_path, name)
    (row,), _ = anomalies(tmp_path, path)
    assert row["entries"] == "1"
