"""The cohort as a line of text: `age >= 40 and (sex in ("f", "m") or not missing(chol))`.

    cohort     = both { "or" both }
    both       = negation { "and" negation }
    negation   = "not" negation | "(" cohort ")" | condition
    condition  = "everyone" | "missing" "(" column ")" | column relation
               | "fold" "(" number "," "of" "=" number [ "," "seed" "=" number ]
                 [ "," "by" "=" "(" column { "," column } ")" ] ")"
    relation   = ( "==" | "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | [ "not" ] "in" "(" value { "," value } ")"
               | [ "not" ] "between" value "and" value
    value      = number | date | "true" | "false" | text in single or double quotes

A quote inside a text is written twice. Words may be in capitals. A column whose name is one of the
grammar's words stands in backquotes. What a value means is decided by the column's type, so `"40"`
and `40` are the same.
"""

import re
from typing import Final, NamedTuple, NoReturn, cast

from pydantic import ValidationError

from wardnet.errors import Reason, WardnetError
from wardnet.question.conditions import (
    EVERYONE,
    FOLD_RULE,
    And,
    Between,
    Cohort,
    Compare,
    Everyone,
    Fold,
    In,
    Missing,
    Not,
    Operator,
    Or,
)

MAXIMUM_LENGTH: Final = 16_384
"""Most characters of a cohort."""

MAXIMUM_NESTING: Final = 6
"""Most parentheses and negations inside each other; a signed query stays within canonical JSON."""

WORDS: Final = frozenset(
    {"and", "or", "not", "in", "between", "missing", "fold", "everyone", "true", "false"}
)

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<value>
          [0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9:]+)?)?
        | [+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?
        | (?i:true|false)\b
      )
    | (?P<text>"(?:[^"]|"")*" | '(?:[^']|'')*')
    | (?P<word>(?i:and|or|not|in|between|missing|fold|everyone)\b)
    | (?P<column>[A-Za-z][A-Za-z0-9_]* | `[A-Za-z][A-Za-z0-9_]*`)
    | (?P<sign>==|!=|<=|>=|[<>=(),])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_SPACE: Final = re.compile(r"\s*")
_LONGEST_NAME: Final = 63

_FOLD: Final = "fold(1, of=5, seed=7)"
_LONGEST_WHOLE: Final = 10

_COLUMN: Final = "expected a column, as in age >= 40"
_RELATION: Final = "expected ==, !=, <, <=, >, >=, in or between after the column"
_VALUE: Final = "expected a value: a number, a date, true, false, or a text in quotes"


class _Token(NamedTuple):
    """Hold one token: its kind (a group of `_TOKEN`), its text and its first character's place."""

    kind: str
    text: str
    position: int


def parse(text: str) -> Cohort:
    """Read a cohort from text.

    Parameters
    ----------
    text : str
        A line of the module's grammar, at most `MAXIMUM_LENGTH` characters.

    Returns
    -------
    Cohort
        The typed filter; columns and values are not yet checked against a dictionary.

    Raises
    ------
    WardnetError
        `COHORT_SYNTAX` with the place of the first wrong character (from 1) and what was expected.

    Examples
    --------
    >>> parse("age >= 40")
    Compare(column='age', operator='>=', value='40', kind='compare')
    """
    if len(text) > MAXIMUM_LENGTH:
        _refuse(MAXIMUM_LENGTH + 1, f"a cohort has at most {MAXIMUM_LENGTH} characters")
    return _Parser(_tokens(text)).whole()


def write(cohort: Cohort) -> str:
    """Write a cohort as text that `parse` reads back.

    Examples
    --------
    >>> write(Not(of=Missing(column="chol")))
    'not missing(chol)'
    """
    match cohort:
        case Not(of=inner):
            return f"not {_inner(inner, And, Or)}"
        case And(of=parts):
            return " and ".join(_inner(part, And, Or) for part in parts)
        case Or(of=parts):
            return " or ".join(_inner(part, Or) for part in parts)
        case _:
            return _condition(cohort)


def _condition(cohort: Everyone | Compare | In | Between | Missing | Fold) -> str:
    match cohort:
        case Everyone():
            return "everyone"
        case Compare(column=name, operator=operator, value=value):
            return f"{_name(name)} {operator} {_value(value)}"
        case In(column=name, values=values):
            return f"{_name(name)} in ({', '.join(map(_value, values))})"
        case Between(column=name, low=low, high=high):
            return f"{_name(name)} between {_value(low)} and {_value(high)}"
        case Missing(column=name):
            return f"missing({_name(name)})"
        case Fold(part=part, of=of, seed=seed, by=names):
            by = f", by=({', '.join(map(_name, names))})" if names else ""
            return f"fold({part}, of={of}, seed={seed}{by})"


def _inner(cohort: Cohort, *bracketed: type[And] | type[Or]) -> str:
    text = write(cohort)
    return f"({text})" if isinstance(cohort, bracketed) else text


def _name(column: str) -> str:
    return f"`{column}`" if column.lower() in WORDS else column


def _value(text: str) -> str:
    match = _TOKEN.fullmatch(text)
    if match is not None and match["value"] == text and text == _spelled(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _spelled(value: str) -> str:
    """Return the one spelling of a bare value: words in small letters."""
    return value.lower() if value.isalpha() else value


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    start = 0
    while not tokens or tokens[-1].kind != "end":
        match = _TOKEN.match(text, start)
        if match is None:
            _refuse_character(text, start)
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match.start(kind) + 1))
        start = match.end()
    return tokens


