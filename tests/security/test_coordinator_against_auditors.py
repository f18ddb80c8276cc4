"""A coordinator that changes, hides, moves or invents what a hospital shows an auditor."""

from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from support.audited import audited, grant
from support.coordinator import run
from support.hospital import Hospital
from support.pki import TestNetwork
from wardnet import canonical
from wardnet.audit import request as requests
from wardnet.audit.search import EVERYTHING
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Member
from wardnet.sealing import hpke
from wardnet.transport.convert import envelope_to_bytes
from wardnet_coordinator.audits import Audits
from wardnet_node.desk import auditors

Pages = Sequence[bytes]


def edited(pages: Pages) -> Pages:
    """Change one byte of a page."""
    return [*pages[:-1], pages[-1][:-1] + bytes([pages[-1][-1] ^ 1])]


def last_hidden(pages: Pages) -> Pages:
    """Leave the last page out."""
    return pages[:-1]


def first_hidden(pages: Pages) -> Pages:
    """Leave the page out that the hospital has signed."""
    return pages[1:]


def all_hidden(_: Pages) -> Pages:
    """Say that there is nothing."""
    return []


def reordered(pages: Pages) -> Pages:
    """Turn the pages round."""
    return [pages[0], *reversed(pages[1:])]


def repeated(pages: Pages) -> Pages:
    """Send a page twice."""
    return [*pages, pages[-1]]


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has granted olga its log."""
    hospital = Hospital(network, tmp_path / "a")
    grant(network, hospital)
    return hospital


def lie(monkeypatch: pytest.MonkeyPatch, attack: Callable[[Envelope, Pages], Pages]) -> None:
    """Let the coordinator do something to every search that it carries."""
    honest = Audits.ask

    async def ask(
        self: Audits, hospital: str, envelope: Envelope, caller: Member
    ) -> AsyncGenerator[bytes, None]:
        pages = [page async for page in honest(self, hospital, envelope, caller)]
        search = requests.from_bytes(envelope.payload).action is requests.Action.SEARCH
        for page in attack(envelope, pages) if search else pages:
            yield page

    monkeypatch.setattr(Audits, "ask", ask)


def refusal(network: TestNetwork, hospital: Hospital, home: Path, *, searches: int = 1) -> Reason:
    """Return why the last of olga's searches fails."""

    async def scenario() -> Reason:
        async with audited(network, hospital, home) as olga:
            for _ in range(searches - 1):
                await olga.do(lambda audit: audit.search("a", EVERYTHING))
            with pytest.raises(WardnetError) as caught:
                await olga.do(lambda audit: audit.search("a", EVERYTHING))
            return caught.value.reason

    return run(scenario())


@pytest.mark.parametrize(
    "attack", [edited, last_hidden, first_hidden, all_hidden, reordered, repeated]
)
def test_pages_that_are_not_those_that_were_sent_are_refused(
    network: TestNetwork,
    hospital: Hospital,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    attack: Callable[[Pages], Pages],
) -> None:
    """Every one is sealed for its place, and the first names them all."""
    monkeypatch.setattr(auditors, "PAGE_BYTES", 1000)
    lie(monkeypatch, lambda _, pages: attack(pages))
    assert refusal(network, hospital, tmp_path) is Reason.SIGNATURE_INVALID


def test_an_older_reply_does_not_stand_for_a_newer_one(
    network: TestNetwork, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the hospital has sealed and signed it for the same auditor."""
    kept: list[Pages] = []

    def first_again(_: Envelope, pages: Pages) -> Pages:
        kept.append(pages)
        return kept[0]

    lie(monkeypatch, first_again)
    assert refusal(network, hospital, tmp_path, searches=2) is Reason.SIGNATURE_INVALID


def test_a_reply_that_the_coordinator_seals_itself_is_refused(
    network: TestNetwork, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can read for whom the reply is to be sealed, but not sign as the hospital."""

    def forged(envelope: Envelope, _: Pages) -> Pages:
        request = requests.from_bytes(envelope.payload)
        info = requests.page_info(
            request=canonical.digest(envelope.payload), hospital="a", number=0
        )
        mine = network.coordinator().signer
        reply = requests.Reply(
            version=1,
            network=request.network,
            hospital="a",
            request=canonical.digest(envelope.payload),
            pages=0,
            body=canonical.digest(b""),
            size=0,
            next=0,
        )
        data = requests.reply_to_bytes(reply)
        first = envelope_to_bytes(sign(requests.REPLY_PAYLOAD_TYPE, data, mine))
        return [hpke.seal(first, request.recipient, info=info)]

    lie(monkeypatch, forged)
    assert refusal(network, hospital, tmp_path) is Reason.SIGNATURE_INVALID


def test_the_coordinator_reads_neither_what_is_looked_for_nor_what_is_found(
    network: TestNetwork, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A patient's number passes it by, and so does every entry."""
    carried: list[bytes] = []

    def listen(envelope: Envelope, pages: Pages) -> Pages:
        carried.extend([envelope.payload, *pages])
        return pages

    lie(monkeypatch, listen)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            await olga.do(lambda audit: audit.search("a", EVERYTHING, patient="patient-P-4711"))

    run(scenario())
    assert len(carried) > 1
    for secret in (b"P-4711", b"patient", b"read"):
        assert all(secret not in item.replace(b'"action":"search"', b"") for item in carried)
    request = requests.from_bytes(carried[0])
    with pytest.raises(WardnetError):
        hpke.open_sealed(
            bytes.fromhex(request.question),
            X25519PrivateKey.generate(),
            info=request.info,
            rule="no",
        )
