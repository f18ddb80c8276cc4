"""Agreements of all kinds: narrower is within, wider is not, and one value has one spelling."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce
from operator import getitem
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from support.studies import AGREEMENT, AT, STUDY, held, later, purpose, resting_on
from support.studies import VIEW as WHOLE
from wardnet import canonical
from wardnet.agreement import agreement as agreements
from wardnet.agreement import study as studies
from wardnet.agreement.agreement import Agreement, Evidence, accept_whole, check_within
from wardnet.agreement.permission import judge
from wardnet.agreement.purpose import Modifier, Permission, Purpose, excess
from wardnet.agreement.study import Method, Study
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, And, Cohort, Compare, Missing

COLUMNS = ("age", "chol", "sex", "smoker")
DISEASES = ("MONDO:0005267", "MONDO:0005311", "MONDO:0021661")


def some(items: Iterable[Any], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw some of the items, in order."""
    return st.sets(st.sampled_from(sorted(items)), min_size=least).map(lambda s: tuple(sorted(s)))


@st.composite
def purposes(draw: st.DrawFn) -> Purpose:
    """Draw any purpose."""
    permission = draw(st.sampled_from(Permission))
    diseases = draw(some(DISEASES, least=1)) if permission is Permission.DS else ()
    return purpose(permission, *draw(some(Modifier)), diseases=diseases)


methods = some([Method("count", 1), Method("count", 2), Method("summary", 1)], least=1)


@st.composite
def proposals(draw: st.DrawFn) -> Study:
    """Draw any study of hospital a and others, with room on either side of every limit."""
    hospitals = ("a", *draw(some("bcde", least=1)))
    return replace(
        STUDY,
        project=replace(STUDY.project, purpose=draw(purposes())),
        data=replace(STUDY.data, columns=draw(some(COLUMNS))),
        setting=replace(
            STUDY.setting,
            hospitals=hospitals,
            minimum_hospitals=draw(st.integers(1, len(hospitals))),
        ),
        output=replace(
            STUDY.output,
            methods=draw(methods),
            minimum_patients=draw(st.integers(10, 100)),
            quota=draw(st.integers(1, 100)),
        ),
    )


def _narrower_purpose(draw: st.DrawFn, wide: Purpose) -> Purpose:
    within = purposes().filter(lambda drawn: not list(excess(drawn, wide)))
    more = purpose(
        wide.permission, *{*wide.modifiers, *draw(some(Modifier))}, diseases=wide.diseases
    )
    return draw(within | st.just(more))


@st.composite
def narrowed(draw: st.DrawFn) -> tuple[Study, Agreement]:
    """Draw a study and an agreement that is narrower in any number of fields, or in none."""
    study = draw(proposals())
    whole = accept_whole(study, hospital="a", revision=draw(st.integers(1, 9)))
    columns = study.data.columns
    cohorts: list[Cohort] = [EVERYONE, *(Missing(column=name) for name in columns)]
    fields: dict[str, st.SearchStrategy[object]] = {
        "columns": some(columns) if columns else st.just(()),
        "cohort_columns": some(columns) if columns else st.just(()),
        "cohort": st.sampled_from(cohorts),
        "methods": some(study.output.methods, least=1),
        "minimum_patients": st.integers(study.output.minimum_patients, 200),
        "minimum_hospitals": st.integers(study.setting.minimum_hospitals, 9),
        "quota": st.integers(1, study.output.quota),
        "until": st.integers(0, 365).map(lambda days: later(days=days)),
        "conditions": st.just(("Send us the paper.",)),
        "evidence": st.just((Evidence("A letter", digest="0" * 64),)),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(fields))))
    changes: dict[str, Any] = {name: draw(fields[name]) for name in sorted(chosen)}
    if draw(st.booleans()):
        changes["purpose"] = _narrower_purpose(draw, study.project.purpose)
    return study, replace(whole, **changes)


@given(narrowed())
def test_narrowing_any_fields_stays_within_the_study(pair: tuple[Study, Agreement]) -> None:
    """Whatever a steward takes away, the rest was asked for."""
    study, agreement = pair
    assert check_within(agreement, study) == ()


