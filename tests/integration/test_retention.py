"""What the log says of patients ends: by the steward's order, and by time; the log stands."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from support.coordinator import run
from support.hospital import Hospital
from support.pki import PASSPHRASE, TestNetwork
from support.witnessing import until
from wardnet.audit import log, tags
from wardnet.audit.entry import Entry, EventType
from wardnet.errors import Reason, WardnetError
from wardnet.jobs import Jobs
from wardnet_node import server
from wardnet_node.cli import main
from wardnet_node.desk import retention
from wardnet_node.desk.desk import Desk
from wardnet_node.desk.events import by_operator
from wardnet_node.settings import NodeSettings

LONG_AGO = datetime(2001, 2, 3, tzinfo=UTC)


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    """Give a hospital whose log describes a patient, long ago."""
    return Hospital(TestNetwork(), tmp_path / "a")


def describe(hospital: Hospital) -> Entry:
    """Log something about patient 1234567."""
    tag = tags.tag(hospital.keystore.derive(tags.PURPOSE), "1234567")
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        sealed = tags.seal(connection, b"pacemaker", tag=tag, at=LONG_AGO)
        event = by_operator(hospital.credentials.member, EventType.LOG_READ)
        event = replace(event, patient_tags=(tag,), sealed_detail=sealed)
        return log.append(connection, event, at=LONG_AGO)


def readable(hospital: Hospital, entry: Entry) -> bool:
    """Say whether the detail still opens."""
    with hospital.catalog() as catalog, catalog.reading() as connection:
        try:
            return tags.open_detail(connection, entry) == b"pacemaker"
        except WardnetError:
            return False


def test_a_patients_detail_is_erased_on_order(hospital: Hospital) -> None:
    """The command destroys the keys and logs it under the tag; the log still verifies."""
    entry = describe(hospital)
    assert readable(hospital, entry)
    secret = hospital.home / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    place = ["--home", str(hospital.home), "--passphrase-file", str(secret)]
    done = CliRunner().invoke(main, [*place, "log", "erase", "--patient", "1234567", "--json"])
    assert json.loads(done.stdout) == {"erased keys": 1}
    assert not readable(hospital, entry)
    last = hospital.entries()[-1]  # which verifies the log
    assert (last.type, last.patient_tags) == (EventType.DETAIL_ERASED, entry.patient_tags)


def test_detail_whose_time_is_over_is_erased(hospital: Hospital) -> None:
    """Once, and logged once."""
    entry = describe(hospital)
    member = hospital.credentials.member
    with hospital.catalog() as catalog:
        assert retention.expire(catalog, member, years=90) == 0
        assert retention.expire(catalog, member, years=6) == 1
        assert retention.expire(catalog, member, years=6) == 0
    assert not readable(hospital, entry)
    types = [item.type for item in hospital.entries()]
    assert types.count(EventType.DETAIL_ERASED) == 1


def test_a_daemon_that_never_stops_erases_too(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every day; a day on which the disk was full is made up for on the next one."""
    entry = describe(hospital)
    monkeypatch.setattr(server, "DAY_SECONDS", 0.0)
    days = iter((None, WardnetError(Reason.DISK_FULL, path="catalog.db")))
    expire = Desk.expire

    def sometimes(desk: Desk, *, years: int) -> None:
        if (error := next(days, None)) is not None:
            raise error
        expire(desk, years=years)

    monkeypatch.setattr(Desk, "expire", sometimes)

    async def scenario() -> None:
        desk = Jobs(hospital._desk, together=Desk.together)
        await desk.do(partial(Desk.expire, years=90))
        watching = asyncio.create_task(server._every_day(desk, years=6, damage=lambda: None))
        await until(lambda: not readable(hospital, entry))
        watching.cancel()
        await desk.close(Desk.stop)

    run(scenario())
    types = [item.type for item in hospital.entries()]
    assert types.count(EventType.DETAIL_ERASED) == 1


def test_nobody_sets_less_than_a_year() -> None:
    """Six by default."""
    assert NodeSettings(address="a:1").log_retention == 6
    with pytest.raises(ValidationError):
        NodeSettings(address="a:1", log_retention=0)
