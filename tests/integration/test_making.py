"""A parcel's rows hold what the grant selects, as the preview said, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.extracts import GRANT, extract, made, put_list, read_bytes, rules
from support.parcels import Exchange
from support.vaults import VISITS, Home, adopt, visits, write_csv
from wardnet.errors import Reason, WardnetError
from wardnet.question.conditions import Between, Compare
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.sealing.header import ROWS, ROWS_MEDIA_TYPE
from wardnet.sharing.deidentification import Band, Keep, Patient, Period, Shift, Span
from wardnet.sharing.result import result
from wardnet_node.sharing.giving.extract import Selection, open_extract
from wardnet_node.sharing.giving.make import make
from wardnet_node.sharing.giving.preview import Preview, preview
from wardnet_node.vault import load as loads

ROWS_LOADED, PATIENTS = 900, 250
FRAME = visits(ROWS_LOADED, seed=3, patients=PATIENTS)
EVERY = {"age": Keep(), "mass": Keep(), "score": Keep(), "seen": Keep(), "sex": Keep()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return a home that holds `visits` in several segments, loaded twice over."""
    folder = tmp_path_factory.mktemp("making")
    home = Home(folder / "home")
    adopt(home)
    with pytest.MonkeyPatch.context() as patch, home.vault() as vault:
        patch.setattr(loads, "SEGMENT_ROWS", 200)
        vault.load("visits", write_csv(FRAME[:500], folder / "a.csv"))
        vault.load("visits", write_csv(FRAME[500:], folder / "a.csv"), append=True)
    return home


@pytest.fixture
def listed(home: Home) -> Iterator[Home]:
    """Return the home, to load a list that is gone after the test."""
    yield home
    with home.catalog() as catalog, catalog.transaction() as connection:
        connection.execute("DELETE FROM consent_lists")


def rows_of(frame: pd.DataFrame, columns: list[str]) -> list[tuple[str, ...]]:
    """Return rows in an order of their own, to compare them as sets."""
    plain = frame[columns].astype(object).where(frame[columns].notna(), "")
    return sorted(tuple(map(_plain, row)) for row in plain.itertuples(index=False))


def _plain(value: object) -> str:
    return (
        f"{float(str(value)):.9g}" if re.fullmatch(r"-?[\d.]+(e-?\d+)?", str(value)) else str(value)
    )


def test_everything_kept_is_the_loaded_table(home: Home) -> None:
    """Every row once, every value as it was, missing ones missing, ids turned back."""
    found, dictionary = made(extract(home, rules(EVERY, Patient.KEEP)))
    columns = ["record", *EVERY]
    assert set(found.columns) == set(columns)
    assert rows_of(found, columns) == rows_of(FRAME, columns)
    assert found["age"].isna().sum() == FRAME["age"].isna().sum() > 0
    assert dictionary.patient == "record"


def test_columns_that_were_not_granted_are_nowhere_in_the_file(home: Home, tmp_path: Path) -> None:
    """Neither their names nor the ids, in the dictionary or the rows."""
    data = read_bytes(extract(home, rules({"sex": Keep(), "seen": Shift(9)})), tmp_path / "rows")
    for name in (b"note", b"mass", b"score", b'"age"', b"R0000"):
        assert name not in data
    found, dictionary = made(extract(home, rules({"sex": Keep()}, Patient.DROP)))
    assert list(found.columns) == ["sex"]
    assert [column.name for column in dictionary.columns] == ["sex"]


def test_a_pseudonym_links_the_rows_of_a_patient_and_of_nobody_else(home: Home) -> None:
    """As many pseudonyms as patients; under another grant all are others."""
    one, _ = made(extract(home, rules(EVERY)))
    other, _ = made(extract(home, rules(EVERY), grant="b" * 64))
    again, _ = made(extract(home, rules(EVERY)))
    sizes = sorted(FRAME.groupby("record").size())
    assert sorted(one.groupby("record").size()) == sizes
    assert set(one["record"]).isdisjoint(other["record"])
    assert set(one["record"]) == set(again["record"])
    assert set(one["record"]).isdisjoint(FRAME["record"])


