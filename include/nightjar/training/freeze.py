"""Freezes a use case's training data as of a date: features and outcomes at several earlier dates."""

from datetime import date, timedelta

from psycopg import sql

from nightjar import snapshots
from nightjar.errors import TrainingError
from nightjar.recommending.staging import features_query, stage_candidates
from nightjar.snapshots import Snapshot, SnapshotName, State, Version
from nightjar.snapshots.errors import SnapshotNotFoundError
from nightjar.storage import Database
from nightjar.storage.parameters import bind
from nightjar.usecases import Kind, UseCase

TRAIN, TEST = "_train", "_test"


def training_dates(use_case: UseCase, as_of: date) -> list[date]:
    """Return the as-of dates of the training rows, oldest first.

    The newest lies a horizon before `as_of`, so every outcome is known by then. An as-of date at a month's end is the
    first day of the next month: only what lies before it is read.
    """
    newest = as_of - timedelta(days=use_case.horizon_days)
    backwards = range(use_case.training.dates - 1, -1, -1)
    if use_case.training.month_ends:
        months = newest.year * 12 + newest.month - 1
        return [date((months - back) // 12, (months - back) % 12 + 1, 1) for back in backwards]
    return [newest - timedelta(days=use_case.training.every_days) * back for back in backwards]


def training_query(use_case: UseCase, as_of: date) -> sql.Composed:
    """Return the query of the training rows: keys, as_of, features and, but for segmentation, the target."""
    return sql.SQL("\nUNION ALL\n").join(_rows_at(use_case, day) for day in training_dates(use_case, as_of))


def freeze_training_data(database: Database, use_case: UseCase, as_of: date) -> Snapshot:
    """Create the snapshot `<use_case>_<date>` and return it; freezing again makes its next major version.

    Raises:
        SnapshotQueryError: the declared SQL fails.
        TrainingError: it gives no rows.
    """
    name = f"{use_case.name}_{as_of:%Y%m%d}"
    earlier = snapshots.list_snapshots(database, use_case=use_case.name, as_of=as_of, everything=True)
    versions = [other.name.version for other in earlier if other.name.name == name]
    version = Version(max(versions).major + 1) if versions else None
    query = training_query(use_case, as_of).as_string()
    comment = f"Training data of {use_case.title.lower()} as of {as_of}"
    snapshot = snapshots.create(
        database,
        name,
        query,
        version=version,
        comment=comment,
        use_case=use_case.name,
        as_of=as_of,
        prepare=lambda connection: stage_candidates(connection, use_case, training_dates(use_case, as_of)),
    )
    if snapshot.row_count == 0:
        # Kept for the record, but never chosen to train on.
        snapshots.archive(database, snapshot.name)
        raise TrainingError(
            f"The features of {use_case.name} have no rows at {', '.join(map(str, training_dates(use_case, as_of)))}: "
            "load earlier data or choose a later as-of date."
        )
    return snapshot


def split_training_data(database: Database, use_case: UseCase, snapshot: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Split into published train and test parts and return them: the newest dates are for the test.

    With a single date the rows are split at random, by seed. Parts that an interrupted run left are taken.
    """
    existing = {
        part.name: part
        for part in snapshots.list_snapshots(database, use_case=use_case.name, as_of=snapshot.as_of)
        if part.parent_id == snapshot.id and part.state is State.PUBLISHED
    }
    wanted = snapshot.name.with_suffix(TRAIN), snapshot.name.with_suffix(TEST)
    if all(name in existing for name in wanted):
        return existing[wanted[0]], existing[wanted[1]]
    share = use_case.training.test_share
    by_date = "as_of" if use_case.training.dates > 1 else None
    train, test = snapshots.split(
        database,
        snapshot.name,
        {TRAIN: round(1 - share, 6), TEST: share},
        group_by=by_date,
        time_by=by_date,
        seed=use_case.training.seed,
        publish=True,
    )
    return train, test


def training_snapshot(
    database: Database, use_case: UseCase, *, name: SnapshotName | None = None, as_of: date | None = None
) -> Snapshot:
    """Return the snapshot to train on: the named one, or the newest published one (as of a date).

    Raises:
        SnapshotNotFoundError: there is none.
    """
    if name is not None:
        return snapshots.find(database, name)
    found = [
        snapshot
        for snapshot in snapshots.list_snapshots(database, use_case=use_case.name, as_of=as_of)
        if snapshot.state is State.PUBLISHED and not snapshot.name.name.endswith((TRAIN, TEST))
    ]
    if not found:
        raise SnapshotNotFoundError(
            f"{use_case.name} has no published snapshot{f' as of {as_of}' if as_of else ''}: "
            f"run the DAG snapshot_training_data__{use_case.name}, or 'nightjar train {use_case.name} --as-of DATE'."
        )
    return max(found, key=lambda snapshot: (snapshot.as_of or date.min, snapshot.name.version))


def _rows_at(use_case: UseCase, day: date) -> sql.Composed:
    features = features_query(use_case, day)
    keys = sql.SQL(", ").join(sql.Identifier(name) for name in use_case.row_key)
    if use_case.target is None or use_case.target_sql is None:
        return sql.SQL("SELECT {day} AS as_of, features.* FROM (\n{features}\n) features").format(
            day=sql.Literal(day), features=features
        )
    # What a recommender's candidates miss counts against it, so bought pairs stay without features.
    join = sql.SQL("FULL JOIN" if use_case.kind is Kind.RECOMMENDER else "LEFT JOIN")
    target = bind(use_case.target_sql, {"as_of": day, "horizon_days": use_case.target.horizon_days})
    return sql.SQL(
        "SELECT {day} AS as_of, * FROM (\n{features}\n) features {join} (\n{target}\n) target USING ({keys})"
    ).format(day=sql.Literal(day), features=features, join=join, target=target, keys=keys)
