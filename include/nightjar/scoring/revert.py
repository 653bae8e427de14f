"""Sends readers back to an earlier night, which changes one row, as publishing does."""

from nightjar.errors import NoPublishedNightError, RevertError
from nightjar.registry.audit import require_reason
from nightjar.scoring.commits import Commit, find_commit
from nightjar.scoring.stored import require_predictions
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "scoring.sql")


def revert(database: Database, use_case: UseCase, *, to: int | None = None, reason: str, actor: str) -> Commit:
    """Have readers see an earlier night until the next one is published, and record why; return that night.

    Args:
        database: whose readers.
        use_case: whose predictions.
        to: id of the commit; by default that of the night before the one shown.
        reason: kept with the move.
        actor: who does it.

    Raises:
        ReasonError: the reason is blank.
        NoPublishedNightError: readers see none, or there is none before it.
        RevertError: the commit is another use case's, is not published, or is what readers see.
        ForgottenNightError: its predictions are not kept any more.
    """
    require_reason(reason)
    with database.connect(Role.SCORER) as connection:
        shown = connection.execute(_SQL["lock_shown"], [use_case.name]).fetchone()
        if shown is None:
            raise NoPublishedNightError(f"{use_case.name} has no published night: score one first.")
        target = _night_before(connection, use_case, shown["as_of"]) if to is None else find_commit(connection, to)
        _require_readable(connection, use_case, target, shown["commit_id"])
        connection.execute(_SQL["send_readers"], [target.id])
        move = [use_case.name, shown["commit_id"], target.id, reason, actor]
        connection.execute(_SQL["record_reversion"], move)
        return target


def _night_before(connection: Connection, use_case: UseCase, as_of: object) -> Commit:
    row = connection.execute(_SQL["night_before"], [use_case.name, as_of]).fetchone()
    if row is None:
        raise NoPublishedNightError(f"{use_case.name} has no published night before the one as of {as_of}.")
    return find_commit(connection, row["id"])


def _require_readable(connection: Connection, use_case: UseCase, target: Commit, shown: int) -> None:
    if target.use_case != use_case.name:
        raise RevertError(f"Commit {target.id} is one of {target.use_case}, not of {use_case.name}.")
    if target.id == shown:
        raise RevertError(f"Readers of {use_case.name} see commit {target.id} already: name an earlier one.")
    if target.state != "published":
        raise RevertError(
            f"Commit {target.id} of {use_case.name} is {target.state}: name a published one, see 'nightjar predictions "
            "log'."
        )
    require_predictions(connection, use_case, target, "name a later one, or score that night again")
