"""Whose patients are counted before a model is learned, and what withholds it."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from wardnet.learning.plan import Plan
from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals
from wardnet.question.dictionary import NUMBERS, Column
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics.groups import Groups
from wardnet.statistics.variables import Variable
from wardnet.sums.members import Index, where_not

USABLE: Final = "usable"
CLASSES: Final = "classes"
SPLIT: Final = "split"
"""The patients with a usable row; of each class, among rows to train on; on either side."""

_LEVELS: Final = "levels:"
_PRESENT: Final = "present:"
"""Begin the names of the guards of a feature's levels, or of its values."""


def guards(plan: Plan) -> Mapping[str, Guard]:
    """Declare the patients of all rows, classes, parts and levels, and with values."""
    levels = {_LEVELS + c.name: Guard(len(c.labels)) for c in _features(plan) if _by_level(c)}
    values = {_PRESENT + c.name: Guard(1) for c in _features(plan) if not _by_level(c)}
    return {
        USABLE: Guard(1),
        CLASSES: Guard(plan.outcome.cells),
        SPLIT: Guard(plan.parts),
        **levels,
        **values,
    }


def cells(plan: Plan, rows: Rows) -> Mapping[str, Index]:
    """Return each row's guard cells: levels and values are those of rows to train on."""
    left_out, aside = ~plan.usable(rows), plan.validates(rows)
    hidden, none = left_out | aside, np.zeros(rows.size, np.int8)
    found: dict[str, Index] = {
        USABLE: where_not(left_out, none),
        CLASSES: where_not(hidden, plan.outcome.index(rows)),
        SPLIT: where_not(left_out, aside.astype(np.int8)),
    }
    for column in _features(plan):
        if _by_level(column):
            found[_LEVELS + column.name] = where_not(hidden, Groups((column,)).index(rows))
        else:
            missing = is_missing(column, rows.columns[column.name])
            found[_PRESENT + column.name] = where_not(hidden | missing, none)
    return found


def refusal(plan: Plan, totals: GuardTotals, rules: DisclosureRules) -> str:
    """Return the rule that withholds the whole model, in words; empty for none."""
    if plan.given.start and rules.chosen_weights:
        return rules.chosen_weights
    if too_few := rules.too_few_in_a_batch(plan.given.batch_size):
        return too_few
    if totals.withheld[SPLIT].any():
        return f"rows to train or to validate on of {rules.cell_rule}"
    if totals.withheld[CLASSES].any():
        return f"a class with {rules.cell_rule}"
    for column in _features(plan):
        if _by_level(column) and totals.withheld[_LEVELS + column.name].any():
            return f"a level of {column.name} with {rules.cell_rule}"
        if not _by_level(column) and totals.withheld[_PRESENT + column.name].any():
            return f"values of {column.name} of {rules.cell_rule}"
    patients = int(totals.patients[USABLE][0])
    rule = rules.too_few_to_learn(patients)
    if not rule and plan.linear:
        rule = rules.too_many_parameters(plan.network.weights, patients=patients)
    return rule


def _features(plan: Plan) -> tuple[Column, ...]:
    return tuple(dict.fromkeys(each.column for each in plan.inputs))


def _by_level(column: Column) -> bool:
    """Say whether mean and deviation would tell how many have which level."""
    return column.type not in NUMBERS or Variable(column).solvable
