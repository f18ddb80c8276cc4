"""The card of a model: what it is, on whom it rests, and what it is for.

All of it follows from what was signed. Only the intended use, the limits and the title of the study
are the researcher's own words.
"""

from collections.abc import Mapping

from wardnet.canonical import Json
from wardnet.model.package import Asked, Package
from wardnet.question.answer import Table
from wardnet.question.cohort import Everyone
from wardnet.question.grammar import write
from wardnet.question.query import Query
from wardnet.statistics.regression.estimates import FIT
from wardnet.statistics.trees.table import MODEL


def card(package: Package) -> Mapping[str, Json]:
    """Return the card, as JSON.

    Parameters
    ----------
    package : Package
        Verified.

    Raises
    ------
    WardnetError
        As `Package.model`.
    """
    statement, asked, model = package.statement, package.asked, package.model()
    query, answer = asked.query, asked.answer
    return {
        "name": statement.name,
        "intended_use": statement.intended_use,
        "limits": statement.limits,
        "digest": package.digest,
        "researcher": package.researcher.uri,
        "made": statement.made,
        "study": {"title": statement.title, "digest": query.study},
        "purpose": query.purpose,
        "dataset": query.dataset,
        "dictionary": {"version": package.dictionary.version, "digest": query.dictionary},
        "method": answer.method,
        "method_version": answer.method_version,
        "parameters": query.parameters,
        "where": _where(query),
        "outcome": model.outcome,
        "columns": list(model.columns),
        "classes": list(model.classes),
        "importance": dict(model.importance()),
        "hospitals": [
            {"hospital": each.hospital, "snapshot": each.snapshot} for each in answer.participants
        ],
        "rounds": answer.rounds,
        "fit": _fit(asked.table),
        "rules": list(answer.rules),
        "evaluations": [_evaluation(each) for each in package.evaluations],
    }


def _fit(table: Table) -> dict[str, Json]:
    """Return what the answer says of the fit: how many rows, and how close; or its last round."""
    if len(table.keys) == 1:
        return dict(zip((*table.keys, *table.values), table.rows[-1], strict=True))
    facts: dict[str, Json] = {}
    for row in table.rows:
        if row[0] == FIT:
            facts[str(row[1])] = row[len(table.keys)]
        if row[0] == MODEL:
            facts |= zip(table.values, row[len(table.keys) :], strict=True)
    return facts


def _evaluation(asked: Asked) -> Json:
    names = (*asked.table.keys, *asked.table.values)
    return {
        "query": asked.answer.query,
        "hospitals": [each.hospital for each in asked.answer.participants],
        "where": _where(asked.query),
        "metrics": [dict(zip(names, row, strict=True)) for row in asked.table.rows],
    }


def _where(query: Query) -> str | None:
    return None if isinstance(query.cohort, Everyone) else write(query.cohort)


def summary(package: Package) -> Mapping[str, Json]:
    """Return the card in a few lines: what it predicts, from what, and who stands for it.

    Raises
    ------
    WardnetError
        As `Package.model`.
    """
    asked, model = package.asked, package.model()
    return {
        "name": package.statement.name,
        "predicts": model.outcome or "components",
        "from": ", ".join(model.columns),
        "dataset": asked.query.dataset,
        "method": f"{asked.answer.method} version {asked.answer.method_version}",
        "hospitals": ", ".join(each.hospital for each in asked.answer.participants),
        "researcher": package.researcher.id,
        "intended_use": package.statement.intended_use,
        "limits": package.statement.limits,
        "digest": package.digest,
    }


def markdown(told: Mapping[str, Json]) -> str:
    """Return a card as Markdown, its fields as sections."""
    lines = [f"# Model card: {told['name']}", ""]
    for name, value in told.items():
        if name != "name":
            lines += [f"## {name.replace('_', ' ').capitalize()}", "", *_lines(value), ""]
    return "\n".join(lines[:-1]) + "\n"


def _lines(value: Json) -> list[str]:
    """Return what a field says: a list as bullets, a mapping as its names and values."""
    match value:
        case dict():
            return [f"- {name}: {_inline(each)}" for name, each in value.items()] or ["-"]
        case list():
            return [f"- {_inline(each)}" for each in value] or ["-"]
        case _:
            return [_inline(value)]


def _inline(value: Json) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {_inline(each)}" for name, each in value.items())
        case list():
            return ", ".join(map(_inline, value))
        case None | "":
            return "-"
        case _:
            return str(value)
