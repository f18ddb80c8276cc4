"""Every reason has a row, and a sentence can always be written."""

import pickle

import pytest

from wardnet.errors import CATALOGUE, DETAIL_NAMES, EXIT_CODES, Reason, WardnetError


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_with_known_fields_and_an_exit_code(reason: Reason) -> None:
    """No cause is without words, and no sentence asks for a forbidden detail."""
    row = CATALOGUE[reason]
    assert row.fields <= DETAIL_NAMES
    error = WardnetError(reason, **dict.fromkeys(row.fields, "x"))
    assert "{" not in str(error)
    assert error.row.exit_code >= 3


def test_exit_codes_are_distinct() -> None:
    """A script can tell the classes apart."""
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)


def test_missing_and_unknown_details_are_bugs() -> None:
    """A wrong detail fails at once, not when a person reads the sentence."""
    with pytest.raises(TypeError):
        WardnetError(Reason.PASSPHRASE_WEAK)
    with pytest.raises(TypeError):
        WardnetError(Reason.QUERY_CANCELLED, age=40)


def test_an_error_survives_the_way_from_a_worker_process() -> None:
    """Reason and details come back unchanged from our own workers."""
    error = WardnetError(Reason.PASSPHRASE_WEAK, rule="short")
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, again.details) == (error.reason, error.details)
