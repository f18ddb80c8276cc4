"""Who has a hospital's disk and passphrase, but no steward's key, begins its log anew in vain.

The attacker signs as the node, writes whatever entry he likes, and names the true stewards in it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from support.audited import audited, grant
from support.beginnings import Beginning, begin, keys
from support.coordinator import run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import key, view
from support.witnessing import hospital as witnessing
from support.witnessing import stewards
from wardnet.agreement.address_book import AddressBook, Steward
from wardnet.audit import beginning, bundle, cosigned
from wardnet.audit.beginning import Approvers
from wardnet.audit.search import EVERYTHING
from wardnet.client.commands.audit_source import read_bundle
from wardnet.client.trust.pins import Pins
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import ROOT_FILE, Credentials, chain_pem
from wardnet.identity.member import Member, Role
from wardnet_node.desk.book import Key, with_key
from wardnet_node.witness import approvers


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has two stewards and has granted olga its log."""
    hospital = witnessing(network, tmp_path / "a", "a", known="")
    grant(network, hospital)
    return hospital


def check(begun: Beginning, approvers: Approvers) -> dict[str, str]:
    """Hold a beginning against what was seen before, as a witness and an auditor do."""
    return beginning.check(
        begun.shown, anew=begun.anew, held=begun.held, key=begun.key, approvers=approvers
    )


def refused(begun: Beginning, approvers: Approvers) -> WardnetError:
    """Return why a beginning is not believed."""
    with pytest.raises(WardnetError) as caught:
        check(begun, approvers)
    return caught.value


def steward(network: TestNetwork, name: str) -> Credentials:
    """Return any steward of the network."""
    return network.credentials(Role.STEWARD, name)


def test_two_stewards_whose_signatures_hold_are_believed(
    network: TestNetwork, hospital: Hospital
) -> None:
    """And named to the reader, with their keys."""
    both = stewards(network, "a")
    begun = begin(hospital, [*both, hospital.credentials], approvals=both)
    persons = tuple(keys(person) for person in both)
    for known in ((), persons[:1], persons):
        told = check(begun, Approvers(network.trust, known=known))
        assert told == {person.member.uri: key(person) for person in both}


def _nobody(network: TestNetwork) -> Sequence[Credentials]:
    return [network.node("a")]


def _one(network: TestNetwork) -> Sequence[Credentials]:
    return [stewards(network, "a")[0], network.node("a")]


def _one_twice(network: TestNetwork) -> Sequence[Credentials]:
    first, _ = stewards(network, "a")
    return [first, network.issue(first.member)]


def _others(network: TestNetwork) -> Sequence[Credentials]:
    return [network.researcher("ada"), network.researcher("eve"), network.node("b")]


def _invented(network: TestNetwork) -> Sequence[Credentials]:
    return stewards(TestNetwork(network.name), "a")


@pytest.mark.parametrize("signers", [_nobody, _one, _one_twice, _others, _invented])
def test_an_entry_that_names_two_stewards_who_have_not_signed_is_not_believed(
    network: TestNetwork, hospital: Hospital, signers: object
) -> None:
    """The node, one steward, one with two certificates, others, and stewards of another root."""
    assert callable(signers)
    begun = begin(hospital, signers(network), approvals=stewards(network, "a"))
    assert refused(begun, Approvers(network.trust)).reason is Reason.RECOVERY_UNSIGNED


def test_stewards_whose_names_the_log_hides_are_not_believed(
    network: TestNetwork, hospital: Hospital
) -> None:
    """What the log says and what was signed are one."""
    begun = begin(hospital, stewards(network, "a"), approvals=[steward(network, "eve")])
    assert refused(begun, Approvers(network.trust)).reason is Reason.RECOVERY_UNSIGNED


