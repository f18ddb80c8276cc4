"""The node's settings: `settings.toml` in its home and `WARDNET_NODE_*`."""

import os
from typing import Annotated, Final, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from wardnet.audit.tags import RETENTION_YEARS, Years
from wardnet.settings import Settings

_MAILBOX: Final = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"


class NodeSettings(Settings):
    """Hold what an operator can change."""

    model_config = SettingsConfigDict(env_prefix="WARDNET_NODE_")

    address: Annotated[str, Field(pattern=r"^\S+:[0-9]{1,5}$")]
    """Where the coordinator listens, `host:port`; enrolment writes it."""

    workers: Annotated[int, Field(ge=1, le=256)] = Field(
        default_factory=lambda: len(os.sched_getaffinity(0))
    )
    """Processes that compute on patients' rows; as many as there are processors by default."""

    worker_memory: Annotated[int, Field(ge=0, le=1 << 20)] = 512
    """MiB of decoded rows that each worker keeps between the rounds of a query."""

    heartbeat: Annotated[float, Field(ge=0.1, le=20)] = 20.0
    """Seconds between two signs of life to the coordinator."""

    lease: Annotated[float, Field(ge=0.5, le=600)] = 60.0
    """Seconds of the coordinator's silence after which the node dials again."""

    drain: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds that the work in hand may take once the process is asked to stop."""

    checkpoint_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 60.0
    """Seconds after which what is new in the access log is shown to the witnesses."""

    checkpoint_entries: Annotated[int, Field(ge=1, le=65_536)] = 256
    """Number of new entries that are shown to the witnesses at once."""

    proof_patience: Annotated[float, Field(ge=0.1, le=600)] = 20.0
    """Seconds that a question waits after a start for another hospital to confirm our log."""

    log_retention: Years = RETENTION_YEARS
    """Whole years that the access log keeps what it says of patients; its entries always stay."""

    desk_listen: Annotated[str, Field(pattern=r"^(\S+:[0-9]{1,5})?$")] = ""
    """Where the stewards' page listens, `host:port`, always by TLS; empty for no page."""

    desk_certificate: str = ""
    """File with the page's certificate and those above it, PEM; the node makes one when empty."""

    desk_key: str = ""
    """File with the private key of `desk_certificate`, PEM, readable by its owner only."""

    listen: Annotated[str, Field(pattern=r"^(\S+:[0-9]{1,5})?$")] = ""
    """Where other hospitals fetch parcels directly, `host:port`; empty: by way of the relay."""

    listen_address: Annotated[str, Field(pattern=r"^(\S+:[0-9]{1,5})?$")] = ""
    """What others dial to get to `listen`, `host:port`; the same when empty."""

    relay: Annotated[str, Field(pattern=r"^(\S+:[0-9]{1,5})?$")] = ""
    """Where the relay of parcels is, `host:port`; empty: the coordinator's host, port 7444."""

    bandwidth: Annotated[float, Field(ge=0, le=1 << 20)] = 0.0
    """MiB per second for all that others fetch here, and for each parcel on its way; 0: all."""

    notify_mail_server: Annotated[str, Field(pattern=r"^(\S+:[0-9]{1,5})?$")] = ""
    """Mail server that tells the stewards what waits, `host:port`; empty for no mail."""

    notify_mail_security: Literal["starttls", "tls", "plain"] = "starttls"
    """`starttls` (port 587 by custom), `tls` (465), or `plain`, to `localhost` only."""

    notify_mail_from: Annotated[str, Field(pattern=rf"^({_MAILBOX})?$")] = ""
    """Address that the mail comes from."""

    notify_mail_to: Annotated[
        tuple[Annotated[str, Field(pattern=rf"^{_MAILBOX}$")], ...], Field(max_length=50)
    ] = ()
    """Addresses of the stewards, `["anna@hospital.example"]`."""

    notify_mail_user: str = ""
    """Name for the mail server's login; empty for none."""

    notify_mail_password_file: str = ""
    """File whose first line is the password of that login, readable by its owner only."""

    notify_webhook: Annotated[str, Field(pattern=r"^(https://\S+)?$")] = ""
    """Address to which a signed message is posted, `https://host/path`; empty for no webhook."""

    notify_webhook_secret_file: str = ""
    """File whose first line is the webhook's secret, `whsec_...`, readable by its owner only."""

    notify_authority: str = ""
    """File with whose word counts for mail server and webhook, PEM; empty: the system's."""

    notify_days: Annotated[float, Field(ge=0.01, le=30)] = 3.0
    """Days after which a message that cannot be sent is given up."""
