"""The predictions that readers see of an entity on a night, or why there is none."""

from datetime import date
from typing import Any, NoReturn

from psycopg import sql

from nightjar.errors import (
    ForgottenNightError,
    NoItemsError,
    NoPublishedNightError,
    NotPredictedError,
    NotRecommendedError,
    QuarantinedEntityError,
)
from nightjar.scoring.commits import Commit, find_commit
from nightjar.scoring.prediction_tables import are_kept, of_entity
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase
from nightjar.usecases.keys import EntityKey, KeyValue, shown

_SQL = load_sql("nightjar.scoring", "stored.sql")
# What the views tell of a row beside the prediction.
_LINEAGE = {"as_of", "model", "commit_id"}

Row = dict[str, Any]


def published_night(connection: Connection, use_case: UseCase, as_of: date | None) -> Commit:
    """Return the night that readers see, or the one that was published as of a date.

    Raises:
        NoPublishedNightError: with the newest nights that there are.
    """
    values = {"use_case": use_case.name, "as_of": as_of}
    row = connection.execute(_SQL["shown_night" if as_of is None else "night_of"], values).fetchone()
    if row is not None:
        return find_commit(connection, row["commit_id"])
    nights = [str(night["as_of"]) for night in connection.execute(_SQL["newest_nights"], values)]
    when = "" if as_of is None else f" as of {as_of}"
    known = f"the newest are those of {', '.join(nights)}" if nights else "score one first"
    raise NoPublishedNightError(f"{use_case.name} has no published night{when}: {known}.")


def require_predictions(connection: Connection, use_case: UseCase, commit: Commit, remedy: str) -> None:
    """Refuse a night whose rows are not there any more.

    Raises:
        ForgottenNightError: with what to do instead.
    """
    if not are_kept(connection, use_case, commit.id):
        raise ForgottenNightError(
            f"The predictions of {use_case.name} as of {commit.as_of}, commit {commit.id}, are not kept any more, "
            f"scoring.history_nights is {use_case.scoring.history_nights}: {remedy}."
        )


def segment_names(connection: Connection, commit: Commit) -> dict[int, str]:
    """Return the names of the segments that a night's model knows, by number."""
    return {row["segment_id"]: row["name"] for row in connection.execute(_SQL["segments"], [commit.id])}


def stored_predictions(
    connection: Connection, use_case: UseCase, commit: Commit, entity: EntityKey, item: KeyValue | None
) -> list[Row]:
    """Return what readers see of an entity on a night, without its lineage; recommendations by rank.

    Args:
        connection: in the role of the scorer.
        use_case: whose prediction it is.
        commit: a published night.
        entity: the entity's key.
        item: only this item's row, of a recommender.

    Raises:
        NoItemsError: an item is asked for, and the use case recommends none.
        NotPredictedError: the entity has no prediction that night.
        NotRecommendedError: it has some, and the item is not among them.
    """
    if item is not None and use_case.items is None:
        raise NoItemsError(f"{use_case.name} is a {use_case.kind}, it recommends no items: leave the item out.")
    rows = connection.execute(
        sql.SQL("SELECT * FROM {} WHERE {}").format(
            sql.Identifier("predictions", f"{use_case.name}_history"), of_entity(use_case, commit.id, entity)
        )
    ).fetchall()
    if not rows:
        _refuse_missing(connection, use_case, commit, entity)
    if use_case.items is None:
        return [_prediction(use_case, row) for row in rows]
    ranked = sorted(rows, key=lambda row: int(row["rank"]))
    key = use_case.items.key.name
    if item is not None and item not in [row[key] for row in ranked]:
        raise NotRecommendedError(
            f"{key} {item} was not recommended to {shown(use_case, entity)} as of {commit.as_of}; these were: "
            f"{', '.join(str(row[key]) for row in ranked)}."
        )
    return [_prediction(use_case, row) for row in ranked if item in (None, row[key])]


def _prediction(use_case: UseCase, row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _LINEAGE.union(use_case.entity_key)}


def _refuse_missing(connection: Connection, use_case: UseCase, commit: Commit, entity: EntityKey) -> NoReturn:
    who, night = shown(use_case, entity), f"{use_case.name} as of {commit.as_of}"
    quarantined = connection.execute(_SQL["quarantined"], [commit.id, ", ".join(map(str, entity))]).fetchone()
    if quarantined is not None:
        raise QuarantinedEntityError(
            f"{who} was quarantined in {night}: {quarantined['reason']}. Correct it in the sources and score the "
            "night again."
        )
    require_predictions(connection, use_case, commit, "choose a later night, or score this one again")
    raise NotPredictedError(f"{who} has no prediction in {night}: features.sql did not have it that night.")
