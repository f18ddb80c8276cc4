"""The card of a model: what it is, on whom it rests, and what it is for.

All of it follows from what was signed. Only the intended use, the limits and the title of the study
are the researcher's own words.
"""

from collections.abc import Mapping

from wardnet.canonical import Json
from wardnet.model.package import Asked, Package
from wardnet.question.cohort import Everyone
from wardnet.question.grammar import write
from wardnet.question.query import Query


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
        "rules": list(answer.rules),
        "evaluations": [_evaluation(each) for each in package.evaluations],
        "intended_use": statement.intended_use,
        "limits": statement.limits,
    }


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
