"""Count rows and patients, by up to three columns."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet.question.dictionary import STRICT, Dictionary, Name
from wardnet.statistics import parameters as read
from wardnet.statistics.cells import COUNTS, CellCounts
from wardnet.statistics.groups import Groups


@dataclass(frozen=True, config=STRICT)
class Parameters:
    """Hold what `count` takes.

    Parameters
    ----------
    by : tuple of str
        Up to three columns with levels.
    """

    by: Annotated[tuple[Name, ...], Field(max_length=3)] = ()


_ADAPTER: Final = TypeAdapter(Parameters)


class Count(CellCounts[Groups]):
    """Count the rows and patients of a cohort, by the levels of up to three columns.

    Notes
    -----
    A row without a level in one of the columns is in no cell.

    Examples
    --------
    Parameters: ``{"by": ["sex", "smoker"]}``.
    """

    name: ClassVar[str] = "count"
    version: ClassVar[int] = 1

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Groups:
        """Check parameters against the dictionary."""
        asked = read.read(self.name, _ADAPTER, parameters)
        groups = Groups(read.grouping(self.name, "by", asked.by, dictionary))
        read.check_size(self.name, "by", groups.size)
        read.check_answer(self.name, "by", keys=groups.keys, labels=groups.labels, values=COUNTS)
        return groups
