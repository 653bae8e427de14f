"""Tokens of SQL and where they stand: what the database gets is sliced from the text, never written anew."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import sqlglot
from sqlglot import Token as RawToken
from sqlglot import TokenType

from nightjar.snapshots.errors import SnapshotQueryError

EXCERPT_LENGTH = 60
_NAME = re.compile(r"[^\W\d][\w$]*")
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_QUOTED = frozenset(
    {
        TokenType.STRING,
        TokenType.NATIONAL_STRING,
        TokenType.BYTE_STRING,
        TokenType.UNICODE_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.BIT_STRING,
        TokenType.HEX_STRING,
        TokenType.IDENTIFIER,
    }
)
_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True)
class Token:
    """A token: as a keyword or sign, as a name as Postgres folds it, as a string; its place and nesting."""

    word: str
    name: str
    string: str | None
    start: int
    end: int
    depth: int


@dataclass(frozen=True)
class Fragment:
    """A run of tokens of one text."""

    source: str
    tokens: tuple[Token, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def text(self) -> str:
        """The SQL as written, without comments before and after it."""
        return self.source[self.tokens[0].start : self.tokens[-1].end] if self.tokens else ""

    def part(self, start: int, end: int | None = None) -> "Fragment":
        """Return the tokens from `start` up to `end`."""
        return Fragment(self.source, self.tokens[start:end])

    def word(self, index: int) -> str:
        """Return the keyword or sign there, "" for quoted ones and outside."""
        return self.tokens[index].word if 0 <= index < len(self.tokens) else ""

    def words(self, *expected: str, start: int = 0) -> bool:
        """Tell whether these words stand there, by default at the beginning."""
        return all(self.word(start + index) == word for index, word in enumerate(expected))

    def name(self, index: int) -> str:
        """Return the name there, "" if it is none."""
        return self.tokens[index].name if 0 <= index < len(self.tokens) else ""

    def outer(self) -> Iterator[tuple[int, str]]:
        """Yield place and word of each token outside all brackets."""
        return ((index, token.word) for index, token in enumerate(self.tokens) if token.depth == 0)

    def find(self, words: Collection[str], start: int = 0) -> int | None:
        """Return where the first of these words stands outside all brackets."""
        return next((index for index, word in self.outer() if index >= start and word in words), None)

    def split(self, sign: str) -> list["Fragment"]:
        """Cut at each such sign outside all brackets."""
        cuts = [-1, *(index for index, word in self.outer() if word == sign), len(self)]
        return [self.part(left + 1, right) for left, right in pairwise(cuts)]


def read_statements(text: str) -> list[Fragment]:
    """Read the statements between semicolons; blanks and comments are none.

    Raises:
        SnapshotQueryError: a quote, comment or bracket is not closed, or a character cannot be sent.
    """
    fragment = Fragment(text, tuple(_nested(text, _tokens(text))))
    return [statement for statement in fragment.split(";") if len(statement)]


def storable(text: str) -> bool:
    """Tell whether a database can hold a text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def excerpt(text: str) -> str:
    """Shorten SQL for a message."""
    line = " ".join(text.split())
    return repr(line if len(line) <= EXCERPT_LENGTH else line[: EXCERPT_LENGTH - 1] + "…")


def fold(name: str) -> str:
    """Fold an unquoted name as Postgres does: ASCII letters only."""
    return name.translate(_FOLD)


def _tokens(text: str) -> list[RawToken]:
    if not storable(text):
        character = "a NUL" if "\0" in text else "half a"
        raise SnapshotQueryError(f"{excerpt(text)} holds {character} character: leave it out.")
    try:
        tokens = sqlglot.tokenize(text, dialect="postgres")
    except sqlglot.errors.TokenError as error:
        raise SnapshotQueryError(f"{excerpt(text)} ends inside a quote or a comment: close it.") from error
    for token in tokens:
        _refuse_comment_in_operator(text, token)
    return tokens


def _refuse_comment_in_operator(text: str, token: RawToken) -> None:
    """Refuse `|/*`: the tokenizer takes the operator `|/`, Postgres a comment."""
    if token.token_type not in _QUOTED and text[token.end : token.end + 2] in ("/*", "--"):
        raise SnapshotQueryError(f"{excerpt(text)} has a comment right after an operator: put a space between them.")


def _nested(text: str, tokens: list[RawToken]) -> Iterator[Token]:
    depth, before = 0, ""
    for raw in tokens:
        written = text[raw.start : raw.end + 1]
        depth -= _is_sign(raw, written, _CLOSING)
        if depth < 0:
            raise SnapshotQueryError(f"{excerpt(text)} closes a bracket that was not opened: remove it.")
        yield _token(raw, written, depth, is_label=before in {".", "AS"})
        depth += _is_sign(raw, written, _OPENING)
        before = written.upper()
    if depth:
        raise SnapshotQueryError(f"{excerpt(text)} leaves a bracket open: close it.")


def _is_sign(raw: RawToken, written: str, signs: frozenset[str]) -> bool:
    return written in signs and raw.token_type not in _QUOTED


def _token(raw: RawToken, written: str, depth: int, is_label: bool) -> Token:
    place = (raw.start, raw.end + 1, depth)
    if raw.token_type is TokenType.IDENTIFIER:
        return Token("", raw.text, None, *place)
    if raw.token_type in _QUOTED:
        return Token("", "", raw.text, *place)
    name = fold(written) if _NAME.fullmatch(written) else ""
    # After a dot or AS, every word is a name.
    word = "" if name and is_label else " ".join(written.split()).upper()
    return Token(word, name, None, *place)
