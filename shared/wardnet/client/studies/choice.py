"""Which study a question belongs to, where its researcher names none."""

from collections.abc import Sequence
from typing import Final

from wardnet.client.printing.listing import Dataset
from wardnet.client.studies.grant import Grant, Permit
from wardnet.client.studies.record import SHORT, StudyRecord
from wardnet.errors import Reason, WardnetError

_LISTED: Final = 6


def choose(dataset: Dataset, records: Sequence[StudyRecord]) -> Grant:
    """Return what a question about a dataset rests on: the only study that allows one.

    Parameters
    ----------
    dataset : Dataset
        As the network lists it.
    records : Sequence of StudyRecord
        All that name me.

    Raises
    ------
    WardnetError
        `STUDY_NEEDED`, when none allows one or several do.
    """
    about = [record for record in records if record.study.data.dataset == dataset.name]
    usable = [record for record in about if not _lack(record, dataset)]
    if len(usable) != 1:
        raise _needed(dataset, _several(usable) if usable else _none(about, dataset))
    return grant_of(usable[0], dataset)


def named(dataset: Dataset, record: StudyRecord) -> Grant:
    """Return what a question rests on whose researcher has named the study.

    Raises
    ------
    WardnetError
        `STUDY_NEEDED`, when it does not allow one.
    """
    lack = _lack(record, dataset)
    if lack:
        raise _needed(dataset, f"{_title(record)} {lack}")
    return grant_of(record, dataset)


def grant_of(record: StudyRecord, dataset: Dataset) -> Grant:
    """Return what a study allows: the agreements of those hospitals that hold its dataset."""
    data = record.study.data
    fits = (data.dataset, data.dictionary) == (dataset.name, dataset.dictionary)
    return Grant(
        record.id,
        {
            hospital: Permit(agreement.digest, agreement.purpose, agreement.minimum_patients)
            for hospital, agreement in record.agreements.items()
            if fits and hospital in dataset.hospitals
        },
    )


def _lack(record: StudyRecord, dataset: Dataset) -> str:
    """Say why a study allows no question; nothing when it does."""
    data = record.study.data
    if data.dataset != dataset.name:
        return f"is about {data.dataset}"
    if data.dictionary != dataset.dictionary:
        return (
            "was written for another version of its dictionary; `wardnet study new` begins one "
            f"for the present version{_waiting(dataset)}"
        )
    status = f"`wardnet study status {record.id[:SHORT]}` shows what the hospitals have decided"
    if not record.agreements:
        return f"has no agreement in force; {status}"
    agreed = [record.agreements[name] for name in grant_of(record, dataset).permits]
    if not agreed:
        return (
            f"was agreed to, but none of those hospitals holds the dataset now{_waiting(dataset)}"
        )
    fewest = max(agreement.minimum_hospitals for agreement in agreed)
    if len(agreed) < fewest:
        have = f"{len(agreed)} hospital{'s have' if len(agreed) > 1 else ' has'}"
        need = f"needs at least {fewest} hospitals that hold the data, and {have} agreed"
        return f"{need}; {status}{_waiting(dataset)}"
    return ""


def _waiting(dataset: Dataset) -> str:
    """Name the hospitals that hold the dataset under another dictionary, and what can be done."""
    if not dataset.behind:
        return ""
    return (
        f"; {', '.join(dataset.behind)} must first adopt version {dataset.version} and load again: "
        "ask for it, or ask a question of the others"
    )


def _several(usable: Sequence[StudyRecord]) -> str:
    listed = [_title(record) for record in usable[:_LISTED]]
    if len(usable) > _LISTED:
        listed.append(f"{len(usable) - _LISTED} more")
    return f"name one of {', '.join(listed)} with --study"


def _none(about: Sequence[StudyRecord], dataset: Dataset) -> str:
    """Say what the newest study lacks, or how to begin one."""
    if not about:
        return f"you have none; `wardnet study new FILE --dataset {dataset.name}` begins one"
    return f"{_title(about[0])} {_lack(about[0], dataset)}"


def _title(record: StudyRecord) -> str:
    return f"{record.id[:SHORT]} ({record.study.project.title})"


def _needed(dataset: Dataset, rule: str) -> WardnetError:
    return WardnetError(Reason.STUDY_NEEDED, dataset=dataset.name, rule=rule)
