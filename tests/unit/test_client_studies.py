"""What a researcher sees of a study, which study a question rests on, and whether a study fits."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from support.questions import DICTIONARY
from support.studies import AGREEMENT, AT, STUDY, changed, key, later, purpose
from wardnet.agreement import template
from wardnet.agreement.agreement import Agreement, accept_whole
from wardnet.agreement.purpose import Modifier, Permission
from wardnet.agreement.study import Method, Study
from wardnet.client.printing.listing import Columns, Dataset
from wardnet.client.queries.verdict import Verdict, Verdicts
from wardnet.client.studies.choice import choose, named
from wardnet.client.studies.draft import Identity, draft
from wardnet.client.studies.harmonise import Finding, find
from wardnet.client.studies.record import Decision, Standing, StudyRecord, day, narrower
from wardnet.errors import Reason, WardnetError
from wardnet.question.grammar import parse

DATASET = Dataset("cardiology", "", 1, DICTIONARY.digest, ("a", "b", "c"))
LIMITS = "at least 2 hospitals and 12 patients in an answer; at most 50 queries"
ADA = Identity("heartnet", "researcher", "ada", key("ada"))


def recorded(study: Study = STUDY, **decisions: Decision | Agreement) -> StudyRecord:
    """Return a study's record; hospitals that are not named have not decided."""
    return StudyRecord(
        study.digest,
        study,
        datetime(2026, 1, 1, tzinfo=UTC),
        tuple(_decision(hospital, decisions) for hospital in study.setting.hospitals),
    )


def _decision(hospital: str, decisions: Mapping[str, Decision | Agreement]) -> Decision:
    decided = decisions.get(hospital, Decision(hospital, Standing.WAITING))
    if isinstance(decided, Agreement):
        return Decision(hospital, Standing.AGREED, decided)
    return decided


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("columns", ("age",), ["without sex"]),
        ("cohort_columns", ("age",), ["no conditions on sex"]),
        ("methods", (Method("count", 1),), ["no summary"]),
        ("cohort", parse("age >= 40"), ["only where age >= 40"]),
        ("minimum_patients", 20, ["at least 20 patients"]),
        ("minimum_hospitals", 3, ["at least 3 hospitals"]),
        ("quota", 7, ["at most 7 queries"]),
        ("quota", 1, ["at most 1 query"]),
        ("until", "2026-12-01T00:00:00.000Z", ["until 2026-12-01"]),
        (
            "purpose",
            purpose(Permission.HMB, Modifier.IRB, Modifier.NCU, Modifier.PUB),
            ["publication required is a condition (DUO:0000019)"],
        ),
        ("conditions", ("Cite us.",), []),
    ],
)
def test_a_narrower_agreement_says_in_what(field: str, value: object, words: list[str]) -> None:
    """One phrase per limit; what was agreed as proposed has none."""
    assert list(narrower(changed(AGREEMENT, field, value), STUDY)) == words


def test_a_study_shows_what_each_hospital_decided() -> None:
    """Limits, reasons and conditions stand in the table, in the same words in JSON."""
    record = recorded(
        a=replace(AGREEMENT, quota=7, conditions=("Cite us.",)),
        b=Decision("b", Standing.DECLINED, why="No capacity."),
    )
    text = record.sheet().text(100)
    assert text.startswith("Age and sex of heart patients: 1 of 3 agreed, 1 declined")
    for words in (
        "at most 7 queries",
        "No capacity.",
        "waiting",
        "condition of a  Cite us.",
        LIMITS,
    ):
        assert words in text
    shown = record.to_dict()["hospitals"]
    assert isinstance(shown, list)
    assert shown[0] == {
        "hospital": "a",
        "state": "agreed",
        "agreement": replace(AGREEMENT, quota=7, conditions=("Cite us.",)).digest,
        "narrower": ["at most 7 queries"],
        "conditions": ["Cite us."],
        "why": "",
    }
    assert "as proposed" in recorded(a=AGREEMENT).sheet().text(100)


def test_a_day_is_written_without_a_midnight() -> None:
    """Other times are."""
    assert day("2026-12-01T00:00:00.000Z") == "2026-12-01"
    assert day("2026-12-01T08:30:00.000Z") == "2026-12-01 08:30"


def test_the_only_agreed_study_is_chosen_by_itself() -> None:
    """It names the agreements of those who agreed and hold the dataset."""
    agreed = recorded(changed(STUDY, "output.quota", 9), a=AGREEMENT, b=AGREEMENT)
    grant = choose(DATASET, [recorded(), agreed])
    assert list(grant.permits) == ["a", "b"]
    permit = grant.permits["a"]
    assert (permit.agreement, permit.minimum_patients) == (AGREEMENT.digest, 12)
    elsewhere = replace(DATASET, hospitals=("b", "c"))
    a, b, c = (accept_whole(STUDY, hospital=name) for name in "abc")
    assert list(named(elsewhere, recorded(a=a, b=b, c=c)).permits) == ["b", "c"]


