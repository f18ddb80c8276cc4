"""Harmonisation: does a study fit what the hospitals hold, before anybody signs it.

Hospitals that hold a dataset under one dictionary agree on every column's type, unit and levels,
for its digest pins them. So a study fits when its hospitals hold the dataset under the dictionary
that it names, and that dictionary has its columns.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from wardnet import clock
from wardnet.agreement.study import Study
from wardnet.client.printing.listing import Columns, Dataset, Listing
from wardnet.client.studies.draft import Identity
from wardnet.statistics.methods import METHODS


@dataclass(frozen=True, slots=True)
class Finding:
    """Name one thing in which a study does not fit.

    Parameters
    ----------
    field : str
        Of the study, e.g. `data.columns`.
    problem : str
        One sentence.
    """

    field: str
    problem: str


def findings(items: Iterable[Finding]) -> Listing[Finding]:
    """List what does not fit."""
    return Listing("what does not fit", items, record=asdict, shown=asdict)


def find(
    study: Study,
    *,
    identity: Identity,
    dataset: Dataset | None,
    columns: Columns | None,
    hospitals: Sequence[str],
    at: datetime,
) -> Iterator[Finding]:
    """Yield everything in which a study does not fit.

    Parameters
    ----------
    identity : Identity
        Who will sign it.
    dataset, columns : Dataset, Columns or None
        The study's, as the network has them; None when it has none of that name.
    hospitals : Sequence of str
        All of the network.
    at : datetime
        The present moment.
    """
    yield from _people(study, identity, at)
    yield from _methods(study)
    if dataset is None or columns is None:
        yield Finding("data.dataset", f"The network has no dataset {study.data.dataset}.")
        return
    yield from _data(study, dataset, columns)
    yield from _hospitals(study, dataset, hospitals)


def _people(study: Study, identity: Identity, at: datetime) -> Iterator[Finding]:
    if study.network != identity.network:
        yield Finding("network", f"You are a member of {identity.network}.")
    if study.not_after <= clock.to_moment(at):
        yield Finding("not_after", "The study has ended.")
    if (identity.id, identity.key) not in {(person.id, person.key) for person in study.people}:
        yield Finding("people", f"It must name you: id {identity.id} with the key {identity.key}.")


def _methods(study: Study) -> Iterator[Finding]:
    for method in study.output.methods:
        known = METHODS.get(method.name)
        if known is None:
            yield Finding("output.methods", f"There is no method {method.name}.")
        elif known.version != method.version:
            yield Finding(
                "output.methods", f"The present version of {method.name} is {known.version}."
            )


def _data(study: Study, dataset: Dataset, columns: Columns) -> Iterator[Finding]:
    if study.data.dictionary != dataset.dictionary:
        yield Finding(
            "data.dictionary",
            f"The present dictionary of {dataset.name} is version {dataset.version}, with the "
            f"digest {dataset.dictionary}; types, units and levels may differ.",
        )
    shared = {column.name for column in columns}
    for name in study.data.columns:
        if name not in shared:
            yield Finding("data.columns", f"{dataset.name} has no column {name} to ask about.")


def _hospitals(study: Study, dataset: Dataset, hospitals: Sequence[str]) -> Iterator[Finding]:
    for name in study.setting.hospitals:
        if name not in hospitals:
            yield Finding("setting.hospitals", f"The network has no hospital {name}.")
        elif name not in dataset.hospitals:
            yield Finding(
                "setting.hospitals",
                f"{name} does not hold {dataset.name} under its present dictionary.",
            )