def test_all_dates_of_a_patient_move_alike_and_otherwise_under_another_grant(home: Home) -> None:
    """The number of days is one per patient and grant, and never more than was granted."""
    shifts = []
    for grant in (GRANT, "b" * 64):
        found, _ = made(
            extract(home, rules({"score": Keep(), "seen": Shift(30)}, Patient.KEEP), grant=grant)
        )
        joined = found.merge(FRAME, on=["record", "score"], suffixes=("", "_true"))
        days = (pd.to_datetime(joined["seen"]) - pd.to_datetime(joined["seen_true"])).dt.days
        by_patient = days.groupby(joined["record"])
        assert len(joined) == ROWS_LOADED
        assert (by_patient.max() == by_patient.min()).all()
        assert days.abs().max() <= 30
        assert by_patient.first().nunique() > 20
        shifts.append(by_patient.first())
    assert (shifts[0] != shifts[1]).mean() > 0.9
    assert abs(shifts[0].corr(shifts[1])) < 0.4


@pytest.mark.parametrize("part_bytes", [1 << 26, 4_000])
def test_the_order_of_rows_tells_nothing(home: Home, part_bytes: int) -> None:
    """Made twice, whole or in parts, rows follow no order: of the file, the ids or the dates."""
    one, again = (
        made(
            extract(home, rules({"score": Keep(), "seen": Keep()}, Patient.KEEP)),
            part_bytes=part_bytes,
        )[0]
        for _ in range(2)
    )
    place = {score: number for number, score in enumerate(FRAME["score"])}
    orders = [
        one["score"].map(place).to_numpy(),
        one["record"].rank().to_numpy(),
        pd.to_datetime(one["seen"]).rank().to_numpy(),
        again.reset_index().set_index("score")["index"].loc[one["score"]].to_numpy(),
    ]
    leaves = np.arange(ROWS_LOADED)
    for order in orders:  # 900 rows: a standard error is 0.033
        assert abs(np.corrcoef(leaves, order)[0, 1]) < 0.2
    # Rows of one patient lie no nearer to each other than chance has it: 900 / 250 of 900.
    neighbours = (one["record"].to_numpy()[1:] == one["record"].to_numpy()[:-1]).sum()
    assert neighbours < 20
    assert rows_of(one, ["record", "score"]) == rows_of(again, ["record", "score"])


def test_no_rare_combination_is_left(home: Home) -> None:
    """Over all rows of the parcel, counting patients: a patient with many rows hides nowhere."""
    granted = rules(
        {"age": Band("20"), "seen": Period(Span.YEAR), "sex": Keep()},
        groups=("age", "seen", "sex"),
        minimum=4,
    )
    found, _ = made(extract(home, granted))
    everything, _ = made(
        extract(home, rules({"age": Band("20"), "seen": Period(Span.YEAR), "sex": Keep()}))
    )
    names = ["age", "seen", "sex"]
    before = everything.fillna("").groupby(names)["record"].nunique()
    after = found.fillna("").groupby(names)["record"].nunique()
    assert before.min() < 4 <= after.min()
    pd.testing.assert_series_equal(after, before[before >= 4])
    said = preview(extract(home, granted))
    assert (said.rows, said.patients) == (len(found), found["record"].nunique())
    assert said.rows_rare == len(everything) - len(found)
    assert (said.smallest_group, said.smallest_group_left) == (before.min(), after.min())


def test_a_cohort_and_a_list_of_patients_select_together(home: Home) -> None:
    """Only rows in the cohort, of the patients named; ids that are not there are counted."""
    named = ("R000001", "R000007", "R000042", "R999999")
    cohort = Compare("age", ">=", "40")
    one = extract(home, rules({"age": Keep()}, Patient.KEEP), cohort=cohort, patients=named)
    found, _ = made(one)
    expected = FRAME[FRAME["record"].isin(named) & (FRAME["age"] >= 40)]
    assert rows_of(found, ["record", "age"]) == rows_of(expected, ["record", "age"])
    assert preview(one).patients_unknown == 1


def test_who_objected_never_leaves(listed: Home) -> None:
    """Not even when asked for by name, and under a grant from before the objection."""
    objected = ["R000001", "R000007", "R777777"]
    put_list(listed, [" R000001 ", *objected])
    one = extract(listed, rules(EVERY, Patient.KEEP))
    found, _ = made(one)
    assert set(found["record"]) == set(FRAME["record"]) - set(objected)
    said = preview(one)
    assert said.patients_withheld == 2
    assert said.consent is not None
    assert (said.consent.listed, said.consent.present, said.consent.only_listed) == (3, 2, False)
    asked = extract(listed, rules({"age": Keep()}), patients=("R000001",))
    with pytest.raises(WardnetError) as caught:
        made(asked)
    assert caught.value.reason is Reason.NOTHING_TO_SHARE
    assert preview(asked).sample == ()


