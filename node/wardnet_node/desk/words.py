"""A study in plain language: for the stewards' page and for `wardnet-node study show`.

What it says about leaks is what docs/limitations.md says, as far as it concerns this one study.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from wardnet.agreement.agreement import Agreement
from wardnet.agreement.purpose import LABELS, Modifier, Permission, Purpose
from wardnet.agreement.study import Study
from wardnet.audit.entry import Entry, EventType
from wardnet.audit.scope import Scope
from wardnet.clock import from_moment
from wardnet.question.dictionary import NEVER_SHARED, TIMES, Column, ColumnType, Dictionary

METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "boosting": "Rules that predict a characteristic from others, improved step by step.",
        "count": "How many patients there are, also by sex, age group and the like.",
        "crosstab": "How many patients have each combination of two characteristics.",
        "fedavg": "A formula or small network that learns from each hospital's patients by turns.",
        "evaluate": "How well a model, given with the question, predicts a characteristic.",
        "forest": "Rules that predict a characteristic from others, by a vote of many.",
        "glm": "How other characteristics go along with yes or no, or with a count.",
        "histogram": "How many patients fall into each range of a measurement.",
        "kmeans": "Groups of patients that are alike, described by their averages.",
        "linear": "How other characteristics go along with a measurement.",
        "mixture": "Overlapping groups of patients, described by averages and spreads.",
        "pca": "Along which lines measurements vary together, without any patient's own.",
        "quantiles": "The median and other cut points of a measurement, never the extremes.",
        "summary": "The mean, the spread and the shape of a measurement, also by group.",
    }
)
"""One sentence for each method of this version."""

_PERMISSIONS: Final[Mapping[Permission, str]] = MappingProxyType(
    {
        Permission.NRES: "Any use, without restriction.",
        Permission.GRU: "Any research.",
        Permission.HMB: "Research on health, medicine or biology.",
        Permission.DS: "Research on these diseases only: {diseases}.",
        Permission.POA: "Research on the origins or ancestry of populations only.",
    }
)
_MODIFIERS: Final[Mapping[Modifier, str]] = MappingProxyType(
    {
        Modifier.RS: "Only for the kind of research that the description names.",
        Modifier.NMDS: "Not for developing methods.",
        Modifier.GSO: "Only for genetic studies.",
        Modifier.PUB: "The results must be published.",
        Modifier.COL: "The researchers must work together with the hospital.",
        Modifier.IRB: "An ethics committee must have approved it.",
        Modifier.GS: "Only within a region.",
        Modifier.MOR: "Not to be published before an agreed date.",
        Modifier.TS: "Only for a limited time.",
        Modifier.US: "Only by the people named here.",
        Modifier.PS: "Only for this project.",
        Modifier.IS: "Only by the organisations named here.",
        Modifier.RTN: "The results must be given back to the hospital.",
        Modifier.NPOA: "Not for research on origins or ancestry.",
        Modifier.NPU: "Only by organisations that work without profit.",
        Modifier.NCU: "Not for commercial use.",
    }
)

_LONG_QUOTA: Final = 200


def purpose(value: Purpose) -> tuple[str, ...]:
    """Return what data may be used for: the use, then its restrictions and duties."""
    modifiers = (_MODIFIERS[modifier] for modifier in value.modifiers)
    use = _PERMISSIONS[value.permission].format(diseases=", ".join(value.diseases))
    return (use, *modifiers)


def codes(value: Purpose) -> str:
    """Return the codes behind the words."""
    used: list[Permission | Modifier] = [value.permission, *value.modifiers]
    names = [f"{code.value} {LABELS[code]}" for code in used]
    return "; ".join([*names, *value.diseases])


def column(value: Column | None) -> str:
    """Return what a column holds, in one line; nothing is said of one that we do not have."""
    if value is None:
        return "This hospital has no such column."
    unit = f" {value.unit}" if value.unit else ""
    match value.type:
        case ColumnType.BOOLEAN:
            return "yes or no"
        case _ if value.levels:
            return "one of " + ", ".join(value.levels)
        case _ if value.minimum:
            return f"{value.minimum} to {value.maximum}{unit}"
        case _:
            return value.type.value


def moment(text: str) -> str:
    """Return a moment for people, to the minute.

    Examples
    --------
    >>> moment("2026-01-31T08:15:00.000Z")
    '31 January 2026, 08:15 UTC'
    """
    return f"{day(text)}, {from_moment(text):%H:%M} UTC"


def day(text: str) -> str:
    """Return the day of a moment for people.

    Examples
    --------
    >>> day("2026-01-31T08:15:00.000Z")
    '31 January 2026'
    """
    time = from_moment(text)
    return f"{time.day} {time:%B %Y}"


_HAPPENED: Final[Mapping[EventType, str]] = MappingProxyType(
    {
        EventType.STARTED: "node started",
        EventType.STOPPED: "node stopped",
        EventType.BOOK_CHANGED: "address book changed",
        EventType.LOG_LOCKED: "node locked: a witness has seen another log",
        EventType.LOG_EXTENDED: "time without witnesses extended by two stewards",
        EventType.FORK_FOUND: "another member's log has forked",
        EventType.CLOCK_STEP: "clock was moved",
        EventType.BREAK_GLASS: "node unlocked by two stewards",
        EventType.KEY_CREATED: "new key or codes",
        EventType.STEWARD_LOGIN: "steward's sign-in",
        EventType.AUDITOR_LOGIN: "auditor's sign-in",
        EventType.AUDITOR_INVITED: "auditor invited to the desk",
        EventType.AUDITOR_GRANTED: "auditor may read",
        EventType.AUDITOR_REVOKED: "auditor may read no more",
        EventType.LOG_READ: "log was read",
        EventType.PASSWORD_CHANGED: "steward's password changed",
        EventType.CONSENT_CHANGED: "list of who is shared changed",
        EventType.SHARE_REQUESTED: "records were asked for",
        EventType.SHARE_DECLINED: "records will not be handed over",
        EventType.SHARE_GRANTED: "records may be handed over",
        EventType.SHARE_REVOKED: "leave to hand records over taken back",
        EventType.SHARE_READY: "sealed records are ready to be fetched",
        EventType.SHARE_FETCHED: "sealed records were fetched",
        EventType.SHARE_OPENED: "records of another hospital were opened",
        EventType.SHARE_READ: "records of another hospital were read",
        EventType.SHARE_DESTROYED: "keys to another hospital's records destroyed",
        EventType.MODEL_INSTALLED: "model installed",
        EventType.MODEL_REMOVED: "model removed",
        EventType.MODEL_USED: "patients' outcomes predicted by a model",
        EventType.QUERY_EXPLAINED: "asked what would be refused",
        EventType.QUERY_ACCEPTED: "question accepted",
        EventType.QUERY_PART: "our part of an answer sent",
        EventType.QUERY_ANSWER: "answer sent",
        EventType.QUERY_FAILED: "question refused or failed",
    }
)


def happened(kind: EventType) -> str:
    """Return what an entry of the access log tells, in words."""
    return _HAPPENED.get(kind, kind.value.replace("_", " "))


def who(subject: str) -> str:
    """Return who an entry names: of a member its role and id.

    Examples
    --------
    >>> who("wardnet://heartnet/researcher/ada"), who("operator")
    ('researcher ada', 'operator')
    """
    return " ".join(subject.split("/")[-2:]) if "//" in subject else subject


def entry(value: Entry) -> tuple[tuple[str, str], ...]:
    """Return what an entry says, as titles and texts, without what does not apply."""
    actor = value.actor
    facts = (
        ("When", f"{value.time[:19].replace('T', ' ')} UTC"),
        ("What happened", happened(value.type)),
        ("Outcome", value.outcome or ""),
        ("Because", ", ".join(reason.replace("_", " ") for reason in value.why)),
        ("Who", who(actor.subject) + (f", {actor.organisation}" if actor.organisation else "")),
        ("From the address", value.peer_address or ""),
        ("On behalf of", actor.on_behalf_of or ""),
        ("Received by", who(value.recipient or "")),
        ("Method", value.operation or ""),
        ("Dataset", " ".join(filter(None, (value.dataset, value.snapshot)))),
        ("Patients", value.cohort_size_band or ""),
        ("Withheld", "" if value.cells_withheld is None else f"{value.cells_withheld} cells"),
        ("Cost", f"{value.budget.cost}, {value.budget.left} left" if value.budget else ""),
        ("Patient's tag", " ".join(value.patient_tags)),
        ("Request", value.request_digest or ""),
        ("What was signed", value.statement or ""),
        ("Written by", value.software_version),
    )
    return tuple((title, text) for title, text in facts if text)


def scope(value: Scope) -> tuple[str, ...]:
    """Return what an auditor may read, a sentence for each limit."""
    return tuple(_scope(value))


def _scope(value: Scope) -> Iterator[str]:
    if value.whole:
        yield "Every entry of the access log."
    else:
        yield "Only entries of the access log that fit all of this:"
    if value.datasets:
        yield f"about the {_listed('dataset', value.datasets)};"
    if value.studies:
        yield f"about the {_listed('study', [study[:8] for study in value.studies])};"
    if value.kinds:
        yield f"telling of: {', '.join(happened(kind) for kind in value.kinds)};"
    if value.since:
        yield f"from {day(value.since)} on;"
    if value.until:
        yield f"before {day(value.until)}."
    yield (
        "May look for entries about one patient by the patient's number."
        if value.patients
        else "May not look for a patient."
    )
    yield (
        "May read the answers that were released, not only that they were."
        if value.answers
        else "May not read the answers themselves."
    )


def _listed(one: str, names: Sequence[str]) -> str:
    several = {"dataset": "datasets", "study": "studies"}
    return f"{one if len(names) == 1 else several[one]} {', '.join(names)}"


def size(number: int) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> size(1_500_000_000), size(12_000)
    ('1.5 GB', '12 kB')
    """
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number} bytes"


