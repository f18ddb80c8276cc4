"""A study says one thing to everybody, and can be written and read by people."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import get_args, get_type_hints

import pytest
from pydantic import ValidationError

from support.studies import STUDY, changed, key, purpose
from wardnet import canonical, clock
from wardnet.agreement import template
from wardnet.agreement.purpose import LABELS, Modifier, Permission, Purpose, excess
from wardnet.agreement.study import Method, Study, from_bytes, to_bytes
from wardnet.errors import Reason, WardnetError

CODES = """
DUO:0000004 NRES no restriction
DUO:0000006 HMB health or medical or biomedical research
DUO:0000007 DS disease specific research
DUO:0000011 POA population origins or ancestry research only
DUO:0000012 RS research specific restrictions
DUO:0000015 NMDS no general methods research
DUO:0000016 GSO genetic studies only
DUO:0000019 PUB publication required
DUO:0000020 COL collaboration required
DUO:0000021 IRB ethics approval required
DUO:0000022 GS geographical restriction
DUO:0000024 MOR publication moratorium
DUO:0000025 TS time limit on use
DUO:0000026 US user specific restriction
DUO:0000027 PS project specific restriction
DUO:0000028 IS institution specific restriction
DUO:0000029 RTN return to database or resource
DUO:0000042 GRU general research use
DUO:0000044 NPOA population origins or ancestry research prohibited
DUO:0000045 NPU not for profit organisation use only
DUO:0000046 NCU non-commercial use only
"""
"""id, shorthand and label of https://github.com/EBISPOT/DUO/blob/master/duo.csv (2021-02-23),
without the two upper terms, NPUNCU and CC."""


def refused(data: bytes) -> WardnetError:
    """Return why the bytes are no study."""
    with pytest.raises(WardnetError) as caught:
        from_bytes(data)
    assert caught.value.reason is Reason.MALFORMED
    return caught.value


def document() -> dict[str, object]:
    """Return the study's fields as JSON holds them."""
    value = canonical.decode(to_bytes(STUDY))
    assert isinstance(value, dict)
    return dict(value)


def test_a_study_is_read_back_as_it_was_written() -> None:
    """The bytes are canonical, and the digest is theirs."""
    data = to_bytes(STUDY)
    assert from_bytes(data) == STUDY
    assert canonical.encode(canonical.decode(data)) == data
    assert STUDY.digest == canonical.digest(data)


@pytest.mark.parametrize("name", [item.name for item in fields(STUDY)])
def test_every_field_is_needed(name: str) -> None:
    """No default fills a gap in what was signed: one study has one sequence of bytes."""
    whole = document()
    del whole[name]
    assert refused(canonical.encode(whole)).details["field"] == name


def test_an_unknown_field_is_refused() -> None:
    """A newer side's field is not silently dropped."""
    assert refused(canonical.encode({**document(), "note": ""})).details["field"] == "note"


def test_a_field_that_stands_twice_is_refused() -> None:
    """Two parsers could read it differently."""
    twice = to_bytes(STUDY).replace(b'"version":1', b'"version":1,"version":1')
    assert refused(twice).details["rule"] == "a key stands twice"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("version", "1"),
        ("version", True),
        ("version", 2),
        ("not_after", "2026-13-01T00:00:00.000Z"),
        ("not_after", "2026-12-01"),
        ("people", []),
        ("network", "Heart Net"),
    ],
)
def test_a_field_of_another_type_is_refused(field: str, wrong: object) -> None:
    """A text is no number, and a thirteenth month no month."""
    assert refused(canonical.encode({**document(), field: wrong})).details["field"] == field


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("data.columns", ("sex", "age")),
        ("data.columns", ("age", "age")),
        ("people", tuple(reversed(STUDY.people))),
        ("people", ()),
        ("output.methods", (Method("summary", 1), Method("count", 1))),
        ("output.methods", ()),
        ("output.minimum_patients", 9),
        ("output.quota", 0),
        ("output.quota", True),
        ("setting.hospitals", ()),
        ("setting.hospitals", ("b", "a")),
        ("setting.minimum_hospitals", 0),
        ("setting.minimum_hospitals", 4),
        ("setting.mode", "open"),
        ("project.title", ""),
        ("project.title", "two\nlines"),
        ("project.title", "turned \u202eround"),
        ("project.summary", "a bell \a"),
        ("project.ethics", ""),
    ],
)
def test_a_study_that_cannot_be_meant_is_refused(field: str, wrong: object) -> None:
    """Thresholds have a floor, lists one order, and texts show what they say."""
    with pytest.raises(ValidationError):
        changed(STUDY, field, wrong)


