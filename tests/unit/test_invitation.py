"""An invitation is one line that survives copying, and nothing else."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from support.pki import TestNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.authority import issue
from wardnet.identity.certificates import Usage, fingerprint
from wardnet.identity.credentials import Keys, private_der
from wardnet.identity.invitation import PREFIX, Invitation
from wardnet.identity.member import Member, Role

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Return a network that lives at `NOW`."""
    return TestNetwork(at=NOW)


@pytest.fixture(scope="module")
def invitation(network: TestNetwork) -> Invitation:
    """Return an invitation of a node."""
    keys = Keys.generate()
    chain = issue(
        keys.tls_request,
        member=Member("heartnet", Role.INVITED, "clinic-a"),
        usage=Usage.TLS,
        issuing=network.issuing,
        at=NOW,
    )
    return Invitation(
        address="coordinator.example:7443",
        member=Member("heartnet", Role.NODE, "clinic-a"),
        token=bytes(range(32)),
        root=network.root.certificate.public_bytes(Encoding.DER),
        chain=chain,
        key=private_der(keys.tls),
    )


def test_line_gives_the_invitation_back(invitation: Invitation) -> None:
    """One printable line holds everything."""
    line = invitation.to_line()
    assert line.isascii()
    assert line.isprintable()
    assert " " not in line
    assert Invitation.from_line(line) == invitation


def test_line_survives_mail_and_terminals(invitation: Invitation) -> None:
    """Line breaks and blanks from copying do not matter."""
    line = invitation.to_line()
    folded = "\r\n".join(line[start : start + 76] for start in range(0, len(line), 76))
    assert Invitation.from_line(f"  {folded}\n\n") == invitation


def test_invitation_shows_the_fingerprint_of_the_network(
    invitation: Invitation, network: TestNetwork
) -> None:
    """A person compares it with what the operator told them."""
    assert invitation.fingerprint == fingerprint(network.root.certificate)


def test_invitation_connects_as_invited_only(invitation: Invitation) -> None:
    """Before the enrolment its holder is nobody's node yet."""
    assert invitation.tls.member == Member("heartnet", Role.INVITED, "clinic-a")


def test_printed_invitation_shows_no_secret(invitation: Invitation) -> None:
    """A message that names an invitation does not let its reader enrol."""
    assert repr(invitation.token) not in repr(invitation)
    assert repr(invitation.key) not in repr(invitation)


def test_every_changed_character_is_noticed(invitation: Invitation) -> None:
    """One wrong, missing or additional character makes it malformed."""
    line = invitation.to_line()
    for place in range(0, len(line), 7):
        other = "B" if line[place] == "A" else "A"
        for wrong in (
            line[:place] + other + line[place + 1 :],
            line[:place] + line[place + 1 :],
            line[:place] + other + line[place:],
        ):
            if wrong != line:
                with pytest.raises(WardnetError) as caught:
                    Invitation.from_line(wrong)
                assert caught.value.reason is Reason.INVITATION_MALFORMED


@pytest.mark.parametrize(
    "text", ["", "wardnet", PREFIX, PREFIX + "A" * 40, PREFIX + "é", "x" * 99999]
)
def test_other_text_is_no_invitation(text: str) -> None:
    """Whatever is pasted instead is named as malformed."""
    with pytest.raises(WardnetError) as caught:
        Invitation.from_line(text)
    assert caught.value.reason is Reason.INVITATION_MALFORMED