def leaks(
    study: Study, agreement: Agreement, *, dictionary: Dictionary | None
) -> tuple[tuple[str, str], ...]:
    """Return what others could learn about the patients of this hospital, with a title each.

    Parameters
    ----------
    study : Study
        What is proposed.
    agreement : Agreement
        What would be allowed, equal or narrower.
    dictionary : Dictionary or None
        What the columns mean here.
    """
    return tuple(_leaks(study, agreement, dictionary))


def _leaks(
    study: Study, agreement: Agreement, dictionary: Dictionary | None
) -> Iterator[tuple[str, str]]:
    fewest, others = agreement.minimum_patients, len(study.setting.hospitals)
    yield (
        "No patient's record",
        (
            "No row and no identifier leaves this hospital. Answers are totals over the hospitals "
            f"that take part; where they describe fewer than {fewest} patients, they are withheld."
        ),
    )
    yield (
        "Our own subtotals",
        (
            "To add the hospitals' numbers, the network's coordinator holds ours in memory for a "
            "moment and could read them: our counts and sums, not our records."
            if others > 1
            else "This hospital is the only one asked: every answer describes our patients alone."
        ),
    )
    if 1 <= agreement.minimum_hospitals < others:
        yield (
            "Our part of an answer",
            (
                f"An answer may rest on {_hospitals(agreement.minimum_hospitals)} of {others}. "
                "Whoever asks once with us and once without us can take the difference, which "
                f"describes our patients alone. Requiring all {others} prevents this."
            ),
        )
    yield (
        "Small groups, by comparing answers",
        (
            "Two answers about nearly the same patients can differ by a single person, and so tell "
            f"something about that person. Fewer questions ({agreement.quota} here) and a higher "
            "minimum of patients make this harder; they never make it impossible."
        ),
    )
    if agreement.quota >= _LONG_QUOTA:
        yield (
            "Many questions",
            (
                f"{agreement.quota} questions are a lot. With many exact answers, parts of the "
                "table can be worked out. Consider a lower number; more can be agreed to later."
            ),
        )
    exact = {method.name for method in agreement.methods}
    if "summary" in exact:
        yield (
            "Exact means",
            (
                "Means and spreads are exact. For a group of about ten patients and whole numbers, "
                "they can nearly determine the single values. A higher minimum of patients helps."
            ),
        )
    if exact & {"crosstab", "histogram"}:
        yield (
            "Withheld cells",
            (
                "A cell that is withheld can sometimes be computed from the other cells and a "
                "total that was asked for separately."
            ),
        )
    if "evaluate" in exact:
        yield (
            "Chosen models",
            (
                "Only models that hospitals have fitted and signed are evaluated. Which of them, "
                "and with which columns, the researcher chooses: one that rests on a column that "
                "singles people out tells of few. Leave such columns out."
            ),
        )
    looked_at = sorted({*agreement.columns, *agreement.cohort_columns})
    telling = _telling(looked_at, dictionary)
    if telling:
        yield (
            "Telling columns",
            (
                f"Somebody who knows a patient could recognise a small group by {_list(telling)}. "
                "Leave such a column out if the question does not need it."
            ),
        )


def _telling(names: Sequence[str], dictionary: Dictionary | None) -> tuple[str, ...]:
    """Return the columns whose single values are known outside: dates, and lists of many levels."""
    columns = {column.name: column for column in dictionary.columns} if dictionary else {}
    return tuple(
        columns[name].label or name
        for name in names
        if name in columns
        and columns[name].type not in NEVER_SHARED
        and (columns[name].type in TIMES or len(columns[name].levels) > 20)
    )


def _hospitals(number: int) -> str:
    return "one hospital" if number == 1 else f"{number} hospitals"


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