def _refuse_character(text: str, start: int) -> NoReturn:
    found = _SPACE.match(text, start)
    position = start if found is None else found.end()
    match text[position]:
        case '"' | "'":
            _refuse(position + 1, "the quote that opens here is never closed")
        case "`":
            _refuse(position + 1, "expected a column's name between two backquotes")
        case "&" | "|" | "~" | "!":
            _refuse(position + 1, "combine conditions with and, or and not")
        case _:
            _refuse(position + 1, "this character has no meaning here")


class _Parser:
    """Descend through the tokens; every method reads one rule of the grammar."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._nesting = 0

    def whole(self) -> Cohort:
        if self._token.kind == "end":
            _refuse(self._token.position, "expected a condition, as in age >= 40")
        cohort = self._cohort()
        if self._token.kind != "end":
            _refuse(self._token.position, "expected and, or, or the end")
        return cohort

    def _cohort(self) -> Cohort:
        parts = [self._both()]
        while self._accept("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(of=tuple(parts))

    def _both(self) -> Cohort:
        parts = [self._negation()]
        while self._accept("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else And(of=tuple(parts))

    def _negation(self) -> Cohort:
        opening = self._token
        if self._accept("not"):
            self._deeper(opening)
            cohort: Cohort = Not(of=self._negation())
        elif self._accept("("):
            self._deeper(opening)
            cohort = self._cohort()
            self._expect(")", "expected and, or, or a closing parenthesis")
        else:
            return self._condition()
        self._nesting -= 1
        return cohort

    def _deeper(self, opening: _Token) -> None:
        self._nesting += 1
        if self._nesting > MAXIMUM_NESTING:
            _refuse(opening.position, f"nested more than {MAXIMUM_NESTING} times; write it flatter")

    def _condition(self) -> Cohort:
        if self._accept("everyone"):
            return EVERYONE
        if self._accept("missing"):
            self._expect("(", "expected an opening parenthesis, as in missing(age)")
            name = self._column()
            self._expect(")", "expected a closing parenthesis")
            return Missing(column=name)
        if self._accept("fold"):
            return self._fold()
        return self._relation(self._column())

    def _fold(self) -> Fold:
        opening = self._token
        self._expect("(", f"expected an opening parenthesis, as in {_FOLD}")
        given: dict[str, int | tuple[str, ...]] = {"part": self._whole_number()}
        while self._accept(","):
            name = self._token
            if name.text not in {"of", "seed", "by"} - given.keys():
                _refuse(name.position, f"expected of=, seed= or by=, as in {_FOLD}")
            self._next += 1
            self._expect("=", f"expected an equals sign, as in {_FOLD}")
            given[name.text] = self._columns() if name.text == "by" else self._whole_number()
        self._expect(")", f"expected a comma or a closing parenthesis, as in {_FOLD}")
        try:
            return Fold(**given)  # type: ignore[arg-type]  # which is what it checks
        except ValidationError:
            _refuse(opening.position, FOLD_RULE)

    def _columns(self) -> tuple[str, ...]:
        self._expect("(", "expected an opening parenthesis, as in by=(age, sex)")
        columns = [self._column()]
        while self._accept(","):
            columns.append(self._column())
        self._expect(")", "expected a comma or a closing parenthesis")
        return tuple(columns)

    def _whole_number(self) -> int:
        token = self._token
        if not token.text.isdecimal() or len(token.text) > _LONGEST_WHOLE:
            _refuse(token.position, f"expected a whole number, as in {_FOLD}")
        self._next += 1
        return int(token.text)

    def _relation(self, name: str) -> Cohort:
        negated = self._accept("not")
        if self._accept("in"):
            relation: Cohort = In(column=name, values=self._values())
        elif self._accept("between"):
            low = self._literal()
            self._expect("and", "expected and, as in between 18 and 30")
            relation = Between(column=name, low=low, high=self._literal())
        elif negated:
            _refuse(self._token.position, "expected in or between after not")
        else:
            return Compare(column=name, operator=self._operator(), value=self._literal())
        return Not(of=relation) if negated else relation

    def _operator(self) -> Operator:
        token = self._token
        if token.kind != "sign" or token.text in {"(", ")", ","}:
            _refuse(token.position, _RELATION)
        self._next += 1
        return cast("Operator", "==" if token.text == "=" else token.text)

    def _values(self) -> tuple[str, ...]:
        self._expect("(", 'expected an opening parenthesis, as in in ("f", "m")')
        values = [self._literal()]
        while self._accept(","):
            values.append(self._literal())
        self._expect(")", "expected a comma or a closing parenthesis")
        return tuple(values)

    def _literal(self) -> str:
        token = self._token
        if token.kind == "text":
            quote = token.text[0]
            literal = token.text[1:-1].replace(quote * 2, quote)
        elif token.kind == "value":
            literal = _spelled(token.text)
        else:
            _refuse(token.position, _VALUE)
        self._next += 1
        return literal

    def _column(self) -> str:
        token = self._token
        if token.kind == "value":
            _refuse(token.position, f"{_COLUMN}; a range is age between 18 and 30")
        if token.kind != "column":
            _refuse(token.position, _COLUMN)
        name = token.text.strip("`")
        if len(name) > _LONGEST_NAME:
            _refuse(token.position, f"a column's name has at most {_LONGEST_NAME} characters")
        self._next += 1
        return name

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _accept(self, text: str) -> bool:
        token = self._token
        found = token.kind in {"word", "sign"} and token.text.lower() == text
        self._next += found
        return found

    def _expect(self, text: str, rule: str) -> None:
        if not self._accept(text):
            _refuse(self._token.position, rule)


def _refuse(position: int, rule: str) -> NoReturn:
    raise WardnetError(Reason.COHORT_SYNTAX, position=position, rule=rule)
