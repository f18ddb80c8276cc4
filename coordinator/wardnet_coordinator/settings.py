"""The coordinator's settings: `settings.toml` in its home and `WARDNET_COORDINATOR_*`."""

from typing import Annotated, Final

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from wardnet.settings import Settings

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
