"""Three busy months of a made-up hospital's log: enough to fill every figure."""

import random
from typing import Any

from support.log_entries import NODE, SOUTH, TAG, digest, entry, later
from wardnet.audit.entry import Actor, Budget, Entry, EventType, Outcome
from wardnet.errors import Reason

PEOPLE = tuple(
    f"wardnet://heartnet/researcher/{name}" for name in ("ann", "ben", "chloe", "dmitri")
)
AUDITOR = Actor(subject="wardnet://heartnet/auditor/olga", role="auditor", organisation="north")
DATASETS = ("cardiology", "intensive-care-admissions")
REASONS = (Reason.COHORT_TOO_SMALL, Reason.OUTSIDE_AGREEMENT, Reason.QUOTA_USED_UP)


def busy_log(*, queries: int = 400, seed: int = 5, node: str = NODE) -> list[Entry]:
    """Return a log of queries, answers, refusals, readings and parcels."""
    chance = random.Random(seed)
    entries: list[Entry] = []
    minutes, left = 0.0, 1_000_000

    def add(kind: EventType, outcome: Outcome, **fields: Any) -> None:  # noqa: ANN401 - of an entry
        place = {"node": node, "time": later(minutes), "type": kind, "outcome": outcome}
        entries.append(entry(len(entries) + 1, **place, **fields))

    add(EventType.STARTED, Outcome.DONE, subject="operator")
    for number in range(queries):
        minutes += chance.expovariate(1 / 300)
        study = min(int(chance.expovariate(0.8)), 3)
        about: dict[str, Any] = {
            "request_digest": digest(seed * 2**200 + number),
            "parameter_digest": digest(number),
            "study": digest(7 * 2**248 + study * 2**216),
            "agreement": digest(9 * 2**248 + study * 2**216),
            "dataset": chance.choice(DATASETS),
            "snapshot": "s1",
            "operation": chance.choice(("count 1", "summary 1", "quantiles 1")),
            "subject": chance.choice(PEOPLE),
        }
        if number % 30 == 0:
            add(EventType.LOG_READ, chance.choice((Outcome.DONE, Outcome.REFUSED)), actor=AUDITOR)
        if number % 50 == 0:
            parcel = {"patient_tags": (TAG,), "recipient": SOUTH, "operation": "parcel"}
            add(EventType.DATASET_LOADED, Outcome.RELEASED, purpose="DUO:0000006", **parcel)
        ending = chance.random()
        if ending < 0.12:
            add(EventType.QUERY_FAILED, Outcome.REFUSED, reason=chance.choice(REASONS), **about)
            continue
        add(EventType.QUERY_ACCEPTED, Outcome.DONE, **about)
        minutes += 0.2
        if ending < 0.18:
            lost = {"reason": Reason.HOSPITALS_LOST, **about}
            add(EventType.QUERY_FAILED, Outcome.FAILED, **lost)
        elif ending < 0.2:
            add(EventType.QUERY_CANCELLED, Outcome.DONE, **about)
        else:
            cost = chance.randint(500, 2500)
            left -= cost
            budget = Budget(mechanism="gauss", cost=cost, left=left)
            add(EventType.QUERY_ANSWER, Outcome.RELEASED, budget=budget, **about)
    return entries
