"""What a dishonest coordinator sends a node as work."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from support.pki import TestNetwork
from support.questions import agreement, count_query, signed
from wardnet import canonical, clock
from wardnet.errors import Reason
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Member, Role
from wardnet.question import query as queries
from wardnet.transport.work import Total, WorkId


@dataclass(frozen=True, slots=True)
class Attack:
    """Hold what the coordinator sends as work, and what it gets for it.

    Parameters
    ----------
    query : Envelope
        As it is delivered.
    reason : Reason
        Why the node refuses.
    hospitals : tuple of str
        Who takes part, as the coordinator says.
    number, attempt : int
        Of the round and the attempt.
    totals : tuple of Total
        The rounds before.
    """

    query: Envelope
    reason: Reason
    hospitals: tuple[str, ...] = ("a", "b")
    number: int = 0
    attempt: int = 1
    totals: tuple[Total, ...] = ()

    @property
    def work_id(self) -> WorkId:
        """Return the id of the work."""
        return WorkId(canonical.digest(self.query.payload), self.attempt, self.number)


def invented(network: TestNetwork, name: str) -> Credentials:
    """Return what the coordinator certifies for itself under a researcher's name."""
    return network.issue(Member(network.name, Role.RESEARCHER, name))


def signed_as(signer: Credentials, network: TestNetwork, **changes: object) -> Envelope:
    """Return a query that somebody else than ada has signed."""
    query = count_query(network, **changes)  # type: ignore[arg-type]
    return sign(queries.PAYLOAD_TYPE, queries.to_bytes(query), signer.signer)


def honest(network: TestNetwork, **changes: object) -> Envelope:
    """Return a query of ada's."""
    return signed(network, count_query(network, **changes))  # type: ignore[arg-type]


def edited(network: TestNetwork, **changes: object) -> Envelope:
    """Return a query of ada's that was changed after she had signed it."""
    query = count_query(network, **changes)  # type: ignore[arg-type]
    return replace(honest(network), payload=queries.to_bytes(query))


def forges_in_its_own_name(network: TestNetwork) -> Attack:
    """Ask a question itself."""
    own = network.coordinator()
    return Attack(signed_as(own, network, researcher="coordinator"), Reason.ROLE_REFUSED)


def forges_a_signature(network: TestNetwork) -> Attack:
    """Put ada's certificate beside a signature of its own."""
    mine = signed_as(network.coordinator(), network, nonce="1" * 32)
    ada = honest(network).signatures[0]
    forged = replace(ada, signature=mine.signatures[0].signature)
    return Attack(replace(mine, signatures=(forged,)), Reason.SIGNATURE_INVALID)


def replays_an_old_query(network: TestNetwork) -> Attack:
    """Deliver a question of yesterday."""
    yesterday = clock.now() - timedelta(days=1)
    return Attack(honest(network, at=yesterday, nonce="2" * 32), Reason.QUERY_EXPIRED)


def widens_the_question(network: TestNetwork) -> Attack:
    """Ask for more than ada did."""
    return Attack(edited(network, parameters={"by": ["sex", "age"]}), Reason.SIGNATURE_INVALID)


def widens_the_circle(network: TestNetwork) -> Attack:
    """Let a hospital take part that ada did not ask."""
    query = honest(network, nonce="3" * 32)
    return Attack(query, Reason.ROUNDS_DIVERGED, hospitals=("a", "b", "c"))


def narrows_the_circle(network: TestNetwork) -> Attack:
    """Ask one hospital alone, so that the total is its own."""
    return Attack(honest(network, nonce="4" * 32), Reason.ROUNDS_DIVERGED, hospitals=("a",))


def redirects(network: TestNetwork) -> Attack:
    """Deliver a question to a hospital that it does not name."""
    query = honest(network, hospitals=("b", "c"), nonce="5" * 32)
    return Attack(query, Reason.AGREEMENT_MISSING, hospitals=("b", "c"))


def swaps_agreements(network: TestNetwork) -> Attack:
    """Rest a question on the agreement of another hospital."""
    other = agreement(network, "b").digest
    query = honest(network, agreements={"a": other, "b": other}, nonce="6" * 32)
    return Attack(query, Reason.AGREEMENT_MISSING)


def invents_a_person(network: TestNetwork) -> Attack:
    """Certify a researcher whom no study names."""
    query = signed_as(invented(network, "eve"), network, researcher="eve", nonce="7" * 32)
    return Attack(query, Reason.RESEARCHER_NOT_NAMED)


def swaps_a_researcher_s_key(network: TestNetwork) -> Attack:
    """Certify a second ada."""
    query = signed_as(invented(network, "ada"), network, nonce="8" * 32)
    return Attack(query, Reason.RESEARCHER_NOT_NAMED)


def swaps_the_recipient_s_key(network: TestNetwork) -> Attack:
    """Have the answer sealed to itself."""
    return Attack(edited(network, recipient="09" + "0" * 62), Reason.SIGNATURE_INVALID)


def reorders_the_rounds(network: TestNetwork) -> Attack:
    """Ask for a later round before the first."""
    return Attack(honest(network, nonce="9" * 32), Reason.ROUNDS_DIVERGED, number=1)


def invents_an_attempt(network: TestNetwork) -> Attack:
    """Begin a second attempt in a circle that the query does not allow."""
    query = honest(network, nonce="a" * 32)
    return Attack(query, Reason.ROUNDS_DIVERGED, hospitals=("a",), attempt=2)


ATTACKS: Final[tuple[Callable[[TestNetwork], Attack], ...]] = (
    forges_in_its_own_name,
    forges_a_signature,
    replays_an_old_query,
    widens_the_question,
    widens_the_circle,
    narrows_the_circle,
    redirects,
    swaps_agreements,
    invents_a_person,
    swaps_a_researcher_s_key,
    swaps_the_recipient_s_key,
    reorders_the_rounds,
    invents_an_attempt,
)
