"""What a node can see to be wrong with itself, in words: its vault, certificate and clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from wardnet import clock, logs
from wardnet.errors import WardnetError
from wardnet.identity.credentials import Credentials
from wardnet_node.vault.summary import DatasetSummary

SOON: Final = timedelta(days=30)
"""A certificate that ends sooner is worth a warning."""

STEP: Final = timedelta(seconds=5)
"""A clock that a time server keeps is slewed, not stepped: more is worth an entry in the log."""

CLOCK_SLACK: Final = timedelta(seconds=30)
"""Clocks that differ by more refuse each other's statements sooner or later."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """Say how the node stands with its coordinator.

    Parameters
    ----------
    attached : bool
        Whether there is a connection now.
    address : str
        Of the coordinator.
    clock_difference : timedelta or None
        Our clock before the coordinator's, when it last said; None before.
    """

    attached: bool
    address: str
    clock_difference: timedelta | None


def warn_of_damage(datasets: Iterable[DatasetSummary]) -> None:
    """Log an error for every dataset whose key or files are not as they were stored."""
    for summary in datasets:
        if summary.damage:
            logs.logger().error("dataset_unavailable", dataset=summary.name, error=summary.damage)


def warn_of_lock(error: WardnetError | None) -> None:
    """Log an error when every question will be refused."""
    if error is not None:
        logs.logger().error("locked", reason=error.reason.value, error=str(error))


def warn_of_certificate(credentials: Credentials) -> None:
    """Log a warning when our own certificates end soon, or have ended."""
    leaves = (
        x509.load_pem_x509_certificate(credentials.tls_chain_pem),
        x509.load_der_x509_certificate(credentials.signer.certificates[0]),
    )
    left = min(leaf.not_valid_after_utc for leaf in leaves) - clock.now()
    if left < SOON:
        logs.logger().warning(
            "certificate_ends",
            seconds=int(left.total_seconds()),
            error="Our certificate ends soon or has ended; the coordinator will refuse it then. "
            "Ask the coordinator's operator for a new invitation; it goes into an empty home only, "
            "with a new vault, access log and key.",
        )


class ClockWatch:
    """Notice when the clock on the wall is moved, by one that only ever runs on.

    Parameters
    ----------
    wall : datetime
        Now.
    running : float
        The monotonic clock now, in seconds.
    """

    def __init__(self, wall: datetime, running: float) -> None:
        self._began = wall - timedelta(seconds=running)

    def step(self, wall: datetime, running: float) -> timedelta | None:
        """Return by how much the clock was moved since the last call; None for hardly anything."""
        began = wall - timedelta(seconds=running)
        moved, self._began = began - self._began, began
        return moved if abs(moved) > STEP else None


def warn_of_clock(now_ms: int) -> timedelta:
    """Log a warning when our clock and the coordinator's differ, and return by how much.

    Parameters
    ----------
    now_ms : int
        Unix milliseconds at the coordinator.

    Returns
    -------
    timedelta
        Our clock before the coordinator's.
    """
    try:
        theirs = datetime.fromtimestamp(now_ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        theirs = datetime.min.replace(tzinfo=UTC)
    difference = clock.now() - theirs
    if abs(difference) > CLOCK_SLACK:
        logs.logger().warning(
            "clock_differs",
            seconds=int(difference.total_seconds()),
            error="Our clock and the coordinator's differ; queries may seem too early or too late. "
            "Set both by a time server.",
        )
    return difference