def test_all_hospitals_may_be_needed() -> None:
    """A study of three hospitals may rest every answer on all three."""
    study = changed(STUDY, "setting.minimum_hospitals", 3)
    assert from_bytes(to_bytes(study)) == study


def test_the_purposes_are_those_of_the_pinned_release() -> None:
    """Codes, shorthands and labels are the ontology's own, compared with its published list."""
    ours = {f"{code} {code.name} {LABELS[code]}" for code in [*Permission, *Modifier]}
    assert ours == set(CODES.strip().splitlines())


INSIDE = [
    (Permission.GRU, Permission.NRES),
    (Permission.HMB, Permission.NRES),
    (Permission.HMB, Permission.GRU),
    (Permission.POA, Permission.NRES),
    (Permission.POA, Permission.GRU),
    (Permission.DS, Permission.NRES),
    (Permission.DS, Permission.GRU),
    (Permission.DS, Permission.HMB),
]
HEART = "MONDO:0005267"


def of(permission: Permission, *modifiers: Modifier) -> Purpose:
    """Return a purpose, about heart disease where one is needed."""
    diseases = (HEART,) if permission is Permission.DS else ()
    return purpose(permission, *modifiers, diseases=diseases)


@pytest.mark.parametrize("inner", Permission)
@pytest.mark.parametrize("outer", Permission)
def test_permissions_lie_within_each_other_as_the_ontology_defines(
    inner: Permission, outer: Permission
) -> None:
    """Health research is research, and does not cover the study of ancestry."""
    within = inner is outer or (inner, outer) in INSIDE
    assert (not list(excess(of(inner), of(outer)))) == within


def test_a_narrower_purpose_bears_every_modifier_of_the_wider() -> None:
    """A modifier more is narrower, a modifier less is named."""
    free, bound = of(Permission.HMB), of(Permission.HMB, Modifier.NCU, Modifier.PUB)
    assert list(excess(bound, free)) == []
    assert list(excess(free, bound)) == [
        "publication required is a condition (DUO:0000019)",
        "non-commercial use only is a condition (DUO:0000046)",
    ]


def test_a_disease_that_was_not_named_is_beyond_the_purpose() -> None:
    """Diseases are compared by their codes."""
    one = of(Permission.DS)
    two = purpose(Permission.DS, diseases=(HEART, "MONDO:0005311"))
    assert list(excess(one, two)) == []
    assert list(excess(two, one)) == ["MONDO:0005311 is not one of the diseases"]


@pytest.mark.parametrize(
    ("permission", "diseases"),
    [(Permission.DS, ()), (Permission.HMB, (HEART,)), (Permission.DS, ("heart disease",))],
)
def test_diseases_belong_to_disease_specific_research(
    permission: Permission, diseases: tuple[str, ...]
) -> None:
    """A purpose names diseases by code exactly where it needs them."""
    with pytest.raises(ValidationError):
        purpose(permission, diseases=diseases)


def places(kind: object, before: str = "") -> Iterator[str]:
    """Yield the place of every field of a dataclass, inner ones included."""
    if is_dataclass(kind):
        for name, hint in get_type_hints(kind).items():
            yield before + name
            yield from places(hint, f"{before}{name}.")
    for inner in get_args(kind):
        yield from places(inner, before)


def test_every_field_is_explained_to_the_researcher() -> None:
    """The template has a note on each field and on nothing else."""
    assert set(template.NOTES) == set(places(Study))


def test_a_study_survives_its_file() -> None:
    """What is written for people is read back exactly, quotes and backslashes included."""
    summary = 'A "quoted" line, a back\\slash, \\n and """,\n\n  indented\u00a0and odd: é 漢\n'
    odd = changed(changed(STUDY, "project.summary", summary), "project.title", 'A "title"\\')
    assert template.read(template.write(odd), path="study.toml") == odd
    assert template.read(template.write(STUDY), path="study.toml") == STUDY


