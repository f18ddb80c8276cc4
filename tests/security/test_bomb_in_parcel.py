"""Rows that unpack to more than a machine has end the process that decodes them, and only that."""

import io
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.lending import Lending, lending, lending_hospitals
from support.pki import TestNetwork
from support.vaults import visits
from wardnet.errors import Reason, WardnetError
from wardnet_node.desk.shares.state import State
from wardnet_node.sharing.taking import rows_process
from wardnet_node.sharing.taking.rows_process import TOO_LARGE, TOO_MUCH_MEMORY, memory

FRAME = visits(60, seed=5, patients=20)


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    """Return what b does with what a lends."""
    network = TestNetwork()
    hospitals = lending_hospitals(network, tmp_path_factory.mktemp("bomb"), FRAME)
    with lending(network, hospitals) as opened:
        yield opened


def refusal(lent: Lending, rows: bytes) -> str:
    """Let a sign and seal these rows and return why b does not take them."""
    share = lent.grant(lent.ask())
    share = lent.deliver(share, lent.seal(share, rows=rows))
    with pytest.raises(WardnetError) as error:
        lent.recipient.open_parcel(share.digest)
    assert error.value.reason is Reason.PARCEL_REFUSED
    assert lent.b.shares.show(share.digest).state is State.FETCHED
    return str(error.value)


def honest(lent: Lending) -> pa.Table:
    """Return the rows that a sends."""
    sink = io.BytesIO()
    lent.make(lent.grant(lent.ask()), sink)
    return pq.read_table(sink)


def lying(table: pa.Table) -> bytes:
    """Return a file whose first page says that it unpacks to two gigabytes."""
    sink = io.BytesIO()
    many = pa.concat_tables([table] * 400).combine_chunks()
    name = next(f.name for f in many.schema if f.type == pa.float64())
    noise = pa.array(np.random.default_rng(1).normal(size=len(many)))
    many = many.set_column(many.schema.get_field_index(name), many.schema.field(name), noise)
    pq.write_table(many, sink, compression="zstd", use_dictionary=False, write_statistics=False)
    data = bytearray(sink.getvalue())
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    place = many.schema.get_field_index(name)
    page = group.column(place).data_page_offset
    # A page's header: its type, then its sizes unpacked and packed, as varints of Thrift.
    assert data[page : page + 3] == b"\x15\x00\x15"
    size, after = varint(data, page + 3)
    packed, end = varint(data, after + 1)
    told = written((1 << 32) - 2)  # 2**31 - 1, in zigzag
    grown = len(told) - (after - page - 3)
    header = told + data[after : after + 1] + written(packed - 2 * grown)
    assert len(header) == end - page - 3 + grown
    data[page + 3 : end] = header
    last = page + group.column(place).total_compressed_size + grown
    del data[last - grown : last]
    assert size < packed * 10
    return bytes(data)


def varint(data: bytearray, at: int) -> tuple[int, int]:
    """Return a number of Thrift's compact form, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def written(value: int) -> bytes:
    """Write such a number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def test_a_page_that_lies_about_its_size_is_refused(lent: Lending) -> None:
    """The decoding process asks for two gigabytes, and has not so much."""
    assert memory(6) < 1 << 31
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert TOO_MUCH_MEMORY in refusal(lent, lying(honest(lent)))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200 << 10  # kilobytes


def test_a_group_of_too_many_rows_is_not_even_decoded(lent: Lending) -> None:
    """What a file itself says of its size is looked at first."""
    table = pa.concat_tables([honest(lent)] * 18_000).combine_chunks()
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=1 << 21)
    assert TOO_LARGE in refusal(lent, sink.getvalue())


def test_the_process_leaves_with_whoever_reads(lent: Lending) -> None:
    """Nothing goes on decoding once the reader has had enough; no process stays."""
    share = lent.fetched()
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text()
    lent.recipient.open_parcel(share.digest)
    assert children.read_text() == before


def test_a_process_that_dies_is_a_refusal(lent: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a failure of the node: the same parcel would end the next process as well."""
    monkeypatch.setattr(rows_process, "_MODULE", "os")
    share = lent.fetched()
    with pytest.raises(WardnetError) as error:
        lent.recipient.open_parcel(share.digest)
    assert error.value.reason is Reason.PARCEL_REFUSED
