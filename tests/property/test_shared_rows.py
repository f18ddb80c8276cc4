"""Whatever is granted of whatever table: what leaves is what a plain loop over the rows says."""

import io
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.extracts import rules
from wardnet.errors import Reason, WardnetError
from wardnet.question.conditions import EVERYONE, Cohort, Compare
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.sharing.deidentification import (
    Band,
    Deidentification,
    Keep,
    Patient,
    Period,
    Prefix,
    Rule,
    Shift,
    Span,
)
from wardnet_node.sharing.giving.deidentify import Deidentifier
from wardnet_node.sharing.giving.extract import Extract, Selection
from wardnet_node.sharing.giving.grant_secret import GrantSecret
from wardnet_node.sharing.giving.make import make
from wardnet_node.sharing.giving.preview import preview
from wardnet_node.vault import segments
from wardnet_node.vault.patients import StoredPatients
from wardnet_node.vault.snapshot import PATIENT, SegmentRef, Snapshot

PATIENTS = 6
DICTIONARY = Dictionary(
    name="d",
    version=1,
    patient="record",
    columns=(
        Column(name="record", type=ColumnType.IDENTIFIER),
        Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120"),
        Column(name="code", type=ColumnType.CATEGORY, levels=("I20", "I21", "J45")),
        Column(name="day", type=ColumnType.DATE, minimum="2020-01-01", maximum="2021-12-31"),
    ),
)
RULES: Mapping[str, tuple[Rule, ...]] = {
    "age": (Keep(), Band("40", high="80")),
    "code": (Keep(), Prefix(1)),
    "day": (Period(Span.YEAR), Shift(10)),
}
COHORTS: tuple[Cohort, ...] = (EVERYONE, Compare("age", ">=", "33"))
_SECRET = GrantSecret(bytes(32))

Row = tuple[int, int, int, int]
"""Patient, and the codes of age, code and day."""


