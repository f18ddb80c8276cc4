"""The rejects report: which lines of a file do not fit, why, and never what they say."""

import csv
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from typing import IO, Self

from wardnet.errors import Reason, WardnetError
from wardnet_node.intake.batches import Reject


class RejectsReport:
    """Write `line,column,rule` to a file that only its owner can read, from the first reject on.

    Parameters
    ----------
    path : Path
        Of the report; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.first: Reject | None = None
        self.by_rule: Counter[str] = Counter()
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        """Begin; no file is made before there is a reject."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close the file; a report that no message names is removed."""
        if self._file is None:
            return
        self._file.close()
        named = isinstance(error, WardnetError) and error.reason is Reason.ROWS_REJECTED
        if error is not None and not named:
            self.path.unlink(missing_ok=True)

    def add(self, rejects: Iterable[Reject]) -> None:
        """Write some rejects."""
        for reject in rejects:
            if self._file is None:
                self.first = reject
                self._file = self._open()
                self._file.write("line,column,rule\n")
            self.by_rule[reject.rule] += 1
            csv.writer(self._file, lineterminator="\n").writerow(astuple(reject))

    def _open(self) -> IO[str]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return os.fdopen(handle, "w", encoding="utf-8", newline="")
