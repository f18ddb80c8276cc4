"""What the hospital has before it: the studies, how each stands, and its plain words."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from wardnet.agreement.agreement import Agreement, accept_whole
from wardnet.agreement.study import Study
from wardnet.agreement.view import View
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Dictionary
from wardnet_node.desk import studies
from wardnet_node.desk.knowledge import Known, Proposal
from wardnet_node.desk.ledger import Ledger
from wardnet_node.desk.plain import Section, describe
from wardnet_node.desk.study_state import StudyState, in_force, state_of
from wardnet_node.vault import tables

if TYPE_CHECKING:
    import sqlite3

_SHORTEST_PREFIX: Final = 6


class Look(Ledger):
    """Show what holds; nothing is changed."""

    def view(self, *, question: str = "") -> View:
        """Return what this hospital knows at this moment, for `judge`.

        Parameters
        ----------
        question : str
            Digest of the question that is decided on: it does not count as used.
        """
        with self._catalog.reading() as connection:
            view = self._knowledge.look(connection).view
            return replace(view, used=studies.uses(connection, without=question))

    def studies(self) -> tuple[StudyState, ...]:
        """Return all studies, newest first."""
        with self._catalog.reading() as connection:
            known = self._knowledge.look(connection)
            used = studies.uses(connection)
        states = [
            state_of(proposal, used=used.get(digest, 0))
            for digest, proposal in known.proposals.items()
        ]
        return tuple(states)[::-1]

    def study(self, prefix: str) -> StudyState:
        """Return the study whose digest begins so.

        Parameters
        ----------
        prefix : str
            At least 6 characters.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN` when none does, or several.
        """
        with self._catalog.reading() as connection:
            proposal = find(self._knowledge.look(connection), prefix)
            used = studies.uses(connection)
        return state_of(proposal, used=used.get(proposal.study.digest, 0))

    def draft(self, prefix: str) -> Agreement:
        """Return the agreement that would allow all that a study proposes, to be narrowed.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`.
        """
        state = self.study(prefix)
        newest = state.agreement.revision if state.agreement else 0
        return accept_whole(state.study, hospital=self._member.id, revision=newest + 1)

    def concerns(self, prefix: str) -> tuple[WardnetError, ...]:
        """Return why a study cannot be agreed to as things are: dataset, dictionary, columns.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`.
        """
        study = self.study(prefix).study
        with self._catalog.reading() as connection:
            return tuple(concerns(connection, study))

    def describe(self, prefix: str) -> tuple[Section, ...]:
        """Return a study in plain language.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`.
        """
        with self._catalog.reading() as connection:
            known = self._knowledge.look(connection)
            proposal = find(known, prefix)
            dictionary = adopted(connection, proposal.study)
        return describe(
            proposal.study,
            in_force(proposal) or accept_whole(proposal.study, hospital=self._member.id),
            book=known.view.book,
            signers=proposal.signers,
            dictionary=dictionary,
        )


def concerns(connection: Connection, study: Study) -> Iterator[WardnetError]:
    """Yield why a study cannot be agreed to as things are: dataset, dictionary, columns."""
    name = study.data.dataset
    dictionary = adopted(connection, study)
    if dictionary is None:
        yield WardnetError(Reason.DATASET_UNAVAILABLE, dataset=name)
        return
    if dictionary.digest != study.data.dictionary:
        yield WardnetError(Reason.DICTIONARY_OUTDATED, dataset=name)
    there = {column.name for column in dictionary.columns}
    for column in sorted(set(study.data.columns) - there):
        yield WardnetError(Reason.COLUMN_UNAVAILABLE, column=column, dataset=name)


def adopted(connection: Connection, study: Study) -> Dictionary | None:
    """Return the dictionary of a study's dataset as it lies here, or None."""
    found = tables.dataset(cast("sqlite3.Connection", connection), study.data.dataset)
    return found.dictionary if found else None


def find(known: Known, prefix: str) -> Proposal:
    """Return the study whose digest begins so, or raise `STUDY_UNKNOWN`."""
    found = [
        proposal
        for digest, proposal in known.proposals.items()
        if digest.startswith(prefix) and len(prefix) >= _SHORTEST_PREFIX
    ]
    if len(found) != 1:
        raise WardnetError(Reason.STUDY_UNKNOWN, study=prefix[:64])
    return found[0]
