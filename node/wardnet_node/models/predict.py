"""Predict outcomes of the hospital's own patients: from a file of rows to a file of numbers.

Rows are read, predicted and written a block at a time, so that memory does not grow with the file.
Nothing stands in the file's place before the access log holds, durably, who was predicted.
"""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from wardnet import clock
from wardnet.audit import log, tags
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member
from wardnet.question.dictionary import Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics.model import Model
from wardnet_node.desk.events import by_operator
from wardnet_node.intake import batches, csv_file
from wardnet_node.intake.batches import Batch
from wardnet_node.intake.blocks import Progress, read_blocks
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.models.installed import InstalledModel
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.disk import disk_errors, sync

_TAG: Final = np.dtype("V32")


@dataclass(frozen=True, slots=True)
class Source:
    """Say what is predicted from.

    Parameters
    ----------
    path : Path
        A CSV file.
    local : LocalPart
        How it is written.
    accept_last_line : bool
        Whether a last line without a line end is whole.
    """

    path: Path
    local: LocalPart = field(default_factory=LocalPart)
    accept_last_line: bool = False


@dataclass(frozen=True, slots=True)
class Predicted:
    """Count what was predicted.

    Parameters
    ----------
    rows : int
        Lines written, one for each row of the file.
    missing : int
        Rows without a prediction, because a value was missing that the model needs.
    patients : int
        Different patients; 0 where the dictionary names none.
    """

    rows: int
    missing: int
    patients: int


class Predictor:
    """Predict with one model at one node.

    Parameters
    ----------
    catalog : Catalog
        Holds the access log.
    member : Member
        The node.
    tag_key : bytes
        32 bytes: `keystore.derive(tags.PURPOSE)`.
    """

    def __init__(self, catalog: Catalog, *, member: Member, tag_key: bytes) -> None:
        self._catalog = catalog
        self._member = member
        self._tag_key = tag_key

    def predict(
        self,
        installed: InstalledModel,
        source: Source,
        output: Path,
        *,
        progress: Progress | None = None,
    ) -> Predicted:
        """Write a prediction for every row of a file, in its order.

        Parameters
        ----------
        installed : InstalledModel
            The model; its `weights` stand in the log.
        output : Path
            A new CSV file, readable by its owner only: the patient where the dictionary names one,
            and a number, or the probability of each class.
        progress : callable or None
            Called with the bytes done and the bytes in all.

        Raises
        ------
        WardnetError
            `ALREADY_EXISTS`, `MODEL_COLUMN_FOREIGN`, `MODEL_ROWS_REJECTED`, `DISK_FULL`, and those
            of `batches.read`. There is no file then.
        """
        dictionary = installed.package.dictionary
        _check_header(source, dictionary)
        model = installed.model()
        wanted = {*model.columns, dictionary.patient}
        columns = tuple(column for column in dictionary.columns if column.name in wanted)
        read = batches.read(
            source.path,
            replace(dictionary, columns=columns),
            local=source.local,
            accept_last_line=source.accept_last_line,
            progress=progress,
        )
        with _new_file(output) as file:
            writing = _Writing(model, dictionary.patient, file)
            for batch in read:
                _check_batch(batch, source.path)
                writing.take(batch, self._tag_key)
            patients = writing.patients()
            self._log(installed, patients)
        return Predicted(writing.rows, writing.missing, len(patients))

    def _log(self, installed: InstalledModel, patients: NDArray[np.void]) -> None:
        package = installed.package
        told = f", {installed.weights} weights" if package.personal else ""
        event = replace(
            by_operator(self._member, EventType.MODEL_USED),
            request_digest=package.digest,
            dataset=package.asked.query.dataset,
            operation=f"model {package.statement.name}{told}",
        )
        at = clock.now()
        with self._catalog.transaction() as connection:
            for each in tags.in_batches(event, (one.tobytes().hex() for one in patients)):
                log.append(connection, each, at=at)


class _Writing:
    """Write predictions, and remember whose they are: 32 bytes of each patient of a block."""

    def __init__(self, model: Model, patient: str | None, file: BinaryIO) -> None:
        self._model = model
        self._keys = () if patient is None else (patient,)
        self._file = file
        self._tags = bytearray()
        self.rows = self.missing = 0

    def take(self, batch: Batch, tag_key: bytes) -> None:
        """Predict and write a block of rows."""
        found = self._model.predict(Rows(batch.rows, batch.columns)).reshape(batch.rows, -1)
        if not self.rows:
            self._write([(*self._keys, *_outputs(self._model, found.shape[1]))])
        cells = ([_cell(value) for value in line] for line in found.tolist())
        if batch.patients is None:
            self._write(cells)
        else:
            names = batch.patients.to_pylist()
            self._write([name, *line] for name, line in zip(names, cells, strict=True))
            known = (tags.tag(tag_key, name) for name in dict.fromkeys(names))
            self._tags += b"".join(map(bytes.fromhex, known))
        self.rows += batch.rows
        self.missing += int(np.isnan(found).any(axis=1).sum())

    def patients(self) -> NDArray[np.void]:
        """Return the tags of all patients, each once, in an order that says nothing."""
        return np.unique(np.frombuffer(self._tags, _TAG))

    def _write(self, lines: Iterable[Sequence[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(lines)
        self._file.write(text.getvalue().encode())


def _outputs(model: Model, number: int) -> Sequence[str]:
    """Name the columns of predictions."""
    if model.classes:
        return [f"probability of {name}" for name in model.classes]
    if model.outcome:
        return [f"predicted {model.outcome}"]
    return [f"component {place + 1}" for place in range(number)]


def _cell(value: float) -> str:
    return "" if np.isnan(value) else repr(value)


def _check_header(source: Source, dictionary: Dictionary) -> None:
    """Refuse a column that the dictionary does not know: it may be a file of something else.

    It is named by its place, because a file without a header has data there.
    """
    local = source.local
    first = next(read_blocks(source.path, encoding=local.encoding, quote=local.quote), None)
    header, _ = csv_file.read_header(first, path=source.path, local=local)
    known = {local.source(column.name) for column in dictionary.columns}
    for position, name in enumerate(header, start=1):
        if name not in known:
            raise WardnetError(
                Reason.MODEL_COLUMN_FOREIGN,
                file=str(source.path),
                position=position,
                dataset=dictionary.name,
            )


def _check_batch(batch: Batch, path: Path) -> None:
    """Refuse a row that does not fit: its patient would be left out, or another's number given."""
    if batch.rejects:
        first = batch.rejects[0]
        raise WardnetError(
            Reason.MODEL_ROWS_REJECTED,
            file=str(path),
            line=first.line,
            column=first.column,
            rule=first.rule,
        )


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that is in its place, durable, only once the block has ended well.

    Raises
    ------
    WardnetError
        `ALREADY_EXISTS`, `FILE_UNREADABLE` or `DISK_FULL`.
    """
    if path.exists():
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(path))
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        rule = "no file can be made there"
        raise WardnetError(Reason.FILE_UNREADABLE, file=str(path), rule=rule) from error
    try:
        with disk_errors(path):
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.link(name, path)  # fails where a file has come to be there meanwhile
            sync(path.parent)
    except FileExistsError:
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(path)) from None
    finally:
        Path(name).unlink(missing_ok=True)