@given(narrowed(), st.data())
def test_widening_any_field_leaves_the_study(
    pair: tuple[Study, Agreement], data: st.DataObject
) -> None:
    """However narrow the rest is, one field beyond the study is found, and it alone is named."""
    study, agreement = pair
    field, new = data.draw(st.sampled_from(list(_wider(study, agreement).items())))
    wide: Agreement = replace(agreement, **{field: new})  # type: ignore[arg-type]
    errors = check_within(wide, study)
    assert {(error.reason, error.details["field"]) for error in errors} == {
        (Reason.AGREEMENT_TOO_WIDE, field)
    }


def _wider(study: Study, agreement: Agreement) -> dict[str, object]:
    """Return, by field, something beyond the study; fields that cannot be wider are left out."""
    asked = study.output
    unasked = Method("survival", 1)
    wider: dict[str, object] = {
        "study": "0" * 64,
        "hospital": "f",
        "columns": tuple(sorted({*agreement.columns, "name"})),
        "cohort_columns": tuple(sorted({*agreement.cohort_columns, "name"})),
        "cohort": And(of=(agreement.cohort, Compare(column="name", operator="==", value="x"))),
        "methods": tuple(sorted({*agreement.methods, unasked})),
        "quota": asked.quota + 1,
        "until": later(days=366),
    }
    if asked.minimum_patients > 10:
        wider["minimum_patients"] = asked.minimum_patients - 1
    if study.setting.minimum_hospitals > 1:
        wider["minimum_hospitals"] = study.setting.minimum_hospitals - 1
    purpose_asked = study.project.purpose
    if purpose_asked.modifiers:
        fewer = purpose_asked.modifiers[1:]
        wider["purpose"] = replace(purpose_asked, modifiers=fewer)
    elif purpose_asked.permission is not Permission.NRES:
        wider["purpose"] = purpose(Permission.NRES)
    return wider


@given(purposes(), purposes(), purposes())
def test_purposes_are_ordered(one: Purpose, two: Purpose, three: Purpose) -> None:
    """Lying within is reflexive, and what lies within the inner lies within the outer."""
    assert list(excess(one, one)) == []
    if not list(excess(one, two)) and not list(excess(two, three)):
        assert list(excess(one, three)) == []
    if not list(excess(one, two)) and not list(excess(two, one)):
        assert one == two


@given(narrowed())
def test_one_value_has_one_spelling(pair: tuple[Study, Agreement]) -> None:
    """Studies and agreements come back as they were written, to the byte."""
    study, agreement = pair
    data, answer = studies.to_bytes(study), agreements.to_bytes(agreement)
    assert studies.to_bytes(studies.from_bytes(data)) == data
    assert agreements.to_bytes(agreements.from_bytes(answer)) == answer
    assert (studies.from_bytes(data), agreements.from_bytes(answer)) == pair


WRONG: tuple[object, ...] = (None, True, 0, 1, 10, -1, 2**40, 1.5, "", "1", "age", [], {})


def places(value: object, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of everything inside a JSON value."""
    inner: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for name, entry in inner:
        yield (*before, name)
        yield from places(entry, (*before, name))


@given(narrowed(), st.sampled_from(WRONG), st.data())
def test_what_is_read_has_no_second_spelling(
    pair: tuple[Study, Agreement], wrong: object, data: st.DataObject
) -> None:
    """A changed field is refused, or is another value; it is never taken for the same one."""
    whole: Any = canonical.decode(agreements.to_bytes(pair[1]))
    *outer, last = data.draw(st.sampled_from(sorted(places(whole), key=repr)))
    reduce(getitem, outer, whole)[last] = wrong
    changed = canonical.encode(whole)
    try:
        read = agreements.to_bytes(agreements.from_bytes(changed))
    except WardnetError:
        read = changed
    assert read == changed


@given(narrowed())
def test_what_a_narrower_agreement_allows_the_whole_one_allows(
    pair: tuple[Study, Agreement],
) -> None:
    """Narrowing never opens anything: a query that passes it passes the study accepted whole."""
    study, agreement = pair
    whole = accept_whole(study, hospital="a")

    def refusals(answer: Agreement) -> set[tuple[Reason, str]]:
        request = replace(resting_on(answer), purpose=agreement.purpose)
        view = replace(WHOLE, agreements=(held(answer, study=study),))
        return {
            (error.reason, error.details.get("field", error.details.get("column", "")))
            for error in judge(request, view=view, at=AT)
        }

    assert refusals(whole) <= refusals(agreement)


def test_the_usual_agreement_has_room_on_either_side() -> None:
    """The example of the other tests can be narrowed and widened."""
    assert len(_wider(STUDY, AGREEMENT)) == 11