def test_where_stewards_were_compared_nobody_else_counts(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Whoever issues certificates cannot make two more; nor can one person sign for two."""
    first, second = stewards(network, "a")
    made = [steward(network, "eve"), steward(network, "mallory")]
    both = (keys(first), keys(second))
    for signers in (made, [first, made[0]]):
        begun = begin(hospital, signers, approvals=signers)
        known = both if first in signers else both[:1]
        assert refused(begun, Approvers(network.trust, known=known)).reason is (
            Reason.RECOVERY_UNSIGNED
        )
    begun = begin(hospital, [first, second])
    one = Approvers(network.trust, known=(keys(first, second),))
    assert refused(begun, one).reason is Reason.RECOVERY_UNSIGNED


def test_what_a_hospital_knows_of_another_s_stewards(network: TestNetwork) -> None:
    """Those in its book count; those of other hospitals and keys that were taken back do not."""
    theirs, ours = stewards(network, "b")[0], stewards(network, "a")[0]

    def book(before: AddressBook) -> AddressBook:
        node = Key("node", "b", key(network.node("b")))
        person = Key("steward", theirs.member.id, key(theirs))
        return with_key(with_key(before, "b", node), "b", person)

    known = view(network)
    known = replace(known, book=book(known.book), revoked=frozenset({"00"}))
    found = approvers(network.node("b").member, known, network.trust)
    assert found.known == (keys(theirs),)
    assert found.refused == keys(ours) | {"00"}
    assert Steward(ours.member.id, tuple(keys(ours))) in known.book.organisations[0].stewards
    stranger = approvers(Member(network.name, Role.NODE, "c"), known, network.trust)
    assert stranger.known == ()


def test_a_signed_statement_is_not_believed_of_another_history(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """Nor at another place, nor with other words, nor of another beginning."""
    both = stewards(network, "a")
    honest = begin(hospital, both)
    assert honest.shown is not None
    later = begin(hospital, both)
    other = witnessing(network, tmp_path / "other", "a", known="")
    told_anew = begin(other, both)
    assert told_anew.shown is not None
    stolen = replace(told_anew.shown, signatures=honest.shown.signatures)
    again = replace(honest.shown, seq=honest.shown.seq + 1)
    moved = replace(honest.shown, history=())
    for begun, reason in (
        (replace(told_anew, shown=stolen), Reason.RECOVERY_UNSIGNED),
        (replace(told_anew, shown=honest.shown), Reason.RECOVERY_UNPROVEN),
        (replace(honest, shown=again), Reason.RECOVERY_UNPROVEN),
        (replace(honest, shown=moved), Reason.RECOVERY_UNPROVEN),
        (replace(later, shown=honest.shown), Reason.RECOVERY_UNPROVEN),
        (replace(honest, shown=None), Reason.RECOVERY_UNPROVEN),
    ):
        assert refused(begun, Approvers(network.trust)).reason is reason


def test_an_auditor_believes_it_neither_from_the_node_nor_from_a_file(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """Though she sees the log for the first time; a stranger is told what stays open."""
    home, file = tmp_path / "olga", tmp_path / "log.bundle"
    home.mkdir()
    (home / ROOT_FILE).write_bytes(chain_pem([network.root.certificate.public_bytes(Encoding.DER)]))
    begin(hospital, [hospital.credentials], approvals=stewards(network, "a"))
    with hospital.catalog() as catalog, catalog.reading() as connection, file.open("wb") as out:
        log_key = hospital.credentials.signer.key.public_key()
        bundle.write(cosigned.gather(connection, None, key=log_key), out)
    with pytest.raises(WardnetError) as caught:
        read_bundle(home, file)
    assert caught.value.reason is Reason.RECOVERY_UNSIGNED
    stranger = read_bundle(tmp_path / "stranger", file).verdict
    assert "Whether two stewards let the log begin anew" in stranger.not_proven[0]

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            with pytest.raises(WardnetError) as caught:
                await olga.do(lambda audit: audit.search("a", EVERYTHING))
            assert caught.value.reason is Reason.RECOVERY_UNSIGNED

    run(scenario())
    assert Pins(home).seen(hospital.credentials.member.uri) is None
