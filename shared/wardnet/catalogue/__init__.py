"""What every reason means: status, sentence, and whether trying again can help.

A sentence says what to do next. `tests/unit/test_errors.py` holds the table complete.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wardnet.catalogue import (
    identity,
    intake,
    log,
    machines,
    models,
    permission,
    requests,
    rounds,
    sharing,
)
from wardnet.reasons import Reason, Row

CATALOGUE: Final[Mapping[Reason, Row]] = MappingProxyType(
    {
        **requests.ROWS,
        **intake.ROWS,
        **identity.ROWS,
        **permission.ROWS,
        **rounds.ROWS,
        **sharing.ROWS,
        **models.ROWS,
        **log.ROWS,
        **machines.ROWS,
    }
)
"""One row per reason, in the order of `Reason`."""
