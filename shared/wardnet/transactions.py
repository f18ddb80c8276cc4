"""Transactions of one SQLite connection, of which many may share one commit and so one fsync.

Every transaction is a savepoint: one that fails takes back its own changes only. All that run
within one `together` are durable at its end, all at once, or none of them.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext


class Transactions:
    """Run transactions on a connection, one thread at a time.

    Parameters
    ----------
    connection : Connection
        Without transactions of its own (`isolation_level=None`); SQLCipher's does as well.
    explained : Callable
        Makes the block in which what SQLite says about the disk gets its reason.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        explained: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._connection = connection
        self._explained = explained
        self._lock = threading.RLock()
        self._sharing = False
        self._begun = False
        self._lost: BaseException | None = None
        self._afterwards: dict[Callable[[], object], None] = {}

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make what the transactions of the block have written durable at its end, or none of it.

        Whatever the block promises to anybody, it may say after its end only.
        """
        with self._lock:
            if self._sharing:
                yield
                return
            self._sharing = True
            try:
                with self._explained():
                    yield
                    self._commit()
                afterwards = tuple(self._afterwards)
            finally:
                # A full disk may have rolled back already.
                if self._begun and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._sharing = self._begun = False
                self._lost = None
                self._afterwards.clear()
            for do in afterwards:
                do()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one writing transaction: all of it durable at the end, or nothing.

        Within `together` it is durable at the end of that.
        """
        with self.together(), self._explained():
            self._begin()
            self._connection.execute("SAVEPOINT part")
            try:
                yield self._connection
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK TO part")
                    self._connection.execute("RELEASE part")
                else:
                    self._lost = error  # with all that was written before
                raise
            self._connection.execute("RELEASE part")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one reading transaction: it sees one moment and keeps nobody waiting."""
        with self._lock, self._explained():
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    def afterwards(self, do: Callable[[], object]) -> None:
        """Do something once all that was written is durable: at once, or at the end of `together`.

        What is asked for several times is done once; what is not durable is not followed by it.
        """
        with self.together():
            self._afterwards[do] = None

    def _begin(self) -> None:
        if self._lost is not None:
            raise self._lost
        if not self._begun:
            self._connection.execute("BEGIN IMMEDIATE")
            self._begun = True

    def _commit(self) -> None:
        if self._lost is not None:
            raise self._lost
        if self._begun:
            self._connection.execute("COMMIT")
