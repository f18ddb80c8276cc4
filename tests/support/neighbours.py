"""Two hospitals that know each other: ada is a researcher of hospital b, and both have agreed."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import count_query, key, signed, steward, study
from wardnet import clock
from wardnet.agreement import study as studies
from wardnet.agreement.address_book import AddressBook, Organisation, Steward
from wardnet.agreement.agreement import accept_whole
from wardnet.agreement.key_revocation import FOR_EVER
from wardnet.agreement.revocation import (
    LIST_PAYLOAD_TYPE,
    RevocationList,
    Revoked,
    list_to_bytes,
)
from wardnet.agreement.study import Researcher, Study
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign


def book(network: TestNetwork, own: str, others: Sequence[str]) -> AddressBook:
    """Return a hospital's book: itself, with its steward, and others by the keys of their nodes."""
    people = {"b": (key(network.researcher()),)}
    organisations = [
        Organisation(
            name,
            name=f"Hospital {name.upper()}",
            stewards=(
                (Steward(f"steward-{name}", (key(steward(network, name)),)),) if name == own else ()
            ),
            nodes=(key(network.node(name)),),
            researchers=people.get(name, ()),
        )
        for name in sorted({own, *others})
    ]
    return AddressBook(version=1, network=network.name, organisations=tuple(organisations))


def proposed(network: TestNetwork) -> Study:
    """Return the study that ada of hospital b proposes."""
    people = (Researcher("ada", organisation="b", key=key(network.researcher())),)
    return study(network, people=people)


def hospital(network: TestNetwork, home: Path, name: str) -> Hospital:
    """Return hospital a or b, which knows the other and has agreed to ada's study."""
    made, stewards = Hospital(network, home, name=name), [steward(network, name)]
    asked = proposed(network)
    envelope = sign(studies.PAYLOAD_TYPE, studies.to_bytes(asked), network.researcher().signer)
    with made.decisions() as decisions:
        decisions.change_book(lambda _: book(network, name, "ab"), stewards=stewards)
        decisions.receive(envelope)
        decisions.accept(asked.digest, stewards=stewards)
    return made


def question(network: TestNetwork, number: int = 0, *, hospitals: str = "ab") -> Envelope:
    """Return a question of ada's, to both hospitals or one; another number, another nonce."""
    asked = proposed(network)
    query = count_query(
        network,
        hospitals=tuple(hospitals),
        study=asked.digest,
        agreements={name: accept_whole(asked, hospital=name).digest for name in hospitals},
        nonce=f"{number:032x}",
    )
    return signed(network, query)


def listed(
    signer: Credentials,
    *,
    organisation: str = "b",
    epoch: int = 1,
    keys: Sequence[Credentials] = (),
    age: timedelta = timedelta(),
) -> Envelope:
    """Return what an organisation has taken back, or what somebody passes for it."""
    content = RevocationList(
        version=1,
        network=signer.member.network,
        organisation=organisation,
        epoch=epoch,
        issued=clock.to_moment(clock.now() - age),
        revoked=tuple(sorted(Revoked(key(member), FOR_EVER) for member in keys)),
    )
    return sign(LIST_PAYLOAD_TYPE, list_to_bytes(content), signer.signer)
