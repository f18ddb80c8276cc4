"""The demonstration: real processes, every method, answers beside pandas, nothing left behind."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEART = ROOT.parent / "shared" / "data" / "heart" / "heart920.csv"

pytestmark = pytest.mark.timeout(300)


def demonstrate(*arguments: str | Path) -> str:
    """Run `scripts/demo`; return what it printed."""
    done = subprocess.run(
        [ROOT / "scripts" / "demo", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def remains(folder: str) -> list[str]:
    """Return the processes whose environment still names a folder."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if folder.encode() in environment.read_bytes():
                found.append(environment.parent.name)
        except OSError:
            continue  # it has ended, or is not ours
    return found


def nothing_is_left(output: str) -> None:
    """Fail unless the folder is gone and no process uses it."""
    match = re.search(r"stopped 5 daemons, deleted (\S+)", output)
    assert match is not None
    assert not Path(match[1]).exists()
    assert remains(match[1]) == []


def told_of_permission(output: str) -> None:
    """Fail unless four hospitals agreed, one to less, one refused a question, and one revoked."""
    assert "4 of 4 agreed" in output
    assert re.search(r"agreed +without .*; at most 50 queries", output)
    assert re.search(
        r"^Error: \S+ refused the query: (The column \S+ is not available)", output, re.MULTILINE
    )
    assert re.search(
        r"^Error: \S+ refused the query: \S+ has revoked its agreement", output, re.MULTILINE
    )


def told_of_the_edit(output: str) -> None:
    """Fail unless everybody was told which entry the owner of a log had changed."""
    assert "3 of the 3 witnesses whose keys were compared have cosigned this log." in output
    assert "No entry of the log is missing up to its checkpoint." in output
    edit = re.search(r"with (\S+)'s own key, entry (\d+) now says that adx asked", output)
    assert edit is not None
    node, seq = edit.groups()
    assert f"Error: The access log is broken at entry {seq}:" in output
    assert f"{node} says: The access log is not what it was: entry {seq}," in output
    assert f"Error: Entry {seq} is not proven:" in output
    shown = output.partition(f"olga$ wardnet audit show {node}.bundle {seq}\n")[2]
    assert "researcher/ada" in shown


def told_of_the_loan(output: str) -> None:
    """Fail unless records were lent, read, seen in two proven logs, and gone at the end."""
    end = output.partition("and asks for their records")[2]
    assert "Rows: 40, of 40 patients." in end
    granted = re.search(r"^(\S+)\$ wardnet-node share grant", end, re.MULTILINE)
    opened = re.search(r"^(\S+)\$ wardnet-node share open", end, re.MULTILINE)
    assert granted is not None
    assert opened is not None
    read, _, audited = end.partition(f"{opened[1]}$ wardnet-node share read")[2].partition("==")
    assert len(read.splitlines()) == 2 + 3 + 1  # the command, the names, the rows, an empty line
    for kind in ("share_requested", "share_granted", "share_opened", "share_read"):
        assert kind in audited
    for hospital in (granted[1], opened[1]):
        assert re.search(rf"one of the \d+ of wardnet://demo/node/{hospital}\.", audited)
    assert audited.count("No entry of the log is missing up to its checkpoint.") == 2
    assert "Error: The time of this share is over, and its keys are destroyed." in audited
    assert f"{opened[1]} has said that it destroyed what it had, and every key to it." in audited


def told_of_the_model(output: str) -> None:
    """Fail unless a model was trained, validated at unseen hospitals, and used by one."""
    for words in ("query wait", "learn cross-validate", "model publish", "model install"):
        assert words in output
    assert re.search(r"^auc( +0\.9\d+){5} ", output, re.MULTILINE)
    told = output.partition("wardnet-node predict first-look north.csv")[2]
    assert "patient,probability of benign,probability of malignant" in told
    assert "model_used" in told


def test_the_bundled_table_agrees_with_pandas() -> None:
    """All methods agree, refusals and an edit are named, and lent records are gone in the end."""
    output = demonstrate("--learn")
    told_of_the_model(output)
    told_of_permission(output)
    for method in ("count", "summary", "quantiles", "histogram", "crosstab"):
        assert f"wardnet query {method} tumours" in output
    assert "withheld: fewer than 10 patients" in output
    assert re.search(r"^passed in \d+ s$", output, re.MULTILINE)
    told_of_the_edit(output)
    told_of_the_loan(output)
    nothing_is_left(output)


def test_any_other_table_agrees_with_pandas() -> None:
    """Four hospitals' heart disease rows with missing values agree as well."""
    if not HEART.exists():
        pytest.skip("the heart disease table does not lie beside the checkout")
    output = demonstrate("--data", HEART, "--site", "site")
    told_of_permission(output)
    assert "withheld: fewer than 10 patients" in output
    assert re.search(r"^passed in \d+ s$", output, re.MULTILINE)
    told_of_the_edit(output)
    told_of_the_loan(output)
    nothing_is_left(output)


@pytest.mark.parametrize("content", ["age,sex\n40,f\n", "", '"'], ids=["column", "empty", "torn"])
def test_a_table_that_cannot_be_dealt_is_one_sentence(tmp_path: Path, content: str) -> None:
    """A mistake in the arguments ends at once, before anything is started."""
    table = tmp_path / "table.csv"
    table.write_text(content)
    done = subprocess.run(
        [ROOT / "scripts" / "demo", "--data", table, "--site", "hospital"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
