"""Share links: a line, or a QR picture, that says which share is meant.

A link is a reference and never a bearer token: it holds no secret, and whoever finds it can do
nothing with it. What it names is opened with the keys of the two hospitals only.
"""

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member, Role

if TYPE_CHECKING:
    from segno import QRCode

PREFIX: Final = "wardnet://share/"

LONGEST: Final = 256
"""Characters; the longest names of a network and a hospital leave room."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_QUIET: Final = 4
"""Modules of white around a QR code (ISO/IEC 18004)."""


@dataclass(frozen=True, slots=True)
class ShareLink:
    """Name one share: `wardnet://share/<network>/<owner>/<digest>`.

    Parameters
    ----------
    network : str
        Id of the network.
    owner : str
        Id of the hospital whose records they are.
    digest : str
        SHA-256 of the request or of the grant, 64 lower case hexadecimal digits.

    Raises
    ------
    WardnetError
        `LINK_MALFORMED` when a part is not written like that.

    Examples
    --------
    >>> ShareLink("heartnet", "clinic-a", "5f" * 32).text[:41]
    'wardnet://share/heartnet/clinic-a/5f5f5f5'
    """

    network: str
    owner: str
    digest: str

    def __post_init__(self) -> None:
        """Refuse parts that could not be read back."""
        try:
            Member(self.network, Role.NODE, self.owner)
        except WardnetError as error:
            raise _malformed(rule="its network or hospital is not written as names are") from error
        if not _DIGEST.fullmatch(self.digest):
            raise _malformed(rule="it does not end in 64 hexadecimal digits in lower case")

    @property
    def text(self) -> str:
        """Return the link in one line."""
        return f"{PREFIX}{self.network}/{self.owner}/{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a link; nothing may stand before, after or between its parts.

        Raises
        ------
        WardnetError
            `LINK_MALFORMED`, naming the rule that is broken; never the text itself.
        """
        # 1. Bound it, and see what it is made of: look-alike letters are none of ours.
        if len(text) > LONGEST:
            raise _malformed(rule=f"it is longer than {LONGEST} characters")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise _malformed(rule="it holds blanks, or characters that no link has")
        # 2. It is a link to a share.
        if not text.startswith(PREFIX):
            raise _malformed(rule=f"it does not start with {PREFIX}")
        # 3. Three parts, each of its form.
        parts = text.removeprefix(PREFIX).split("/")
        if len(parts) != 3:
            raise _malformed(rule="it does not have the three parts network, hospital and digest")
        return cls(*parts)


def svg(link: ShareLink) -> str:
    """Draw a link as a QR picture, for a page or a file: black on white, 3 pixels a module."""
    drawn = io.BytesIO()
    _code(link).save(
        drawn, kind="svg", border=_QUIET, scale=3, light="#fff", xmldecl=False, title=link.text
    )
    return drawn.getvalue().decode()


def terminal(link: ShareLink) -> str:
    """Draw a link as a QR picture of block characters, for a dark terminal."""
    drawn = io.StringIO()
    _code(link).terminal(out=drawn, border=_QUIET, compact=True)
    return drawn.getvalue()


def _code(link: ShareLink) -> "QRCode":
    import segno  # noqa: PLC0415 - only who draws pays for it

    return segno.make_qr(link.text, error="m")


def _malformed(*, rule: str) -> WardnetError:
    return WardnetError(Reason.LINK_MALFORMED, rule=rule)
