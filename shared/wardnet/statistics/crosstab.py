"""Cross two columns: rows and patients in every combination of their levels."""

from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet.question.dictionary import STRICT, Dictionary, Name
from wardnet.statistics import parameters as read
from wardnet.statistics.cells import COUNTS, CellCounts
from wardnet.statistics.groups import Groups


@dataclass(frozen=True, config=STRICT)
class Parameters:
    """Hold what `crosstab` takes.

    Parameters
    ----------
    rows, columns : str
        Two different columns with levels.
    """

    rows: Name
    columns: Name


_ADAPTER: Final = TypeAdapter(Parameters)


class Crosstab(CellCounts[Groups]):
    """Count the rows and patients in every combination of the levels of two columns.

    Notes
    -----
    A row without a level in one of the columns is in no cell.

    Examples
    --------
    Parameters: ``{"rows": "sex", "columns": "smoker"}``.
    """

    name: ClassVar[str] = "crosstab"
    version: ClassVar[int] = 1

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Groups:
        """Check parameters against the dictionary."""
        asked = read.read(self.name, _ADAPTER, parameters)
        names = (asked.rows, asked.columns)
        groups = Groups(read.grouping(self.name, "columns", names, dictionary))
        read.check_size(self.name, "columns", groups.size)
        read.check_answer(
            self.name, "columns", keys=groups.keys, labels=groups.labels, values=COUNTS
        )
        return groups
