"""What was lent is on no disk in clear, and once destroyed no copy of the rest brings it back."""

import errno
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from support.lending import Lending, lending, lending_hospitals
from support.pki import TestNetwork
from support.vaults import visits
from wardnet.errors import Reason, WardnetError
from wardnet_node.desk.shares.state import State
from wardnet_node.intake.batches import Batch
from wardnet_node.sharing.taking.incoming_rows import IncomingRows
from wardnet_node.sharing.taking.recipient import Recipient
from wardnet_node.vault import load as loads
from wardnet_node.vault import segments

RECORD = "QUACKENBUSH-91"
RARE = -7.331739182645
FILE = "Zebulon Zzyzx.pdf"
PDF = b"%PDF-1.7 Zebulon Zzyzx " * 60_000
SPELLINGS = (
    *(text.encode(code) for text in (RECORD, FILE) for code in ("utf-8", "utf-16-le")),
    b"Zebulon",
    b"%PDF-1.7",
    struct.pack("<d", RARE),
    str(RARE).encode(),
)


@pytest.fixture
def lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lending]:
    """Return b, whose temporary files lie in its home, too."""
    frame = visits(60_000, patients=3000)
    frame.loc[150, "record"] = RECORD
    frame.loc[150, "score"] = RARE
    network = TestNetwork()
    hospitals = lending_hospitals(network, tmp_path, frame)
    temporary = hospitals[1].home / "temporary"
    temporary.mkdir()
    for variable in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(variable, str(temporary))
    monkeypatch.setattr(loads, "SEGMENT_ROWS", 10_000)
    monkeypatch.setattr("wardnet_node.sharing.giving.make.GROUP_ROWS", 10_000)
    with lending(network, hospitals) as opened:
        yield opened


def found(lent: Lending) -> set[str]:
    """Return the files of b's home that hold or are called by a canary in any spelling."""
    files = [path for path in lent.b.hospital.home.rglob("*") if path.is_file()]
    assert {path.name for path in files} > {"catalog.db", "keyring.json"}
    return {str(path) for path in files if "Zebulon" in path.name or holds_canary(path)}


def holds_canary(path: Path) -> bool:
    """Search a file; one that a writer has just renamed is searched at the next look."""
    with suppress(FileNotFoundError):
        data = path.read_bytes()
        return any(item in data for item in SPELLINGS)
    return False


def stored(lent: Lending) -> set[Path]:
    """Return b's segments and parcels."""
    home = lent.b.hospital.home
    return {path for place in ("vault/seg", "parcels/in") for path in (home / place).iterdir()}


def test_neither_opening_nor_reading_nor_destroying_leaves_a_trace(
    lent: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of b's home is searched before every batch that is taken in, and after each step."""
    share, looks = lent.fetched({FILE: PDF}), []
    usual = IncomingRows._batch

    def searched(rows: IncomingRows, table: pa.Table) -> Batch:
        looks.append(found(lent))
        return usual(rows, table)

    monkeypatch.setattr(IncomingRows, "_batch", searched)
    lent.recipient.open_parcel(share.digest)
    assert looks == [set()] * 6
    assert found(lent) == set()
    lines = [line for batch in lent.recipient.read(share.digest) for line in batch]
    assert RECORD in {line[0] for line in lines}
    assert RARE in {value for line in lines for value in line}
    assert b"".join(lent.recipient.attachment(share.digest, FILE)) == PDF
    assert found(lent) == set()
    lent.recipient.destroy(share.digest)
    assert found(lent) == set()


def test_a_copy_of_all_but_the_keyring_brings_nothing_back(lent: Lending, tmp_path: Path) -> None:
    """Catalog, segments and parcel from before, under the keyring from after."""
    share = lent.fetched({FILE: PDF})
    lent.recipient.open_parcel(share.digest)
    hospital = lent.b.hospital
    lent.recipient.close()
    lent.b.close()
    shutil.copytree(hospital.home, tmp_path / "backup")
    again = Recipient.open(hospital.home, hospital.keystore, hospital.credentials)
    again.destroy(share.digest)
    again.close()
    keyring = (hospital.home / "keyring.json").read_bytes()
    shutil.rmtree(hospital.home)
    shutil.copytree(tmp_path / "backup", hospital.home)
    (hospital.home / "keyring.json").write_bytes(keyring)
    again = Recipient.open(hospital.home, hospital.keystore, hospital.credentials)
    assert again.shares.show(share.digest).state is State.OPENED
    for act in (
        lambda: list(again.read(share.digest)),
        lambda: list(again.attachment(share.digest, FILE)),
        lambda: again.shares.private_key(share.digest),
    ):
        with pytest.raises(WardnetError) as error:
            act()
        assert error.value.reason is Reason.VAULT_DAMAGED
    again.close()


def full_folder(_: Lending, patch: pytest.MonkeyPatch) -> None:
    """Let the third segment find no room."""
    usual, written = segments._write_table, []

    def write(table: pa.Table, path: Path, *, key: bytes, aad: bytes) -> None:
        written.append(path)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        usual(table, path, key=key, aad=aad)

    patch.setattr(segments, "_write_table", write)


def full_catalog(lent: Lending, _: pytest.MonkeyPatch) -> None:
    """Let the catalog grow no further, so that all segments are there and no dataset."""
    connection = lent.recipient._catalog._connection
    connection.execute("VACUUM")
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


@pytest.mark.parametrize("full", [full_folder, full_catalog])
def test_a_full_disk_stores_nothing(
    lent: Lending, full: Callable[[Lending, pytest.MonkeyPatch], None]
) -> None:
    """It is said in words, nothing is half-stored, and the parcel opens once there is room."""
    share = lent.fetched({FILE: PDF})
    before = stored(lent)
    with pytest.MonkeyPatch.context() as patch:
        full(lent, patch)
        with pytest.raises(WardnetError) as error:
            lent.recipient.open_parcel(share.digest)
    assert error.value.reason is Reason.DISK_FULL
    assert stored(lent) == before
    assert lent.recipient.granted() == {}
    lent.recipient._catalog._connection.execute("PRAGMA max_page_count = 1000000")
    lent.recipient.open_parcel(share.digest)
    assert sum(map(len, lent.recipient.read(share.digest))) == 60_000
