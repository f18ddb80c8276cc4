"""Agreeing to less at the stewards' page, and to documents."""

import hashlib

import pytest

from support.desk import Browser, DeskHome
from support.page import DECISION, day, page_of, state, words
from wardnet.agreement.agreement import Evidence
from wardnet_node.desk.study_state import State


def test_every_limit_can_be_narrowed(anna: Browser, home: DeskHome) -> None:
    """What the form says is what the agreement says."""
    anna.open(f"{page_of(home)}/narrow")
    response = anna.send(f"{page_of(home)}/narrow", {**DECISION, "until": day(home, days=30)})
    page = words(anna.follow(response))
    assert page.count("stricter") == 8
    anna.send(response.headers["location"])
    with home.decisions() as decisions:
        agreement = decisions.study(home.study.digest).agreement
    assert agreement is not None
    assert (agreement.columns, agreement.cohort_columns) == (("age", "sex"), ("age",))
    assert [method.name for method in agreement.methods] == ["count", "summary"]
    assert (agreement.minimum_patients, agreement.minimum_hospitals, agreement.quota) == (25, 3, 12)
    assert agreement.until == f"{day(home, days=30)}T00:00:00.000Z"
    assert agreement.conditions == ("First condition.", "Second condition.")


def test_documents_are_named_and_not_kept(anna: Browser, home: DeskHome) -> None:
    """Of an uploaded document its name and digest are signed; a wrong field loses neither."""
    approval = b"%PDF " + bytes(300 << 10)  # longer than any other form may be
    digest = hashlib.sha256(approval).hexdigest()
    anna.open(f"{page_of(home)}/narrow")
    form = {**DECISION, "until": day(home, days=30), "token": anna.token}
    wrong = anna.client.post(
        f"{page_of(home)}/narrow",
        data={**form, "quota": "x"},
        files={"documents": ("ethics approval.pdf", approval)},
    )
    assert wrong.status_code == 422
    attached = f"{digest} ethics approval.pdf"
    assert f'value="{attached}" checked' in wrong.text
    confirm = anna.client.post(f"{page_of(home)}/narrow", data={**form, "attached": attached})
    assert "ethics approval.pdf" in words(anna.follow(confirm))
    anna.send(confirm.headers["location"])
    with home.decisions() as decisions:
        agreement = decisions.study(home.study.digest).agreement
    assert agreement is not None
    assert agreement.evidence == (Evidence("ethics approval.pdf", digest),)
    for kept in home.home.rglob("*"):
        assert not kept.is_file() or approval[:1000] not in kept.read_bytes()


def test_a_document_with_a_name_that_hides_is_refused(anna: Browser, home: DeskHome) -> None:
    """What is signed shows what it says."""
    anna.open(f"{page_of(home)}/narrow")
    form = {**DECISION, "until": day(home, days=30), "attached": f"{'0' * 64} a\u202efdp.exe"}
    response = anna.send(f"{page_of(home)}/narrow", form)
    assert response.status_code == 422
    assert 'href="#documents"' in response.text


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("minimum_patients", "9", "A whole number from 10"),
        ("minimum_patients", "\u0661\u0661", "A whole number from 10"),
        ("minimum_hospitals", "1", "lower than the study's"),
        ("minimum_hospitals", "-1", "A whole number from 1"),
        ("quota", "301", "higher than the study's"),
        ("quota", "1e2", "A whole number from 1"),
        ("quota", "9" * 5000, "A whole number from 1"),
        ("until", "2001-01-01", "must lie in the future"),
        ("until", "9999-12-31", "later than the study's end"),
        ("until", "tomorrow", "A date is needed"),
        ("cohort", "age >= ", "cannot be understood from its character"),
        ("cohort", "height > 3", "height"),
        ("cohort", "age >= 'old'", "age"),
        ("columns", ["note"], "does not ask for note"),
        ("columns", ["'; DROP TABLE"], ""),
        ("methods", [], "At least one is needed"),
        ("methods", ["regression"], "does not ask for regression"),
        ("conditions", "\u202egnihtoN", "conditions"),
        ("conditions", "x" * 5000, "4000"),
    ],
)
def test_a_wrong_limit_is_named_and_nothing_is_lost(
    anna: Browser, home: DeskHome, field: str, value: object, sentence: str
) -> None:
    """The page comes back filled in, says which field is wrong and why, and signs nothing."""
    anna.open(f"{page_of(home)}/narrow")
    form = {**DECISION, "until": day(home, days=30), field: value}
    response = anna.send(f"{page_of(home)}/narrow", form)
    assert response.status_code == 422
    assert sentence.casefold() in words(response.text).casefold()
    assert f'href="#{field}"' in response.text
    if field != "quota":
        assert 'value="12"' in response.text
    assert state(home) is State.NEW