def test_only_those_who_agreed_leave(listed: Home) -> None:
    """A list of consents keeps everybody else here."""
    put_list(listed, ["R000001", "R000007"], only_listed=True)
    found, _ = made(extract(listed, rules(EVERY, Patient.KEEP)))
    assert set(found["record"]) == {"R000001", "R000007"}


def test_a_patient_who_comes_after_the_objection_is_held_back_too(tmp_path: Path) -> None:
    """The list is of patients, not of rows: the next load finds them in it."""
    home = Home(tmp_path / "home")
    adopt(home)
    first, later = visits(30, patients=3), visits(30, seed=1, patients=6)
    with home.vault() as vault:
        vault.load("visits", write_csv(first, tmp_path / "a.csv"))
    put_list(home, ["R000005"])
    with home.vault() as vault:
        vault.load("visits", write_csv(later, tmp_path / "a.csv"), append=True)
    assert "R000005" in set(later["record"])
    found, _ = made(extract(home, rules({"sex": Keep()}, Patient.KEEP)))
    assert set(found["record"]) == set(first["record"]) | set(later["record"]) - {"R000005"}


def test_the_preview_says_exactly_what_leaves(home: Home) -> None:
    """Its columns, counts and snapshot are those of the file that is made."""
    granted = rules(
        {"age": Band("10", high="90"), "mass": Keep(), "seen": Shift(20), "sex": Keep()}
    )
    cohort = Between("seen", "2005-01-01", "2020-12-31")
    one = extract(home, granted, cohort=cohort)
    said = preview(one)
    found, dictionary = made(one)
    assert [column.name for column in said.columns] == list(found.columns)
    assert dictionary == result(VISITS, granted)
    assert (said.rows, said.patients) == (len(found), found["record"].nunique())
    assert said.removed == ("note", "score")
    assert said.told_by_cohort == ("seen",)
    changes = {column.name: column.change for column in said.columns}
    assert changes == {
        "record": "replaced by a pseudonym of this grant",
        "sex": "as it is",
        "age": "lower end of bands of 10; 90 stands for 90 and more",
        "mass": "as it is",
        "seen": "shifted by up to 20 days, alike for all dates of a patient",
    }
    assert said.snapshot == one.snapshot.id
    assert said.smallest_group == min(found["record"].nunique(), said.at_most)


def test_the_sample_shows_rows_that_leave(home: Home) -> None:
    """Three rows of three patients, as the file has them."""
    one = extract(home, rules(EVERY, Patient.KEEP), cohort=Compare("sex", "==", "male"))
    said, (found, _) = preview(one), made(one)
    names = [column.name for column in said.columns]
    assert len(said.sample) == 3
    assert len({row[0] for row in said.sample}) == 3
    leaving = rows_of(found, names)
    for row in rows_of(pd.DataFrame(list(said.sample), columns=names), names):
        assert row in leaving


def test_a_preview_shows_no_pseudonym_and_no_shift_of_the_grant(home: Home) -> None:
    """Two previews of one selection have nothing secret in common, nor with what leaves."""

    def look() -> Preview:
        return preview(extract(home, rules({"seen": Shift(300)}), grant=None))

    shown = [{row[0] for row in look().sample} for _ in range(2)]
    found, _ = made(extract(home, rules({"seen": Shift(300)})))
    assert shown[0].isdisjoint(shown[1])
    assert (shown[0] | shown[1]).isdisjoint(found["record"])


def test_a_snapshot_that_was_granted_is_shared_or_nothing(tmp_path: Path) -> None:
    """The one before the last load is still kept; an older one, or a false one, is not."""
    home = Home(tmp_path / "home")
    adopt(home)
    ids = []
    for seed in range(3):
        with home.vault() as vault:
            table = write_csv(visits(40 + seed, seed=seed), tmp_path / "a.csv")
            ids.append(vault.load("visits", table).snapshot.id)
    assert len(made(extract(home, rules({"sex": Keep()}), snapshot=ids[1]))[0]) == 41
    for gone in (ids[0], "2:" + "0" * 64, "9:" + "0" * 64):
        with pytest.raises(WardnetError) as caught:
            extract(home, rules({"sex": Keep()}), snapshot=gone)
        assert caught.value.reason is Reason.SNAPSHOT_GONE


