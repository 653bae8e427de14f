"""Which entities of a night a campaign is for: those of a segment, or of a decile of the predictions."""

from dataclasses import dataclass

from psycopg import sql

from nightjar.errors import NumberError, SelectionError
from nightjar.scoring import Commit
from nightjar.scoring.row_numbers import key_columns
from nightjar.scoring.stored import segment_names
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import Kind, UseCase

_SQL = load_sql("nightjar.campaigns", "campaigns.sql")
_SCORES = {Kind.CLASSIFICATION: "probability", Kind.REGRESSION: "prediction"}


@dataclass(frozen=True)
class Segment:
    """The entities of one segment, by its number."""

    number: int

    def __str__(self) -> str:
        return f"segment {self.number}"


@dataclass(frozen=True)
class Decile:
    """A tenth of the entities by their prediction; 1 has the highest ones."""

    number: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 10:
            raise NumberError(f"{self.number} is no decile: give 1, the highest predictions, to 10.")

    def __str__(self) -> str:
        return f"decile {self.number}"


Selection = Segment | Decile


def require_fit(use_case: UseCase, selection: Selection) -> None:
    """Refuse to look for segments or deciles where there are none.

    Raises:
        SelectionError: naming what the use case has.
    """
    if isinstance(selection, Segment) and use_case.kind is not Kind.SEGMENTATION:
        raise SelectionError(f"{use_case.name} is a {use_case.kind}, it has no segments{_instead(use_case)}.")
    if isinstance(selection, Decile) and not _has_deciles(use_case):
        raise SelectionError(f"{use_case.name} has no deciles, its predictions have no order{_instead(use_case)}.")


def require_segment(connection: Connection, commit: Commit, selection: Selection) -> None:
    """Refuse a segment that the night's model does not know.

    Raises:
        SelectionError: with those that there are.
    """
    if isinstance(selection, Decile):
        return
    known = segment_names(connection, commit)
    if selection.number not in known:
        names = ", ".join(f"{number} {name}" for number, name in known.items())
        raise SelectionError(f"{commit.model} knows no {selection}. Known: {names}.")


def list_columns(use_case: UseCase) -> tuple[str, ...]:
    """Return the columns of a list: the key, and what put an entity on it."""
    beside = ("segment_id", "segment") if use_case.kind is Kind.SEGMENTATION else (_SCORES[use_case.kind],)
    return (*use_case.entity_key, *beside)


def selected_rows(use_case: UseCase, selection: Selection, commit: Commit) -> sql.Composed:
    """Return the query of a night's selected entities: the list's columns, and `nightjar_score`."""
    parts: dict[str, sql.Composable] = {
        "columns": key_columns(list_columns(use_case)),
        "keys": key_columns(use_case.entity_key),
        "history": sql.Identifier("predictions", f"{use_case.name}_history"),
        "commit": sql.Literal(commit.id),
        "number": sql.Literal(selection.number),
    }
    if isinstance(selection, Segment):
        return sql.SQL(_SQL["of_segment"]).format(**parts)
    return sql.SQL(_SQL["of_decile"]).format(**parts, score=sql.Identifier(_SCORES[use_case.kind]))


def _has_deciles(use_case: UseCase) -> bool:
    return use_case.kind in _SCORES and not use_case.classes


def _instead(use_case: UseCase) -> str:
    if use_case.kind is Kind.SEGMENTATION:
        return ": name one of its segments"
    return ": name a decile" if _has_deciles(use_case) else ": choose another use case"
