"""What is in production, what readers see, which nights ran, and which challengers wait."""

from dataclasses import dataclass
from datetime import date, datetime

from nightjar.monitoring.reading import read_rows
from nightjar.storage import Database
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.monitoring", "overview.sql")


@dataclass(frozen=True)
class Champion:
    """The model that a use case scores with, and the alias move that made it so."""

    use_case: str
    model: str
    algorithm: str
    test_scores: dict[str, float]
    since: datetime | None
    moved_by: str | None
    reason: str | None


@dataclass(frozen=True)
class Freshness:
    """The night that readers of a use case's predictions see now."""

    use_case: str
    as_of: date
    published: datetime
    model: str
    rows: int
    quarantined: int
    stale: bool
    stale_reason: str | None


@dataclass(frozen=True)
class CommitRow:
    """One run of scoring; `published` and `seconds` are None when it was not published."""

    id: int
    use_case: str
    as_of: date
    state: str
    model: str
    rows: int
    quarantined: int
    started: datetime
    published: datetime | None
    seconds: float | None


@dataclass(frozen=True)
class Challenger:
    """A model proposed for promotion and the gates' last decision; `passed` is None before one."""

    use_case: str
    model: str
    algorithm: str
    as_of: date
    created: datetime
    test_scores: dict[str, float]
    passed: bool | None
    reasons: list[str]
    metric: str | None
    model_score: float | None
    champion: str | None
    champion_score: float | None
    gain_low: float | None
    gain_high: float | None
    decided: datetime | None


def champions(database: Database) -> list[Champion]:
    """Return the champion of every use case that has one.

    Raises:
        DatabaseUnavailableError: the server does not answer.
        NotMigratedError: the catalog is missing or older.
    """
    return read_rows(database, Champion, _SQL["champions"])


def freshness(database: Database) -> list[Freshness]:
    """Return the published night of every use case that has one.

    Raises:
        DatabaseUnavailableError: the server does not answer.
        NotMigratedError: the catalog is missing or older.
    """
    return read_rows(database, Freshness, _SQL["freshness"])


def recent_commits(database: Database, limit: int) -> list[CommitRow]:
    """Return the newest `limit` commits of each use case, newest first.

    Raises:
        DatabaseUnavailableError: the server does not answer.
        NotMigratedError: the catalog is missing or older.
    """
    return read_rows(database, CommitRow, _SQL["recent_commits"], limit=limit)


def challengers(database: Database) -> list[Challenger]:
    """Return the challenger of every use case that has one.

    Raises:
        DatabaseUnavailableError: the server does not answer.
        NotMigratedError: the catalog is missing or older.
    """
    return read_rows(database, Challenger, _SQL["challengers"])
