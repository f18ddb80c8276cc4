"""Grants over small vaults, and what comes out of them."""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from support.vaults import Home
from wardnet.question.conditions import EVERYONE, Cohort
from wardnet.question.dictionary import Dictionary, from_bytes
from wardnet.sharing.deidentification import ColumnRule, Deidentification, Patient, Rule
from wardnet_node.sharing.giving.consent import Consent
from wardnet_node.sharing.giving.extract import Extract, Selection, open_extract
from wardnet_node.sharing.giving.make import PART_BYTES, make
from wardnet_node.sharing.giving.table import DICTIONARY_KEY

GRANT = "a" * 64


def rules(
    columns: Mapping[str, Rule],
    patient: Patient = Patient.PSEUDONYM,
    *,
    groups: tuple[str, ...] = (),
    minimum: int = 1,
) -> Deidentification:
    """Return the rules of some columns."""
    named = tuple(ColumnRule(name, rule) for name, rule in sorted(columns.items()))
    return Deidentification(patient, named, groups, minimum)


@contextmanager
def consent_of(home: Home) -> Iterator[Consent]:
    """Open the consent lists, as a command does."""
    with home.catalog() as catalog, home.vault() as vault:
        yield Consent(catalog, vault, member=home.member)


def put_list(home: Home, ids: Iterable[str], *, only_listed: bool = False) -> None:
    """Load a consent list of `visits`."""
    path = home.folder / "list.txt"
    path.write_text("\n".join(ids))
    with consent_of(home) as consent:
        consent.load("visits", path, only_listed=only_listed)
    path.unlink()


def extract(
    home: Home,
    deidentification: Deidentification,
    *,
    cohort: Cohort = EVERYONE,
    patients: tuple[str, ...] = (),
    grant: str | None = GRANT,
    snapshot: str | None = None,
    dictionary: str | None = None,
) -> Extract:
    """Open what a grant over `visits` selects."""
    selection = Selection("visits", cohort, patients, deidentification, dictionary)
    with home.vault() as vault, consent_of(home) as consent:
        return open_extract(vault, consent, selection, grant=grant, snapshot=snapshot)


def made(one: Extract, *, part_bytes: int = PART_BYTES) -> tuple[pd.DataFrame, Dictionary]:
    """Return the rows that leave, as text where they have a value, and their dictionary."""
    sink = io.BytesIO()
    found = make(one, sink, part_bytes=part_bytes)
    file = pq.ParquetFile(io.BytesIO(sink.getvalue()))
    dictionary = from_bytes(file.schema_arrow.metadata[DICTIONARY_KEY])
    assert dictionary == found.dictionary
    frame = file.read().to_pandas()
    for column in dictionary.columns:
        if column.cells is not None:
            frame[column.name] = [
                None if code < 0 else column.text(code) for code in frame[column.name]
            ]
    assert len(frame) == found.rows
    return frame, dictionary


def read_bytes(one: Extract, path: Path) -> bytes:
    """Make a file and return its bytes."""
    with path.open("wb") as sink:
        make(one, sink)
    return path.read_bytes()