def test_rows_under_another_dictionary_than_was_asked_for_are_not_shared(home: Home) -> None:
    """A column of the same name may mean something else in them."""
    digest = VISITS.digest
    assert len(made(extract(home, rules({"sex": Keep()}), dictionary=digest))[0]) == ROWS_LOADED
    with pytest.raises(WardnetError) as caught:
        extract(home, rules({"sex": Keep()}), dictionary="0" * 64)
    assert caught.value.reason is Reason.DICTIONARY_OUTDATED


def test_a_number_without_a_way_back_is_not_shared_as_it_is(tmp_path: Path) -> None:
    """More than 16 bytes: refused in words at the preview already; a pseudonym is possible."""
    home = Home(tmp_path / "home")
    adopt(home)
    frame = visits(20)
    frame.loc[7, "record"] = "a record number of more than 16 bytes"
    frame.loc[8, "record"] = "sixteen bytes ä!"[:15]
    with home.vault() as vault:
        vault.load("visits", write_csv(frame, tmp_path / "a.csv"))
    for doing in (preview, made):
        with pytest.raises(WardnetError) as caught:
            doing(extract(home, rules({"sex": Keep()}, Patient.KEEP)))
        assert caught.value.reason is Reason.PATIENT_ID_TOO_LONG
    assert len(made(extract(home, rules({"sex": Keep()})))[0]) == 20
    others = tuple(sorted(set(frame["record"]) - {frame.loc[7, "record"]}))
    found, _ = made(extract(home, rules({"sex": Keep()}, Patient.KEEP), patients=others))
    assert set(found["record"]) == set(others)


def test_rows_that_are_their_own_patients_are_shared_without_ids(tmp_path: Path) -> None:
    """Each moves by a shift of its own; a list of patients or of objections means nothing."""
    alone = Dictionary(
        name="visits",
        version=1,
        columns=(
            Column(name="day", type=ColumnType.DATE, minimum="2000-01-01", maximum="2030-12-31"),
            Column(name="sex", type=ColumnType.CATEGORY, levels=("f", "m")),
        ),
    )
    home = Home(tmp_path / "home")
    adopt(home, alone)
    table = pd.DataFrame({"day": ["2010-06-01"] * 200, "sex": ["f", "m"] * 100})
    with home.vault() as vault:
        vault.load("visits", write_csv(table, tmp_path / "a.csv"))
    granted = rules({"day": Shift(100), "sex": Keep()}, Patient.DROP, groups=("sex",), minimum=100)
    one = extract(home, granted)
    found, _ = made(one)
    assert len(found) == 200
    assert found["day"].nunique() > 50
    assert (preview(one).patients, preview(one).smallest_group_left) == (200, 100)
    for doing in (
        lambda: extract(home, rules({"sex": Keep()}, Patient.DROP), patients=("R1",)),
        lambda: put_list(home, ["R1"]),
    ):
        with pytest.raises(WardnetError) as caught:
            doing()
        assert caught.value.reason is Reason.PATIENTS_NOT_NAMED


def test_rows_go_into_a_sealed_parcel_and_come_out_of_it(home: Home, tmp_path: Path) -> None:
    """The writer of parcels takes what is made as it comes."""
    two = Exchange()
    done: list[tuple[int, int]] = []
    with two.writer(tmp_path) as parcel:
        with parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink:
            one = extract(home, rules(EVERY))
            found = make(one, sink, part_bytes=9000, progress=lambda *rows: done.append(rows))
        sealed = parcel.seal()
    assert found.rows == ROWS_LOADED
    assert done == sorted(done)
    assert done[-1] == (ROWS_LOADED, ROWS_LOADED)
    assert sealed.header.parts[0].length > 0
    assert {path.suffix for path in tmp_path.iterdir()} == {".header", ".body"}


def test_a_dataset_that_is_not_there_is_not_shared(home: Home) -> None:
    """Unknown and forbidden read the same."""
    selection = Selection("elsewhere", Compare("age", ">", "1"), (), rules({"age": Keep()}))
    one = extract(home, rules({"age": Keep()}))
    with home.vault() as vault, pytest.raises(WardnetError) as caught:
        open_extract(vault, one.consent, selection)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.DATASET_UNAVAILABLE
