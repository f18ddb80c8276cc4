"""A study on its way from a file to the hospitals, and the questions that belong to it."""

import json
from dataclasses import replace
from pathlib import Path

from support.command import Run, exit_code
from support.postoffice import PostOffice
from wardnet.agreement import template
from wardnet.errors import Reason, WardnetError


def test_a_study_goes_from_a_file_to_the_hospitals(
    wardnet: Run, office: PostOffice, tmp_path: Path
) -> None:
    """Written, filled in, checked, signed, sent, and followed."""
    file = tmp_path / "study.toml"
    office.proposals.clear()
    words = ("--dataset", "heart", "--title", "Smoking", "--organisation", "university")
    assert wardnet("study", "new", str(file), *words).exit_code == 0
    again = wardnet("study", "new", str(file), *words)
    assert again.exit_code == exit_code(Reason.ALREADY_EXISTS)
    empty = wardnet("study", "check", str(file))
    assert empty.exit_code == exit_code(Reason.STUDY_INVALID)
    assert "project.summary: it is empty; fill it in" in empty.stderr
    text = file.read_text().replace('summary = ""', 'summary = "We count smokers."')
    file.write_text(text.replace('permission = ""', 'permission = "DUO:0000006"'))
    fits = wardnet("study", "check", str(file))
    assert fits.exit_code == 0
    assert "fits: heart is held with all its columns by a, b." in fits.stdout
    assert wardnet("study", "check", str(file), "--json").stdout == "[]\n"
    study = wardnet("study", "submit", str(file)).stdout.strip()
    assert json.loads(wardnet("study", "submit", str(file), "--json").stdout) == {"study": study}
    assert "0 of 2 agreed" in wardnet("study", "list").stdout
    unasked = wardnet("query", "count", "heart")
    assert unasked.exit_code == exit_code(Reason.STUDY_NEEDED)
    assert f"`wardnet study status {study[:12]}`" in unasked.stderr
    office.agree(office.proposals[study], "a", quota=7)
    assert "at most 7 queries" in wardnet("study", "status", study[:8]).stdout
    told = json.loads(wardnet("study", "status", study[:8], "--json").stdout)
    assert [each["state"] for each in told["hospitals"]] == ["agreed", "waiting"]
    early = wardnet("query", "count", "heart")
    assert early.exit_code == exit_code(Reason.STUDY_NEEDED)
    assert "at least 2 hospitals that hold the data, and 1 hospital has agreed" in early.stderr
    office.agree(office.proposals[study], "b")
    answer = json.loads(wardnet("query", "count", "heart", "--json").stdout)
    assert [each["hospital"] for each in answer["hospitals"]] == ["a", "b"]


def test_a_study_that_does_not_fit_is_not_sent(
    wardnet: Run, office: PostOffice, tmp_path: Path
) -> None:
    """Everything that does not fit is listed at once."""
    (agreed,) = office.proposals.values()
    data = replace(agreed.study.data, columns=("age", "bmi"))
    setting = replace(agreed.study.setting, hospitals=("a", "z"))
    file = tmp_path / "study.toml"
    file.write_text(template.write(replace(agreed.study, data=data, setting=setting)))
    for command in ("check", "submit"):
        done = wardnet("study", command, str(file))
        assert done.exit_code == exit_code(Reason.STUDY_INVALID)
        assert "heart has no column bmi" in done.stdout
        assert "no hospital z" in done.stdout
    found = json.loads(wardnet("study", "check", str(file), "--json").stdout)
    assert [each["field"] for each in found] == ["data.columns", "setting.hospitals"]
    assert len(office.proposals) == 1


def test_a_question_says_which_study_it_belongs_to(wardnet: Run, office: PostOffice) -> None:
    """Where two allow it, both are named; `--study` chooses."""
    second = office.propose(not_after="2100-01-01T00:00:00.000Z")
    office.agree(second, "b", minimum_patients=15)
    several = wardnet("query", "count", "heart")
    assert several.exit_code == exit_code(Reason.STUDY_NEEDED)
    assert all(digest[:12] in several.stderr for digest in office.proposals)
    asked = wardnet("query", "count", "heart", "--study", second.study.digest[:8])
    assert "hospitals  b" in asked.stdout
    assert "at least 15 patients" in asked.stdout


def test_a_question_can_be_explained_without_being_asked(wardnet: Run, office: PostOffice) -> None:
    """Every hospital says all its reasons, or that it would answer; nothing is submitted."""
    office.verdicts = {
        "a": [
            WardnetError(Reason.QUOTA_USED_UP, hospital="a"),
            WardnetError(Reason.AGREEMENT_ENDED, hospital="a"),
        ]
    }
    done = wardnet("query", "count", "heart", "--by", "sex", "--explain")
    assert done.exit_code == 0
    assert done.stdout.startswith("count of heart by sex: what each hospital would do\n")
    assert "All queries that a agreed to have been asked." in done.stdout
    assert "b         answer" in done.stdout
    told = json.loads(wardnet("query", "count", "heart", "--explain", "--json").stdout)
    assert [each["would"] for each in told] == ["refuse", "answer"]
    assert [each["reason"] for each in told[0]["reasons"]] == ["quota_used_up", "agreement_ended"]
    office.verdicts = {"b": None}
    assert "It could not be asked." in wardnet("query", "count", "heart", "--explain").stdout
    assert not office.submitted