@dataclass(frozen=True)
class Case:
    """Hold a table in segments, who may be shared, and a grant."""

    parts: list[list[Row]]
    allowed: list[bool]
    cohort: Cohort
    granted: Deidentification


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return small tables in which combinations are rare and common."""
    row = st.tuples(
        st.integers(0, PATIENTS - 1),
        st.sampled_from([-1, 30, 33, 85, 119]),
        st.integers(-1, 2),
        st.sampled_from([-1, 0, 3, 400]),
    )
    names = draw(st.sets(st.sampled_from(sorted(RULES)), min_size=1))
    chosen = {name: draw(st.sampled_from(RULES[name])) for name in sorted(names)}
    grouping = [name for name, rule in chosen.items() if not isinstance(rule, Shift)]
    groups = tuple(name for name in grouping if draw(st.booleans()))
    patient = draw(st.sampled_from([Patient.DROP, Patient.PSEUDONYM]))
    minimum = draw(st.integers(1, 4)) if groups else 1
    return Case(
        parts=draw(st.lists(st.lists(row, min_size=1, max_size=15), min_size=1, max_size=3)),
        allowed=draw(st.lists(st.booleans(), min_size=PATIENTS, max_size=PATIENTS)),
        cohort=draw(st.sampled_from(COHORTS)),
        granted=rules(chosen, patient, groups=groups, minimum=minimum),
    )


def expected(case: Case) -> tuple[Counter[tuple[str, ...]], set[int]]:
    """Return the rows that may leave, as text, and whose they are, by a plain loop."""
    pseudonyms = _SECRET.pseudonyms(np.arange(PATIENTS, dtype=np.uint32)).to_pylist()
    linked = case.granted.patient is Patient.PSEUDONYM
    rows = []
    members: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for patient, age, code, day in (row for part in case.parts for row in part):
        if case.allowed[patient] and (case.cohort is EVERYONE or age >= 33):
            values = {
                item.name: _leaves(
                    item.rule, {"age": age, "code": code, "day": day}[item.name], patient
                )
                for item in case.granted.columns
            }
            group = tuple(values[name] for name in case.granted.quasi_identifiers)
            members[group].add(patient)
            name = (str(pseudonyms[patient]),) if linked else ()
            rows.append((group, patient, (*name, *values.values())))
    left = [row for row in rows if len(members[row[0]]) >= case.granted.minimum_group]
    return Counter(values for _, _, values in left), {patient for _, patient, _ in left}


def _leaves(rule: Rule, code: int, patient: int) -> str:
    """Return one value as it leaves, written by hand for the rules of this test."""
    if code < 0:
        return ""
    first = date(2020, 1, 1)
    match rule:
        case Band():
            return str(min(code, 80) // 40 * 40)
        case Prefix():
            return "IIJ"[code]
        case Period():
            return f"{(first + timedelta(days=code)).year}-01-01"
        case Shift(days=days):
            shift = int(_SECRET.shifts(np.array([patient], dtype=np.uint32), days)[0])
            return (first + timedelta(days=code + shift)).isoformat()
        case _:
            return str(code) if code > 2 else ("I20", "I21", "J45")[code]


def opened(case: Case, folder: Path) -> Extract:
    """Write the case's table as encrypted segments, and select in it."""
    parts = [np.array(part) for part in case.parts]
    tables = [
        {
            PATIENT: part[:, 0].astype(np.uint32),
            "age": part[:, 1].astype(np.int8),
            "code": part[:, 2].astype(np.int8),
            "day": part[:, 3].astype(np.int16),
        }
        for part in parts
    ]
    refs = tuple(_written(table, folder) for table in tables)
    halves = np.arange(PATIENTS, dtype=np.uint64)
    known = _written({"pseudonym_1": halves, "pseudonym_2": halves}, folder)
    rows = sum(map(len, parts))
    return Extract(
        selection=Selection("d", case.cohort, (), case.granted),
        snapshot=Snapshot("d", 1, "1:0", DICTIONARY, refs, rows, PATIENTS),
        stored=StoredPatients("d", bytes(32), (known,)),
        deidentifier=Deidentifier(DICTIONARY, case.granted, _SECRET),
        secret=_SECRET,
        listed=None,
        allowed=np.array(case.allowed),
        consent=None,
    )


def _written(columns: dict[str, Any], folder: Path) -> SegmentRef:
    written = segments.write(columns, folder, place="n|h|d", schema="1")
    path = segments.path_of(folder, written.id)
    return SegmentRef(path, written.key, written.aad.encode(), written.rows)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(case=cases(), part_bytes=st.sampled_from([40, 1 << 20]))
def test_what_leaves_is_what_a_plain_loop_says(case: Case, part_bytes: int, tmp_path: Path) -> None:
    """Rows, columns, groups and objections; and the preview has said it."""
    one, sink = opened(case, tmp_path), io.BytesIO()
    rows, patients = expected(case)
    said = preview(one)
    assert (said.rows, said.patients) == (rows.total(), len(patients))
    if not rows:
        with pytest.raises(WardnetError) as caught:
            make(one, sink)
        assert caught.value.reason is Reason.NOTHING_TO_SHARE
        return
    made = make(one, sink, part_bytes=part_bytes)
    table = pq.read_table(io.BytesIO(sink.getvalue()))
    names = [*([] if made.dictionary.patient is None else ["record"]), *case.granted.names]
    assert sorted(table.column_names) == sorted(names)
    texts = []
    for name in names:
        values = table.column(name).to_pylist()
        if name != "record":
            column = made.dictionary.column(name)
            values = ["" if value < 0 else column.text(value) for value in values]
        texts.append(values)
    assert Counter(zip(*texts, strict=True)) == rows
    assert set(np.flatnonzero(made.leaving).tolist()) == patients
    shown = [column.name for column in said.columns]
    for row in said.sample:
        assert tuple(row[shown.index(name)] for name in names) in rows