def test_a_study_with_too_few_agreements_says_how_many_it_needs() -> None:
    """It is neither offered nor taken: every hospital would refuse the question."""
    few = recorded(a=AGREEMENT)
    with pytest.raises(WardnetError, match="at least 2 hospitals") as caught:
        choose(DATASET, [few])
    assert "and 1 hospital has agreed; `wardnet study status" in str(caught.value)
    with pytest.raises(WardnetError, match="at least 2 hospitals"):
        named(DATASET, few)
    other = recorded(changed(STUDY, "output.quota", 9), a=AGREEMENT, b=AGREEMENT)
    assert choose(DATASET, [few, other]).study == other.id
    strict = replace(AGREEMENT, minimum_hospitals=3)
    with pytest.raises(WardnetError, match="at least 3 hospitals"):
        named(DATASET, recorded(a=AGREEMENT, b=strict))


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([], "you have none; `wardnet study new FILE --dataset cardiology` begins one"),
        ([recorded(changed(STUDY, "data.dataset", "lungs"), a=AGREEMENT)], "you have none"),
        ([recorded()], "(Age and sex of heart patients) has no agreement in force"),
        (
            [recorded(a=Decision("a", Standing.ENDED, AGREEMENT))],
            "has no agreement in force",
        ),
        (
            [recorded(changed(STUDY, "data.dictionary", "0" * 64), a=AGREEMENT)],
            "was written for another version of its dictionary",
        ),
        (
            [recorded(changed(STUDY, "setting.hospitals", ("y", "z")), z=AGREEMENT)],
            "none of those hospitals holds the dataset",
        ),
        (
            [
                recorded(a=AGREEMENT, b=AGREEMENT),
                recorded(changed(STUDY, "output.quota", 9), a=AGREEMENT, b=AGREEMENT),
            ],
            f"name one of {STUDY.digest[:12]} (Age and sex of heart patients), ",
        ),
        (
            [
                recorded(changed(STUDY, "output.quota", number), a=AGREEMENT, b=AGREEMENT)
                for number in range(1, 9)
            ],
            ", 2 more with --study",
        ),
    ],
)
def test_a_question_without_a_study_says_what_is_missing(
    records: list[StudyRecord], words: str
) -> None:
    """Nothing is guessed: none or several is one sentence that says what to do."""
    with pytest.raises(WardnetError) as caught:
        choose(DATASET, records)
    assert caught.value.reason is Reason.STUDY_NEEDED
    assert words in str(caught.value)


def test_a_named_study_must_allow_the_question() -> None:
    """A study of something else is no study of this."""
    with pytest.raises(WardnetError) as caught:
        named(DATASET, recorded(changed(STUDY, "data.dataset", "lungs"), a=AGREEMENT))
    assert "is about lungs" in str(caught.value)


def test_a_drafted_study_needs_only_what_the_researcher_knows() -> None:
    """Four empty fields are left to fill in, told one after the other; then the study is whole."""
    text = draft(ADA, DATASET, Columns(DICTIONARY), at=AT, title="", organisation="")
    asked = []
    for field, name, filling in (
        ("project.title", "title", "Who"),
        ("project.summary", "summary", "We count."),
        ("project.purpose.permission", "permission", "DUO:0000006"),
        ("people.ada.organisation", "organisation", "university"),
    ):
        with pytest.raises(WardnetError) as caught:
            template.read(text, path="study.toml")
        assert caught.value.details["rule"] == "it is empty; fill it in"
        asked.append((caught.value.details["field"], field))
        text = text.replace(f'{name} = ""', f'{name} = "{filling}"')
    assert all(told == field for told, field in asked)
    study = template.read(text, path="study.toml")
    assert study.setting.minimum_hospitals == 3
    assert not list(checked(study))


def checked(study: Study, dataset: Dataset | None = DATASET) -> list[Finding]:
    """Return what does not fit."""
    columns = None if dataset is None else Columns(DICTIONARY)
    hospitals = ["a", "b", "c", "d"]
    return list(
        find(study, identity=ADA, dataset=dataset, columns=columns, hospitals=hospitals, at=AT)
    )


@pytest.mark.parametrize(
    ("field", "value", "place", "words"),
    [
        ("network", "lungnet", "network", "You are a member of heartnet."),
        ("not_after", later(days=-1), "not_after", "has ended"),
        ("people", STUDY.people[1:], "people", f"id ada with the key {key('ada')}"),
        ("data.columns", ("age", "bmi"), "data.columns", "no column bmi"),
        ("data.dictionary", "0" * 64, "data.dictionary", "is version 1"),
        ("setting.hospitals", ("a", "d"), "setting.hospitals", "d does not hold cardiology"),
        ("setting.hospitals", ("a", "z"), "setting.hospitals", "no hospital z"),
        ("output.methods", (Method("guess", 1),), "output.methods", "no method guess"),
        ("output.methods", (Method("count", 9),), "output.methods", "of count is 1"),
    ],
)
def test_a_study_that_does_not_fit_says_where(
    field: str, value: object, place: str, words: str
) -> None:
    """Before anybody signs it."""
    assert not checked(STUDY)
    (finding,) = checked(changed(STUDY, field, value))
    assert finding.field == place
    assert words in finding.problem


def test_a_study_of_an_unknown_dataset_says_so() -> None:
    """And everything else that does not fit."""
    found = checked(changed(STUDY, "not_after", later(days=-1)), dataset=None)
    assert [finding.field for finding in found] == ["not_after", "data.dataset"]


def test_every_reason_of_a_hospital_has_its_line() -> None:
    """A hospital's name stands once; one that is away is told, too."""
    refusing = (
        WardnetError(Reason.QUOTA_USED_UP, hospital="b"),
        WardnetError(Reason.QUERY_EXPIRED),
    )
    verdicts = Verdicts(
        "count of heart",
        [
            Verdict("c", away=True, causes=()),
            Verdict("b", away=False, causes=refusing),
            Verdict("a", away=False, causes=()),
        ],
    )
    lines = [line.split()[:2] for line in verdicts.sheet().text(200).splitlines()]
    assert lines[3:] == [["a", "answer"], ["b", "refuse"], ["The", "query"], ["c", "away"]]


def test_hospitals_that_are_behind_are_named() -> None:
    """Whoever cannot ask because of a new version reads who must adopt it, and what to do."""
    newer = Dataset("cardiology", "", 2, "f" * 64, (), behind=("b", "c"))
    with pytest.raises(WardnetError, match="b, c must first adopt version 2 and load again"):
        choose(newer, [recorded()])
