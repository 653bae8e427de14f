"""Which models to move: names, or conditions such as `use_case = 'churn_risk' and algorithm like 'random%'`.

filter    = names | any
names     = NAME { "," NAME }                     a bare name, with or without its version
any       = all { "or" all }
all       = negation { "and" negation }
negation  = "not" negation | "(" any ")" | condition
condition = FIELD ("=" | "<>" | "!=" | ["not"] "like") TEXT | FIELD ["not"] "in" "(" TEXT { "," TEXT } ")"
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from nightjar.errors import FilterError, did_you_mean
from nightjar.registry import ModelRecord

LONGEST = 10_000
DEEPEST = 50
_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z_]\w*(?:@\d+)?)|(?P<sign><>|!=|[=(),]))", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}(@[1-9]\d{0,8})?", re.ASCII)

Condition = Callable[[ModelRecord], bool]
# A name stands for all of its versions, and for one with its number.
_FIELDS: dict[str, Callable[[ModelRecord], tuple[str, ...]]] = {
    "name": lambda record: (record.name.name, str(record.name)),
    "use_case": lambda record: (record.use_case,),
    "kind": lambda record: (record.kind,),
    "mining_function": lambda record: (record.kind,),
    "algorithm": lambda record: (record.algorithm,),
}
_EXAMPLE = "write it as use_case = 'churn_risk' and algorithm like 'random%'"


@dataclass(frozen=True)
class ModelFilter:
    """Tells which models are meant."""

    text: str
    condition: Condition = field(repr=False, compare=False)

    def matches(self, record: ModelRecord) -> bool:
        """Tell whether a model is."""
        return self.condition(record)


def parse_filter(text: str | None) -> ModelFilter:
    """Read a filter; without one all models are meant.

    Raises:
        FilterError: it is malformed; the message points at the place.
    """
    if text is None or not text.strip():
        return ModelFilter("", lambda _record: True)
    if len(text) > LONGEST:
        raise FilterError(f"The filter has {len(text)} characters, {LONGEST} are allowed: name fewer models.")
    return ModelFilter(text, _Parser(text).parse())


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int

    @property
    def keyword(self) -> str:
        return "" if self.kind == "text" else self.text.lower()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._next = 0
        self._tokens = self._tokenize()
        self._depth = 0

    def parse(self) -> Condition:
        names = self._names()
        condition = names if names is not None else self._any()
        if self._here.kind != "end":
            raise self._malformed(f"{self._here.text!r} is too much there")
        return condition

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _tokenize(self) -> list[_Token]:
        tokens, position = [], 0
        end = len(self._text.rstrip())
        while position < end:
            match = _TOKEN.match(self._text, position)
            if match is None:
                start = position + len(self._text[position:]) - len(self._text[position:].lstrip())
                problem = (
                    "the quote is not closed" if self._text[start] == "'" else f"{self._text[start]!r} means nothing"
                )
                raise self._malformed(problem, start)
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            position = match.end()
        return [*tokens, _Token("end", "the end", end)]

    def _names(self) -> Condition | None:
        """Read a list of bare names; None where the filter is not one."""
        if [token.kind for token in self._tokens[:2]] != ["word", "end"] and self._tokens[1].text != ",":
            return None
        names = [self._name()]
        while self._take(","):
            names.append(self._name())
        return lambda record: not set(_FIELDS["name"](record)).isdisjoint(names)

    def _name(self) -> str:
        token = self._here
        if token.kind != "word" or not _NAME.fullmatch(token.text):
            raise self._malformed("a model's name is missing, such as churn_risk or churn_risk@2")
        self._next += 1
        return token.text

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self._take("or"):
            conditions.append(self._all())
        return lambda record: any(condition(record) for condition in conditions)

    def _all(self) -> Condition:
        conditions = [self._negation()]
        while self._take("and"):
            conditions.append(self._negation())
        return lambda record: all(condition(record) for condition in conditions)

    def _negation(self) -> Condition:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._malformed(f"it is nested more than {DEEPEST} deep")
        try:
            if self._take("not"):
                negated = self._negation()
                return lambda record: not negated(record)
            if self._take("("):
                condition = self._any()
                self._require(")")
                return condition
            return self._condition()
        finally:
            self._depth -= 1

    def _condition(self) -> Condition:
        values = self._field()
        if self._take("="):
            wanted = self._literal()
            return lambda record: wanted in values(record)
        if self._take("<>") or self._take("!="):
            unwanted = self._literal()
            return lambda record: unwanted not in values(record)
        negated = self._take("not")
        if self._take("in"):
            condition = self._in(values)
        elif self._take("like"):
            condition = self._like(values)
        else:
            raise self._malformed("=, <>, in or like is missing")
        return (lambda record: not condition(record)) if negated else condition

    def _field(self) -> Callable[[ModelRecord], tuple[str, ...]]:
        token = self._here
        if token.kind != "word":
            raise self._malformed(f"a field is missing:{did_you_mean('', _FIELDS)}")
        if token.keyword not in _FIELDS:
            raise self._malformed(f"there is no field {token.text!r}.{did_you_mean(token.keyword, _FIELDS)}")
        self._next += 1
        return _FIELDS[token.keyword]

    def _in(self, values: Callable[[ModelRecord], tuple[str, ...]]) -> Condition:
        self._require("(")
        wanted = [self._literal()]
        while self._take(","):
            wanted.append(self._literal())
        self._require(")")
        return lambda record: not set(values(record)).isdisjoint(wanted)

    def _like(self, values: Callable[[ModelRecord], tuple[str, ...]]) -> Condition:
        pattern = _as_glob(self._literal())
        return lambda record: any(fnmatchcase(value, pattern) for value in values(record))

    def _literal(self) -> str:
        token = self._here
        if token.kind != "text":
            raise self._malformed("a text in single quotes is missing")
        self._next += 1
        return token.text[1:-1].replace("''", "'")

    def _take(self, keyword: str) -> bool:
        if self._here.kind == "end" or self._here.keyword != keyword:
            return False
        self._next += 1
        return True

    def _require(self, keyword: str) -> None:
        if not self._take(keyword):
            raise self._malformed(f"{keyword} is missing")

    def _malformed(self, problem: str, position: int | None = None) -> FilterError:
        place = self._here.position if position is None else position
        excerpt = self._text[max(0, place - 20) : place] + "⟨here⟩" + self._text[place : place + 20]
        return FilterError(f"The filter is malformed at position {place + 1}: {problem}: {excerpt}; {_EXAMPLE}.")


def _as_glob(pattern: str) -> str:
    """Return an SQL pattern as one of the shell: % is *, _ is ?, a backslash takes the meaning away."""
    parts = re.findall(r"\\.|.|\\$", pattern, re.DOTALL)
    return "".join({"%": "*", "_": "?"}.get(part) or _literally(part[-1]) for part in parts)


def _literally(character: str) -> str:
    return f"[{character}]" if character in "*?[" else character
