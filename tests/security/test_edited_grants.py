"""Whoever writes to a hospital's database gives nobody its log, and takes no withdrawal back."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from sqlite3 import Connection

import pytest

from support.audited import auditor, grant, grants, revoke
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import key, steward
from wardnet import clock
from wardnet.audit import grant as statements
from wardnet.audit.scope import Scope
from wardnet.errors import Reason, WardnetError
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet_node.desk.decision import sign_all


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a."""
    return Hospital(network, tmp_path / "a")


def refusal(network: TestNetwork, hospital: Hospital) -> Reason:
    """Return why olga may not read now."""
    with hospital.catalog() as catalog, pytest.raises(WardnetError) as caught:
        grants(hospital, catalog).in_force("olga", key=key(auditor(network)), at=clock.now())
    return caught.value.reason


def edit(hospital: Hospital, attack: Callable[[Connection], object]) -> None:
    """Write to the database, as its owner can."""
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        attack(connection)


def without_the_last(connection: Connection) -> None:
    """Take the withdrawal away."""
    connection.execute(
        "DELETE FROM audit_grants WHERE position = (SELECT max(position) FROM audit_grants)"
    )


def first_again(connection: Connection) -> None:
    """Put the grant behind the withdrawal once more."""
    connection.execute(
        "INSERT INTO audit_grants (auditor, envelope, made)"
        " SELECT auditor, envelope, made FROM audit_grants"
        " WHERE auditor = 'olga' ORDER BY position LIMIT 1"
    )


def turned_round(connection: Connection) -> None:
    """Let the grant stand behind its withdrawal."""
    connection.execute("UPDATE audit_grants SET position = -position")


def of_another(connection: Connection) -> None:
    """Give paul's grant to olga."""
    connection.execute("DELETE FROM audit_grants WHERE auditor = 'olga'")
    connection.execute("UPDATE audit_grants SET auditor = 'olga'")


def widened(connection: Connection) -> None:
    """Change the signed bytes."""
    for position, data in connection.execute(
        "SELECT position, envelope FROM audit_grants"
    ).fetchall():
        connection.execute(
            "UPDATE audit_grants SET envelope = ? WHERE position = ?",
            (bytes(data).replace(b"olga", b"olgb"), position),
        )


@pytest.mark.parametrize(
    "attack", [without_the_last, first_again, turned_round, of_another, widened]
)
def test_rows_that_were_changed_open_nothing(
    network: TestNetwork, hospital: Hospital, attack: Callable[[Connection], object]
) -> None:
    """The withdrawal of olga's grant holds, or all of it is refused as damaged."""
    grant(network, hospital, name="paul")
    grant(network, hospital)
    revoke(network, hospital)
    assert refusal(network, hospital) is Reason.AUDIT_NOT_GRANTED
    edit(hospital, attack)
    assert refusal(network, hospital) is Reason.STATE_DAMAGED


def test_a_grant_that_only_the_node_has_signed_opens_nothing(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Whoever runs the node cannot grant: it takes a steward's own key."""
    made = grant(network, hospital)
    data = statements.to_bytes(made)
    envelope = sign_all(statements.PAYLOAD_TYPE, data, [hospital.credentials])
    edit(
        hospital,
        lambda connection: connection.execute(
            "UPDATE audit_grants SET envelope = ?", (envelope_to_bytes(envelope),)
        ),
    )
    assert refusal(network, hospital) is Reason.AUDIT_NOT_GRANTED


@pytest.mark.parametrize("name", ["nobody", "stranger"])
def test_who_is_no_steward_here_cannot_grant(
    network: TestNetwork, hospital: Hospital, name: str
) -> None:
    """The attempt is refused and logged; nothing is kept."""
    signing = [] if name == "nobody" else [steward(network, "b")]
    with hospital.catalog() as catalog, pytest.raises(WardnetError) as caught:
        grants(hospital, catalog).grant(
            "olga",
            key=key(auditor(network)),
            scope=Scope(),
            until=clock.now() + timedelta(days=1),
            stewards=signing,
        )
    assert caught.value.reason is Reason.APPROVAL_MISSING
    assert hospital.entries()[-1].reason is Reason.APPROVAL_MISSING
    assert refusal(network, hospital) is Reason.AUDIT_NOT_GRANTED


def test_what_is_kept_is_what_the_steward_signed(network: TestNetwork, hospital: Hospital) -> None:
    """With the node's signature beside hers."""
    made = grant(network, hospital)
    with hospital.catalog() as catalog, catalog.reading() as connection:
        (row,) = connection.execute("SELECT envelope FROM audit_grants").fetchall()
    envelope = envelope_from_bytes(bytes(row[0]))
    assert envelope.payload == statements.to_bytes(made)
    assert len(envelope.signatures) == 2
