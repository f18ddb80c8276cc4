"""What an auditor wants to know of a log: pure functions of its entries.

`REPORTS` is the one way in: `REPORTS["studies"].make(entries, About())`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wardnet.audit.report import (
    anomalies,
    budget,
    disclosures,
    readers,
    reconcile,
    refusals,
    shares,
    studies,
)
from wardnet.audit.report.kind import About, Report, ReportKind

__all__ = ["REPORTS", "About", "Report", "ReportKind"]

REPORTS: Final[Mapping[str, ReportKind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            studies.KIND,
            refusals.KIND,
            budget.KIND,
            readers.KIND,
            disclosures.KIND,
            shares.KIND,
            anomalies.KIND,
            reconcile.KIND,
        )
    }
)
"""Every report, by its name, in the order in which people want them."""
