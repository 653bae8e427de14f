"""The history of the aliases: which model was champion when, and the way back to an earlier one."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from nightjar.errors import (
    AlreadyChampionError,
    MomentError,
    NoChampionThenError,
    NoPeriodError,
    NotEarlierChampionError,
)
from nightjar.registry.aliases import Alias, lock_aliases, move_alias
from nightjar.registry.models import find_model
from nightjar.registry.records import ModelName, ModelRecord
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")


@dataclass(frozen=True)
class AliasMove:
    """One move of an alias: an entry of its history."""

    use_case: str
    alias: str
    model: str
    previous: str | None
    reason: str
    actor: str
    moved_at: datetime


@dataclass(frozen=True)
class AliasPeriod:
    """The time that an alias pointed at one model; `until` is None for the present one."""

    use_case: str
    alias: str
    model: str
    since: datetime
    until: datetime | None
    actor: str
    reason: str

    def holds(self, moment: datetime) -> bool:
        """Tell whether a moment lies in the period; the moment of the next move does not."""
        return self.since <= moment and (self.until is None or moment < self.until)


def alias_history(database: Database, use_case: str, alias: Alias) -> list[AliasMove]:
    """Return the moves of an alias, newest first."""
    with database.connect(Role.SCORER) as connection:
        return [AliasMove(**row) for row in connection.execute(_SQL["history"], [use_case, alias.value])]


def champion_at(connection: Connection, use_case: str, alias: Alias, moment: datetime) -> AliasPeriod:
    """Return what an alias pointed at in a moment, from when until when, by whom and why.

    Raises:
        MomentError: the moment has no time zone.
        NoPeriodError: the alias did not point anywhere yet.
    """
    if moment.tzinfo is None:
        raise MomentError(f"{moment} may be any of a day's hours: give it a time zone, such as UTC.")
    periods = [AliasPeriod(**row) for row in connection.execute(_SQL["periods"], [use_case, alias.value])]
    for period in periods:
        if period.holds(moment):
            return period
    if not periods:
        raise NoPeriodError(f"{use_case} never had a {alias}: 'nightjar model alias' makes one.")
    raise NoPeriodError(
        f"{use_case} had no {alias} on {_utc(moment)}: the first was {periods[0].model}, since "
        f"{_utc(periods[0].since)}."
    )


def champion_of_then(connection: Connection, use_case: str, day: date) -> ModelName:
    """Return the model of a past night: of those that ever were champion here, the one trained last by that date.

    The date is that of the data a model was trained on, not of the moment when it was made champion: both dates of a
    night and of a model's training are as-of dates, whenever the work is done. Of two trained as of the same date it is
    the higher version.

    Raises:
        NoChampionThenError: there is none.
    """
    champions = list(connection.execute(_SQL["champions_by_training_date"], {"use_case": use_case}))
    for row in champions:
        if row["as_of"] <= day:
            return ModelName(row["name"], row["version"])
    known = "none was champion"
    if champions:
        first = champions[-1]
        known = f"the first, {first['name']}@{first['version']}, was trained as of {first['as_of']}"
    raise NoChampionThenError(
        f"No champion of {use_case} was trained as of {day} or before; {known}: score with today's model, or train one "
        "with an earlier as-of date and promote it."
    )


def end_of_day(day: date) -> datetime:
    """Return the last moment of a day in UTC.

    Raises:
        MomentError: the day has not come yet.
    """
    today = datetime.now(UTC).date()
    if day > today:
        raise MomentError(f"{day} has not come yet: give today, {today}, or an earlier date.")
    return datetime.combine(day, time.max, UTC)


def rollback(database: Database, use_case: str, *, to: ModelName | None, reason: str, actor: str) -> ModelRecord:
    """Make an earlier champion the champion again: `to`, or the one before the present one.

    Raises:
        NotEarlierChampionError: there is no earlier champion, or `to` never was one.
        AlreadyChampionError: `to` is the champion.
        ModelNotFoundError: it was dropped since.
        ReasonError: the reason is blank.
    """
    with database.connect(Role.DEPLOYER) as connection:
        lock_aliases(connection, use_case)
        moves = [AliasMove(**row) for row in connection.execute(_SQL["history"], [use_case, Alias.CHAMPION.value])]
        target = _earlier_champion(moves, to, use_case, database.name)
        model = find_model(connection, target)
        move_alias(connection, use_case, Alias.CHAMPION, model, reason=reason, actor=actor)
        return find_model(connection, target)


def _earlier_champion(moves: list[AliasMove], to: ModelName | None, use_case: str, environment: str) -> ModelName:
    present = moves[0].model if moves else None
    earlier = [model for model in dict.fromkeys(move.model for move in moves) if model != present]
    known = f"earlier champions: {', '.join(earlier) or 'none'}."
    if to is not None and str(to) == present:
        raise AlreadyChampionError(f"{to} is the champion of {use_case} in {environment} already; {known}")
    if not earlier:
        raise NotEarlierChampionError(f"{use_case} has no earlier champion in {environment} to go back to.")
    target = str(to) if to is not None else str(moves[0].previous)
    if target not in earlier:
        raise NotEarlierChampionError(f"{target} was not champion of {use_case} in {environment} before; {known}")
    return ModelName.parse(target)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
