"""A parcel that is not what was granted and announced is refused whole, and leaves nothing."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.hospital import Hospital
from support.lending import Lending, granted, lending, lending_hospitals
from support.pki import TestNetwork
from support.vaults import visits
from wardnet.audit.entry import Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Dictionary, from_bytes
from wardnet.sealing.frames import SEALED_BYTES
from wardnet.sealing.header import Label
from wardnet.sealing.hpke import HybridKey, public_key
from wardnet.sharing.deidentification import Patient
from wardnet_node.desk.shares.state import Share
from wardnet_node.sharing.carrying.spool import Sealed
from wardnet_node.sharing.giving.table import DICTIONARY_KEY, schema

NOISE = np.random.default_rng(1).bytes(3 << 20)


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture(scope="module")
def hospitals(network: TestNetwork, tmp_path_factory: pytest.TempPathFactory) -> list[Hospital]:
    """Return hospitals a and b."""
    return lending_hospitals(network, tmp_path_factory.mktemp("lending"), visits(300))


@pytest.fixture
def lent(network: TestNetwork, hospitals: list[Hospital]) -> Iterator[Lending]:
    """Return what b does with what a lends."""
    with lending(network, hospitals) as opened:
        yield opened


def things(lent: Lending) -> tuple[set[Path], str, int]:
    """Return what opening changes: segments, keyring, and how many datasets there are."""
    home = lent.b.hospital.home
    with lent.b.hospital.vault() as vault:
        count = len(vault.datasets())
    return set((home / "vault" / "seg").iterdir()), (home / "keyring.json").read_text(), count


def refused(lent: Lending, share: Share) -> WardnetError:
    """Return why b does not open; nothing of it is stored, and the log says so."""
    before = things(lent)
    with pytest.raises(WardnetError) as error:
        lent.recipient.open_parcel(share.digest)
    assert things(lent) == before
    last = lent.b.entries()[-1]
    assert (last.type.value, last.outcome) == ("share_opened", Outcome.REFUSED)
    assert last.reason is error.value.reason
    return error.value


def flip(path: Path, place: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


REGIONS: dict[str, tuple[Callable[[Sealed], Path], int]] = {
    "the header's first byte": (lambda of: of.header, 0),
    "the header's encapsulated key": (lambda of: of.header, 1000),
    "the header's ciphertext": (lambda of: of.header, 1500),
    "the header's tag": (lambda of: of.header, -1),
    "the rows": (lambda of: of.body, 10),
    "the tag of a frame": (lambda of: of.body, SEALED_BYTES - 1),
    "an attachment": (lambda of: of.body, 2 * SEALED_BYTES + 5),
    "the last tag": (lambda of: of.body, -1),
}


@pytest.mark.parametrize("region", REGIONS)
def test_a_flipped_byte_is_found(lent: Lending, region: str) -> None:
    """In every region of both files, before a row or an attachment is taken."""
    share = lent.fetched({"scan.dcm": NOISE})
    which, place = REGIONS[region]
    flip(which(lent.files(share)), place)
    in_header = region.startswith("the header")
    expected = Reason.SIGNATURE_INVALID if in_header else Reason.PARCEL_DAMAGED
    assert refused(lent, share).reason is expected


@pytest.mark.parametrize("cut", [1, SEALED_BYTES])
def test_a_cut_parcel_is_found(lent: Lending, cut: int) -> None:
    """Within a frame and at its border; it can be fetched again then."""
    share = lent.fetched({"scan.dcm": NOISE})
    body = lent.files(share).body
    body.write_bytes(body.read_bytes()[:-cut])
    assert refused(lent, share).reason is Reason.PARCEL_DAMAGED
    assert not body.exists()


def test_swapped_frames_are_found(lent: Lending) -> None:
    """Each is whole, and in the wrong place."""
    share = lent.fetched({"scan.dcm": NOISE})
    body = lent.files(share).body
    data = body.read_bytes()
    one, two = data[:SEALED_BYTES], data[SEALED_BYTES : 2 * SEALED_BYTES]
    body.write_bytes(two + one + data[2 * SEALED_BYTES :])
    assert refused(lent, share).reason is Reason.PARCEL_DAMAGED


def test_the_parcel_of_another_share_is_refused(lent: Lending) -> None:
    """Though it is from the same hospital to the same one, and whole."""
    one, two = lent.fetched(), lent.fetched()
    for source, target in zip(
        (lent.files(one).header, lent.files(one).body),
        (lent.files(two).header, lent.files(two).body),
        strict=True,
    ):
        target.write_bytes(source.read_bytes())
    assert refused(lent, two).reason is Reason.SIGNATURE_INVALID


def label(grant: str, *, recipient: str = "b") -> Label:
    """Return whose a parcel is."""
    return Label(network="heartnet", grant=grant, sender="a", recipient=recipient)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda _: {"recipient": public_key(HybridKey.generate())}, Reason.SIGNATURE_INVALID),
        (
            lambda share: {"label": label(granted(share).digest, recipient="c")},
            Reason.SIGNATURE_INVALID,
        ),
        (lambda _: {"label": label("1" * 64)}, Reason.SIGNATURE_INVALID),
        (lambda _: {"snapshot": "9:" + "2" * 64}, Reason.PARCEL_REFUSED),
    ],
    ids=["another key", "another recipient", "another grant", "another snapshot"],
)
def test_a_parcel_that_was_sealed_otherwise_is_refused(
    lent: Lending, change: Callable[[Share], dict[str, Any]], reason: Reason
) -> None:
    """Even where its owner has announced it."""
    share = lent.grant(lent.ask())
    share = lent.deliver(share, lent.seal(share, **change(share)))
    assert refused(lent, share).reason is reason


def test_a_parcel_that_another_hospital_has_sealed_is_refused(lent: Lending) -> None:
    """The recipient itself, say, who alone can also open it."""
    share = lent.grant(lent.ask())
    signer = lent.b.hospital.credentials.signer
    share = lent.deliver(share, lent.seal(share, signer=signer))
    assert refused(lent, share).reason is Reason.PARCEL_REFUSED


def test_an_earlier_parcel_in_the_place_of_the_announced_one_is_refused(lent: Lending) -> None:
    """The digest that the owner has signed names one parcel."""
    share = lent.grant(lent.ask())
    earlier = lent.seal(share)
    share = lent.deliver(share, lent.seal(share))
    lent.files(share).header.write_bytes(earlier.header.read_bytes())
    lent.files(share).body.write_bytes(earlier.body.read_bytes())
    assert refused(lent, share).reason is Reason.PARCEL_REFUSED


def honest(lent: Lending) -> pa.Table:
    """Return the rows that a sends."""
    sink = io.BytesIO()
    lent.make(lent.grant(lent.ask()), sink)
    return pq.read_table(sink)


def parquet(table: pa.Table) -> bytes:
    """Return a table as a file."""
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def described(table: pa.Table) -> Dictionary:
    """Return the dictionary in a table."""
    return from_bytes(table.schema.metadata[DICTIONARY_KEY])


def with_values(table: pa.Table, name: str, values: Any) -> pa.Table:  # noqa: ANN401 - arrow
    """Return a table with another column in the place of one."""
    field = table.schema.field(name)
    place = table.schema.get_field_index(name)
    return table.set_column(place, field, pa.array(values, type=field.type))


def redescribed(table: pa.Table, **changes: Any) -> pa.Table:  # noqa: ANN401 - of any field
    """Return a table that says something else of itself, and is of that form."""
    made = replace(described(table), **changes)
    return table.select([column.name for column in made.columns]).cast(schema(made))


ROWS: dict[str, Callable[[pa.Table], bytes]] = {
    "no Parquet": lambda _: b"PAR1 or so PAR1",
    "nothing": lambda _: b"",
    "no dictionary": lambda table: parquet(table.replace_schema_metadata(None)),
    "another dataset": lambda table: parquet(redescribed(table, name="cardiology")),
    "a column too few": lambda table: parquet(
        redescribed(table, columns=described(table).columns[:-1])
    ),
    "a column more than described": lambda table: parquet(
        table.append_column("more", pa.array([1] * len(table)))
    ),
    "a code without a level": lambda table: parquet(with_values(table, "sex", [2] * len(table))),
    "a code below missing": lambda table: parquet(with_values(table, "age", [-2] * len(table))),
    "an endless value": lambda table: parquet(
        with_values(table, "score", [float("inf")] * len(table))
    ),
    "a long number": lambda table: parquet(with_values(table, "record", ["x" * 17] * len(table))),
    "an empty number": lambda table: parquet(with_values(table, "record", [""] * len(table))),
    "a number with an escape": lambda table: parquet(
        with_values(table, "record", ["\x1b[2J"] * len(table))
    ),
    "no row": lambda table: parquet(table.slice(0, 0)),
    "other types": lambda table: parquet(
        table.set_column(
            table.schema.get_field_index("age"), "age", pa.array([1] * len(table), pa.int64())
        )
    ),
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_are_not_what_was_granted_are_refused(lent: Lending, case: str) -> None:
    """Though the owner's node has signed them; the refusal names no value."""
    share = lent.grant(lent.ask())
    share = lent.deliver(share, lent.seal(share, rows=ROWS[case](honest(lent))))
    error = refused(lent, share)
    assert error.reason is Reason.PARCEL_REFUSED
    assert "\x1b" not in str(error)


def test_patients_numbers_that_were_to_be_dropped_are_refused(lent: Lending) -> None:
    """The recipient keeps no more than it was granted, even where the owner sends more."""
    rows = parquet(honest(lent))
    share = lent.grant(lent.ask(), patient=Patient.DROP)
    share = lent.deliver(share, lent.seal(share, rows=rows))
    assert "numbers or pseudonyms" in str(refused(lent, share))
