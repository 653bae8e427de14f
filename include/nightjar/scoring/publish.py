"""The last steps of a night: see that it is whole, make it visible, forget what has expired."""

from collections.abc import Sequence
from datetime import date

from psycopg import sql

from nightjar.errors import ForgottenNightError, IncompleteNightError
from nightjar.scoring.annotations import annotate, forget_annotations
from nightjar.scoring.commits import Commit, find_commit, work_on
from nightjar.scoring.leftovers import IDLE_HOURS, abandon_idle, drop_staging
from nightjar.scoring.prediction_tables import store_table
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "scoring.sql")


def require_complete(connection: Connection, use_case: UseCase, commit: Commit) -> dict[str, int]:
    """Return a night's totals when every entity is scored or quarantined.

    Raises:
        IncompleteNightError: naming what is missing.
    """
    totals = connection.execute(_SQL["totals"], {"commit_id": commit.id}).fetchone()
    population = find_commit(connection, commit.id).population
    assert totals is not None
    if totals["finished"] < totals["shards"] or not totals["shards"]:
        raise IncompleteNightError(
            f"{totals['finished']} of {totals['shards']} shards of commit {commit.id} are scored: score the rest first."
        )
    if totals["scored"] + totals["quarantined"] != population:
        raise IncompleteNightError(
            f"Commit {commit.id} has {population} entities, {totals['scored']} scored and {totals['quarantined']} "
            "quarantined: start the night again."
        )
    if totals["quarantined"] > use_case.scoring.maximum_quarantined * population:
        raise IncompleteNightError(
            f"{totals['quarantined']} of {population} entities of commit {commit.id} are quarantined, "
            f"scoring.maximum_quarantined allows {use_case.scoring.maximum_quarantined:.1%}: see nightjar.quarantine."
        )
    return dict(totals)


def publish(database: Database, use_case: UseCase, commit: Commit) -> Commit:
    """Make a night visible in one short transaction; what has expired with it is to be forgotten next.

    Readers see the whole old night or the whole new one: all that changes is the row of
    nightjar.publication that their view joins. A night older than the one shown goes to history only.

    Raises:
        IncompleteNightError: it is not whole.
        ScoringError: what is told beside the predictions cannot be had; see annotate.
    """
    with database.connect(Role.SCORER) as connection:
        if find_commit(connection, commit.id).state == "published":
            return find_commit(connection, commit.id)
    # Before the short transaction, and not within it: it may take a while.
    annotate(database, use_case, commit)
    with work_on(database, commit.id, "publish") as (connection, _):
        # A task that was thought dead may publish the same night beside its retry.
        locked = connection.execute(_SQL["lock_commit"], [commit.id]).fetchone()
        if locked is not None and locked["state"] == "open":
            totals = require_complete(connection, use_case, commit)
            connection.execute(_SQL["supersede"], [commit.id])
            connection.execute(_SQL["publish"], {"id": commit.id, **totals})
            connection.execute(_SQL["point_readers"], [commit.id])
    with database.connect(Role.SCORER) as connection:
        return find_commit(connection, commit.id)


def require_kept(database: Database, use_case: UseCase, nights: Sequence[date]) -> None:
    """Refuse nights of which some would be forgotten as soon as they are all published.

    nights: as-of dates, the earliest first.

    Raises:
        ForgottenNightError: the history keeps fewer nights than there are after the first of these.
    """
    first, kept = nights[0], use_case.scoring.history_nights
    with database.connect(Role.SCORER) as connection:
        later = {row["as_of"] for row in connection.execute(_SQL["nights_after"], [use_case.name, first])}
    needed = len(later.union(nights))
    if needed > kept:
        raise ForgottenNightError(
            f"The night as of {first} would be forgotten at once: with it there are {needed} nights of "
            f"{use_case.name} from then on, and scoring.history_nights keeps {kept}: raise it to {needed} or more."
        )


def forget_expired(database: Database, use_case: UseCase, idle_hours: float = IDLE_HOURS) -> int:
    """Delete the rows of replaced, abandoned and too old nights; return the number of nights.

    With them goes what runs of any use case have left behind: nights that nobody has gone on with for `idle_hours`
    are abandoned, and the staging tables of all that are not open are dropped.
    """
    abandon_idle(database, idle_hours)
    with database.connect(Role.SCORER) as connection:
        # Readers may be sent back to a night before it is looked for here, or after its rows are gone.
        connection.execute(_SQL["lock_shown"], [use_case.name])
        values = {"use_case": use_case.name, "nights": use_case.scoring.history_nights}
        expired = [row["id"] for row in connection.execute(_SQL["expired"], values)]
        connection.execute(sql.SQL("DELETE FROM {} WHERE commit_id = ANY(%s)").format(store_table(use_case)), [expired])
        forget_annotations(connection, use_case, expired)
    drop_staging(database)
    return len(expired)
