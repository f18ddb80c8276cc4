"""The coordinator's settings: `settings.toml` in its home and `WARDNET_COORDINATOR_*`."""

from typing import Annotated, Final

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from wardnet.settings import Settings
from wardnet.transport.channel import RELAY_PORT

LISTEN: Final = r"^([^\s:]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$"
"""How an address to listen on is written."""


class CoordinatorSettings(Settings):
    """Hold what an operator can change."""

    model_config = SettingsConfigDict(env_prefix="WARDNET_COORDINATOR_")

    listen: Annotated[str, Field(pattern=LISTEN)] = "0.0.0.0:7443"
    """Where it listens, `host:port`; port 0 takes any free one."""

    server_name: Annotated[str, Field(min_length=1)] = "localhost"
    """The name that invitations tell members to dial; one of those in its certificate."""

    round_deadline: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0
    """Seconds after which a hospital without a result is lost to a query."""

    heartbeat: Annotated[float, Field(ge=0.1, le=30)] = 20.0
    """Seconds of silence after which it shows a node that it is alive."""

    lease: Annotated[float, Field(ge=0.5, le=600)] = 60.0
    """Seconds of silence after which a node counts as away."""

    checkpoint_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 60.0
    """Seconds after which what is new in the access log is shown to the hospitals."""

    model_quota: Annotated[int, Field(ge=0, le=1 << 20)] = 1 << 10
    """MiB of published models that it keeps of each researcher."""

    relay_listen: Annotated[str, Field(pattern=LISTEN)] = f"0.0.0.0:{RELAY_PORT}"
    """Where `wardnet-coordinator relay` listens, `host:port`; port 0 takes any free one."""

    relay_parcel: Annotated[int, Field(ge=1, le=1 << 20)] = 64 << 10
    """MiB of the largest parcel that the relay takes."""

    relay_quota: Annotated[int, Field(ge=1, le=1 << 24)] = 256 << 10
    """MiB that the relay keeps for each hospital at once, counting what it sends."""

    relay_hours: Annotated[float, Field(ge=0.01, le=8760)] = 168.0
    """Hours that the relay keeps a parcel at most, also under a grant that lasts longer."""

    relay_bandwidth: Annotated[float, Field(ge=0, le=1 << 20)] = 0.0
    """MiB per second that the relay hands out, all hospitals together; 0 for no limit."""