def test_each_table_of_a_list_is_explained_once() -> None:
    """A long list of people stays readable: the first one carries the notes."""
    _, first, second = template.write(STUDY).split("[[people]]")
    assert "# Its id within the network." in first
    assert "# Its id within the network." not in second


def test_a_summary_keeps_its_lines_in_the_file() -> None:
    """People edit it as they would read it."""
    assert f'summary = """\n{STUDY.project.summary}"""\n' in template.write(STUDY)


def test_the_order_in_a_file_does_not_matter() -> None:
    """A researcher writes lists as they come to mind."""
    text = template.write(STUDY)
    shuffled = text.replace('["age", "sex"]', '["sex", "age"]').replace(
        '["a", "b", "c"]', '["c", "a", "b"]'
    )
    assert shuffled != text
    assert template.read(shuffled, path="study.toml") == STUDY


def test_people_and_methods_may_stand_in_any_order() -> None:
    """Tables are sorted by their names, and versions as numbers."""
    methods = (Method("count", 2), Method("count", 10))
    study = changed(STUDY, "output.methods", methods)
    head, *people = template.write(study).split("[[people]]")
    last, rest = people[-1].split("\n\n", 1)
    text = "[[people]]".join([head, last + "\n", people[0].rstrip() + "\n\n" + rest])
    one, two = "version = 2", "version = 10"
    swapped = text.replace(one, "version = x").replace(two, one).replace("version = x", two)
    assert template.read(swapped, path="study.toml") == study


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2027-12-31", datetime(2027, 12, 31, tzinfo=UTC)),
        ("2027-12-31T12:30:00", datetime(2027, 12, 31, 12, 30, tzinfo=UTC)),
        ("2027-12-31T12:30:00+01:00", datetime(2027, 12, 31, 11, 30, tzinfo=UTC)),
    ],
)
def test_the_end_may_be_a_date(written: str, meant: datetime) -> None:
    """A day begins at midnight UTC."""
    text = template.write(STUDY).replace(f'"{STUDY.not_after}"', written)
    assert template.read(text, path="study.toml").not_after == clock.to_moment(meant)


def invalid(text: str) -> tuple[str, str]:
    """Return the field and the rule for which a file is refused."""
    with pytest.raises(WardnetError) as caught:
        template.read(text, path="study.toml")
    assert caught.value.reason is Reason.STUDY_INVALID
    assert "study.toml" in str(caught.value)
    return caught.value.details["field"], caught.value.details["rule"]


def test_a_template_that_was_not_filled_in_is_refused() -> None:
    """The first empty field is named."""
    draft = canonical.decode(to_bytes(STUDY))
    assert isinstance(draft, dict)
    assert isinstance(draft["project"], dict)
    draft["project"]["title"] = ""
    assert invalid(template.write_draft(draft))[0] == "project.title"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (key("ben"), "f00", "people.ben.key"),
        ('"sex"', '"the sex"', "data.columns.the sex"),
        ("quota = 50", "quota = 0", "output.quota"),
        ("quota = 50", "quote = 50", "output.quota"),
        ("quota = 50", "", "output.quota"),
        ("quota = 50", "quota = 12:00:00", "output.quota"),
        ("version = 1", "version = true", "version"),
        ("version = 1", "version = 9999-12-31T23:59:59-01:00", "the document"),
        ("version = 1", "version = ", "the document"),
        ("version = 1", "version = " + "[" * 10_000, "the document"),
    ],
)
def test_a_mistake_in_a_file_is_named_by_its_place(old: str, new: str, field: str) -> None:
    """An entry of a list is named by its own name."""
    text = template.write(STUDY)
    assert old in text
    assert invalid(text.replace(old, new, 1))[0] == field


def test_a_study_is_one_value() -> None:
    """Equal studies have equal digests, and any change another one."""
    assert replace(STUDY).digest == STUDY.digest
    assert changed(STUDY, "output.quota", 49).digest != STUDY.digest
