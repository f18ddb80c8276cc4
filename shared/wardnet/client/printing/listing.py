"""Lists of what a network holds: sequences of values that print as tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from wardnet.canonical import Json
from wardnet.client.printing.sheet import Sheet
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import NEVER_SHARED, Column, Dictionary

if TYPE_CHECKING:
    import pandas as pd

M = TypeVar("M")
T = TypeVar("T")


class Listing(Sequence[T], Generic[T]):
    """Hold values of one kind; prints as a table.

    Parameters
    ----------
    title : str
        One line above the table.
    items : Iterable
        The values.
    record : callable
        Gives a value's fields by name, ready for JSON.
    shown : callable
        Gives the texts that the table shows, by name.
    """

    def __init__(
        self,
        title: str,
        items: Iterable[T],
        *,
        record: Callable[[T], Mapping[str, Json]],
        shown: Callable[[T], Mapping[str, str]],
    ) -> None:
        self.title = title
        self._items = tuple(items)
        self._record = record
        self._shown = shown

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        """Return one value, or several."""
        return self._items[index]

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._items)

    def to_dict(self) -> list[Mapping[str, Json]]:
        """Return the values as JSON."""
        return [self._record(item) for item in self._items]

    def to_frame(self) -> "pd.DataFrame":
        """Return the values as a pandas frame, one row each."""
        import pandas as pd  # noqa: PLC0415 - slow to load, and most commands do without

        return pd.DataFrame([dict(record) for record in self.to_dict()])

    def __repr__(self) -> str:
        """Return the table as text."""
        return self.sheet().text()

    def _repr_html_(self) -> str:
        return self.sheet().html()

    def sheet(self) -> Sheet:
        """Return the table as a person sees it."""
        shown = [self._shown(item) for item in self._items]
        if not shown:
            return Sheet(f"{self.title}: none yet", (), (), 0)
        headers = tuple(shown[0])
        rows = tuple(tuple(record.values()) for record in shown)
        return Sheet(self.title, headers, rows, keys=len(headers))


def verified(
    title: str,
    messages: Iterable[M],
    read: Callable[[M], T],
    *,
    record: Callable[[T], Mapping[str, Json]],
    shown: Callable[[T], Mapping[str, str]],
) -> Listing[T]:
    """List what the coordinator delivered, as far as its signatures hold.

    What does not hold, because somebody lied or a certificate has expired, is left out and
    counted in the title: it must not stand in the way of the rest.

    Parameters
    ----------
    messages : Iterable
        What was delivered.
    read : callable
        Verifies and reads one message.
    """
    items, refused = [], 0
    for message in messages:
        try:
            items.append(read(message))
        except WardnetError as error:
            if error.reason is not Reason.SIGNATURE_INVALID:
                raise
            refused += 1
    told = f"{title} ({refused} more left out: signatures do not hold)" if refused else title
    return Listing(told, items, record=record, shown=shown)


class Columns(Listing[Column]):
    """Hold the columns of a dataset that questions may name; prints as a table.

    Parameters
    ----------
    dictionary : Dictionary
        The dataset's description, with all its columns.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        label = f": {dictionary.label}" if dictionary.label else ""
        super().__init__(
            f"{dictionary.name}, version {dictionary.version}{label}",
            (column for column in dictionary.columns if column.type not in NEVER_SHARED),
            record=column_record,
            shown=_shown,
        )

    def to_json(self) -> dict[str, Json]:
        """Return the whole description as JSON."""
        return {
            "dataset": self.dictionary.name,
            "version": self.dictionary.version,
            "label": self.dictionary.label,
            "digest": self.dictionary.digest,
            "patient": self.dictionary.patient,
            "columns": [dict(record) for record in self.to_dict()],
        }


def column_record(column: Column) -> Mapping[str, Json]:
    """Return a column's description as JSON."""
    return {
        "name": column.name,
        "type": column.type.value,
        "label": column.label,
        "unit": column.unit,
        "levels": list(column.labels),
        "minimum": column.minimum or None,
        "maximum": column.maximum or None,
        "resolution": column.resolution or None,
    }


def _shown(column: Column) -> Mapping[str, str]:
    return {
        "name": column.name,
        "type": column.type.value,
        "values": _values(column),
        "unit": column.unit,
        "label": column.label,
    }


def _values(column: Column) -> str:
    if column.labels:
        return ", ".join(column.labels)
    step = f", step {column.resolution}" if column.resolution not in {"", "1"} else ""
    return f"{column.minimum} to {column.maximum}{step}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Describe one dataset of the network.

    Parameters
    ----------
    name, label : str
        Its name, and one line for people.
    version : int
        Of its current dictionary.
    dictionary : str
        Digest of its current dictionary.
    hospitals : tuple of str
        Who holds it, sorted.
    behind : tuple of str
        Who holds it under another dictionary, and is therefore not asked; sorted.
    """

    name: str
    label: str
    version: int
    dictionary: str
    hospitals: tuple[str, ...]
    behind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hospital:
    """Describe one hospital of the network.

    Parameters
    ----------
    hospital : str
        Its id.
    connected : bool
        Whether its node is connected now.
    """

    hospital: str
    connected: bool


def datasets(items: Iterable[Dataset]) -> Listing[Dataset]:
    """List datasets."""
    return Listing("datasets", items, record=_dataset_record, shown=_dataset_shown)


def hospitals(items: Iterable[Hospital]) -> Listing[Hospital]:
    """List hospitals."""
    return Listing("hospitals", items, record=asdict, shown=_hospital_shown)


def _dataset_record(dataset: Dataset) -> Mapping[str, Json]:
    lists = {"hospitals": list(dataset.hospitals), "behind": list(dataset.behind)}
    return {**asdict(dataset), **lists}


def _dataset_shown(dataset: Dataset) -> Mapping[str, str]:
    return {
        "name": dataset.name,
        "version": str(dataset.version),
        "hospitals": ", ".join(dataset.hospitals),
        "not adopted yet": ", ".join(dataset.behind),
        "label": dataset.label,
    }


def _hospital_shown(hospital: Hospital) -> Mapping[str, str]:
    return {"name": hospital.hospital, "connected": "yes" if hospital.connected else "no"}
