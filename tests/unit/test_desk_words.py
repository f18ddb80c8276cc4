"""What the page says to a physician."""

from dataclasses import replace

import pytest

from support.log_entries import entry
from support.studies import (
    AGREEMENT,
    AT,
    BOOK,
    STUDY,
    VIEW,
    changed,
    held,
    key,
    purpose,
    resting_on,
)
from wardnet.agreement.agreement import accept_whole
from wardnet.agreement.permission import judge
from wardnet.agreement.purpose import Modifier, Permission
from wardnet.agreement.study import Study
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.scope import Scope
from wardnet.errors import Reason
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.statistics.methods import METHODS
from wardnet_node.desk import words
from wardnet_node.desk.study_state import State, StudyState
from wardnet_node.desk.web.terms import people

DATES = Dictionary(
    name="cardiology",
    version=1,
    columns=(
        Column(
            name="age",
            type=ColumnType.DATE,
            label="Day of birth",
            minimum="1900-01-01",
            maximum="2030-12-31",
            resolution="1",
        ),
    ),
)


def titles(**changes: object) -> set[str]:
    """Return what could leak under an agreement with some fields changed."""
    agreement = replace(AGREEMENT, **changes)  # type: ignore[arg-type]
    return {title for title, _ in words.leaks(STUDY, agreement, dictionary=DATES)}


def test_every_method_has_its_sentence() -> None:
    """No study asks for a method that the page cannot explain."""
    assert set(words.METHODS) == set(METHODS)


@pytest.mark.parametrize("permission", Permission)
def test_every_purpose_has_its_words(permission: Permission) -> None:
    """Each permission with all modifiers is told in sentences, codes beside."""
    diseases = ("MONDO:0005267",) if permission is Permission.DS else ()
    value = purpose(permission, *Modifier, diseases=diseases)
    told = words.purpose(value)
    assert len(told) == len(set(told)) == 1 + len(Modifier)
    assert all(sentence.endswith(".") for sentence in told)
    assert all(code in words.codes(value) for code in (permission, *Modifier))


def test_the_diseases_of_a_purpose_are_named() -> None:
    """Which diseases a study is about stands in what a steward signs."""
    value = purpose(Permission.DS, diseases=("MONDO:0005267",))
    assert "MONDO:0005267" in words.purpose(value)[0]


def test_what_could_leak_follows_the_limits() -> None:
    """A stricter agreement has fewer warnings; each warning has its cause."""
    wide = titles(minimum_hospitals=2, quota=300)
    assert "Our part of an answer" in wide
    assert "Our part of an answer" not in titles(minimum_hospitals=3)
    assert "Many questions" in wide
    assert "Many questions" not in titles(quota=20)
    assert "Telling columns" in wide
    assert "Telling columns" not in titles(columns=("sex",), cohort_columns=("sex",))
    assert "Telling columns" in titles(columns=("sex",), cohort_columns=("age", "sex"))
    counting = tuple(method for method in STUDY.output.methods if method.name == "count")
    assert "Exact means" in wide
    assert "Exact means" not in titles(methods=counting)


def test_a_study_of_one_hospital_says_so() -> None:
    """Alone, every answer is about our own patients."""
    alone = changed(changed(STUDY, "setting.minimum_hospitals", 1), "setting.hospitals", ("a",))
    told = dict(words.leaks(alone, replace(AGREEMENT, minimum_hospitals=1), dictionary=None))
    assert "our patients alone" in told["Our own subtotals"]


def test_who_asks_vouches_for_nobody() -> None:
    """The page says of a person what the judge decides: of all who ask, none can answer for one."""
    ada, _ = STUDY.people
    uma = replace(ada, id="uma", key=key("uma"))
    study = changed(STUDY, "people", (ada, uma))
    signers = frozenset({key("ada"), key("uma")})
    state = replace(proposed(study), signers=signers)
    assert [person.known for person in people(state, BOOK)] == [False, False]
    agreement = accept_whole(study, hospital="a")
    view = replace(VIEW, agreements=(held(agreement, study=study, vouched_by=signers),))
    (refusal,) = judge(resting_on(agreement), view=view, at=AT)
    assert refusal.reason is Reason.RESEARCHER_NOT_VOUCHED


def proposed(study: Study) -> StudyState:
    """Return a study that waits."""
    return StudyState(
        study=study,
        state=State.NEW,
        agreement=None,
        reason="",
        used=0,
        received="",
        decided="",
        signers=frozenset(),
    )


@pytest.mark.parametrize("kind", EventType)
def test_what_happened_is_told_in_words(kind: EventType) -> None:
    """No code with underscores stands in the log as it is shown."""
    assert "_" not in words.happened(kind)


def test_a_scope_is_said_in_sentences() -> None:
    """Every limit is named, and what is not granted is said, not left out."""
    assert words.scope(Scope()) == (
        "Every entry of the access log.",
        "May not look for a patient.",
        "May not read the answers themselves.",
    )
    narrow = Scope(
        datasets=("cardiology", "oncology"),
        studies=("5d" * 32,),
        kinds=(EventType.LOG_READ,),
        since="2026-01-31T00:00:00.000Z",
        until="2026-03-01T00:00:00.000Z",
        patients=True,
        answers=True,
    )
    assert words.scope(narrow) == (
        "Only entries of the access log that fit all of this:",
        "about the datasets cardiology, oncology;",
        "about the study 5d5d5d5d;",
        "telling of: log was read;",
        "from 31 January 2026 on;",
        "before 1 March 2026.",
        "May look for entries about one patient by the patient's number.",
        "May read the answers that were released, not only that they were.",
    )


def test_an_entry_is_told_without_what_does_not_apply() -> None:
    """Names are short, reasons are words."""
    refused = entry(
        outcome=Outcome.REFUSED,
        reason=Reason.COHORT_TOO_SMALL,
        subject="wardnet://n/researcher/ada",
    )
    facts = dict(words.entry(refused))
    assert facts["Who"] == "researcher ada"
    assert facts["Because"] == "cohort too small"
    assert "Cost" not in facts
