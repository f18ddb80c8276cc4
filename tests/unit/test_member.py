"""A member's name is one URI, and a URI names at most one member."""

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member, Role


@pytest.mark.parametrize("role", list(Role))
def test_uri_gives_the_member_back(role: Role) -> None:
    """The name in a certificate leads back to the same member."""
    member = Member("heart.net", role, "clinic-a.2")
    assert member.uri == f"wardnet://heart.net/{role.value}/clinic-a.2"
    assert Member.from_uri(member.uri) == member


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wardnet://heartnet/node/",
        "wardnet://heartnet/node/a/b",
        "wardnet://heartnet/node/a?b",
        "wardnet://heartnet/node/a#b",
        "wardnet://heartnet/node/a\n",
        "wardnet://heartnet/node/A",
        "wardnet://heartnet/node/%61",
        "wardnet://heartnet/root/a",
        "wardnet://heartnet:1/node/a",
        "wardnet://x@heartnet/node/a",
        "WARDNET://heartnet/node/a",
        "https://heartnet/node/a",
        "wardnet://heartnet/node/ä",
        "wardnet://heartnet/node/" + "a" * 64,
    ],
)
def test_other_uris_name_nobody(text: str) -> None:
    """Nothing but the exact form is read as a member."""
    with pytest.raises(WardnetError) as caught:
        Member.from_uri(text)
    assert caught.value.reason is Reason.CERTIFICATE_REFUSED


@pytest.mark.parametrize(
    ("network", "name"), [("Heart", "a"), ("heart/net", "a"), ("heart", ""), ("heart", "-a")]
)
def test_member_with_an_ambiguous_id_is_refused(network: str, name: str) -> None:
    """Ids that a URI could not carry are refused where they are made."""
    with pytest.raises(WardnetError) as caught:
        Member(network, Role.NODE, name)
    assert caught.value.reason is Reason.PARAMETER_INVALID
