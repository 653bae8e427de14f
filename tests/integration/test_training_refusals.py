"""Data that cannot be learnt from gets one clear error, and leaves no model."""

from datetime import date

import pytest

from nightjar import snapshots
from nightjar.errors import SignatureError, TrainingError
from nightjar.registry import list_models
from nightjar.snapshots import Snapshot, SnapshotName
from nightjar.snapshots.errors import SnapshotNotFoundError, SnapshotQueryError, SnapshotStateError
from nightjar.storage import Database
from nightjar.training import compare_with_champion, freeze_training_data, split_training_data, train, training_snapshot
from nightjar.usecases import Kind, UseCase
from tests.night_builders import FEATURES_SQL, FIRST_DAY, NIGHT, open_shop, register_model, shop_use_case


@pytest.fixture(autouse=True)
def _shop(dev_database: Database) -> None:
    open_shop(dev_database)


def with_feature(expression: str) -> UseCase:
    """Return the use case with one more feature."""
    return shop_use_case(features_sql=FEATURES_SQL.replace("SELECT customer_id,", f"SELECT customer_id, {expression},"))


def frozen(database: Database, use_case: UseCase) -> Snapshot:
    snapshot = freeze_training_data(database, use_case, NIGHT)
    split_training_data(database, use_case, snapshot)
    return snapshot


def test_usable_data_are_trained_on(dev_database: Database) -> None:
    use_case = shop_use_case()

    model = train(dev_database, use_case, frozen(dev_database, use_case))

    assert [str(known.name) for known in list_models(dev_database)] == [str(model.name)]


@pytest.mark.parametrize(
    ("expression", "error", "message"),
    [
        ("NULL::integer AS nothing", TrainingError, "has no value at all in nothing"),
        ("NULL::text AS nothing", TrainingError, "has no value at all in nothing"),
        ("NULL::date AS nothing", TrainingError, "has no value at all in nothing"),
        ("'infinity'::float8 AS endless", TrainingError, "has infinite values in endless"),
        (
            "CASE WHEN customer_id = 9 THEN '-infinity'::date END AS endless",
            TrainingError,
            "infinite values in endless",
        ),
        ("'{}'::jsonb AS document", SignatureError, "feature 'document' is of type jsonb: cast it"),
    ],
)
def test_feature_that_cannot_be_used(
    dev_database: Database, expression: str, error: type[Exception], message: str
) -> None:
    use_case = with_feature(expression)
    snapshot = frozen(dev_database, use_case)

    with pytest.raises(error, match=message):
        train(dev_database, use_case, snapshot)

    assert list_models(dev_database) == []


@pytest.mark.parametrize(
    ("target_sql", "message"),
    [
        ("SELECT DISTINCT customer_id, 0 AS left_us FROM shop.orders", r"takes the values \[0\.0\]: both 0 and 1"),
        ("SELECT DISTINCT customer_id, 1 + customer_id % 2 AS left_us FROM shop.orders", r"takes the values \[1\.0, 2"),
        ("SELECT DISTINCT customer_id, NULL::integer AS left_us FROM shop.orders", "has no row with a target"),
    ],
)
def test_target_that_cannot_be_learnt(dev_database: Database, target_sql: str, message: str) -> None:
    use_case = shop_use_case(target_sql=target_sql)
    snapshot = frozen(dev_database, use_case)

    with pytest.raises(TrainingError, match=message):
        train(dev_database, use_case, snapshot)

    assert list_models(dev_database) == []


def test_rows_without_a_target_are_discarded_and_counted(dev_database: Database) -> None:
    use_case = shop_use_case(Kind.REGRESSION)
    assert use_case.target_sql is not None
    some = use_case.model_copy(update={"target_sql": f"SELECT * FROM ({use_case.target_sql}) t WHERE customer_id > 10"})
    snapshot = frozen(dev_database, some)

    model = train(dev_database, some, snapshot)

    train_part = snapshots.find(dev_database, SnapshotName.parse(model.train_split))
    assert model.discarded_rows > 0
    assert model.processed_rows + model.discarded_rows == train_part.row_count


def test_features_without_any_column_beside_the_key(dev_database: Database) -> None:
    use_case = shop_use_case(features_sql="SELECT DISTINCT customer_id FROM shop.orders WHERE ordered_on < :as_of")
    snapshot = frozen(dev_database, use_case)

    with pytest.raises(TrainingError, match=r"has no features beside its keys: add columns to features.sql"):
        train(dev_database, use_case, snapshot)


def test_features_without_rows_leave_nothing_to_train_on(dev_database: Database) -> None:
    use_case = shop_use_case()

    with pytest.raises(TrainingError, match=r"have no rows at 2023-12-\d\d, .*: load earlier data or choose a later"):
        freeze_training_data(dev_database, use_case, FIRST_DAY)

    with pytest.raises(SnapshotNotFoundError, match="shop_classification has no published snapshot"):
        training_snapshot(dev_database, use_case)


def test_features_that_the_database_refuses(dev_database: Database) -> None:
    use_case = shop_use_case(features_sql="SELECT customer_id, discount FROM shop.orders WHERE ordered_on < :as_of")

    with pytest.raises(SnapshotQueryError, match='column "discount" does not exist'):
        freeze_training_data(dev_database, use_case, NIGHT)

    assert snapshots.list_snapshots(dev_database, everything=True) == []


def test_snapshot_that_is_archived(dev_database: Database) -> None:
    use_case = shop_use_case()
    archived = snapshots.archive(dev_database, frozen(dev_database, use_case).name)

    with pytest.raises(SnapshotStateError, match="is archived: only published snapshots are trained on"):
        train(dev_database, use_case, archived)

    with pytest.raises(SnapshotNotFoundError, match="has no published snapshot as of 2024-03-20"):
        training_snapshot(dev_database, use_case, as_of=NIGHT)


@pytest.mark.parametrize("part", ["_train", "_test"])
def test_part_that_is_archived(dev_database: Database, part: str) -> None:
    use_case = shop_use_case()
    snapshot = frozen(dev_database, use_case)
    snapshots.archive(dev_database, snapshot.name.with_suffix(part))

    with pytest.raises(SnapshotStateError, match=f"{part}@1.0.0 is archived: only published"):
        train(dev_database, use_case, snapshot)


def test_snapshot_that_is_not_split(dev_database: Database) -> None:
    use_case = shop_use_case()
    snapshot = freeze_training_data(dev_database, use_case, NIGHT)

    with pytest.raises(SnapshotNotFoundError, match=r"no snapshot 'shop_classification_20240320_train@1.0.0'"):
        train(dev_database, use_case, snapshot)


def test_newest_snapshot_is_chosen_by_date_then_version(dev_database: Database) -> None:
    use_case = shop_use_case()
    for as_of in (NIGHT, date(2024, 2, 20), NIGHT):
        freeze_training_data(dev_database, use_case, as_of)

    assert str(training_snapshot(dev_database, use_case).name) == "shop_classification_20240320@2.0.0"
    older = training_snapshot(dev_database, use_case, as_of=date(2024, 2, 20))
    assert str(older.name) == "shop_classification_20240220@1.0.0"


def test_champion_that_reads_a_feature_that_is_gone(dev_database: Database) -> None:
    use_case = shop_use_case()
    register_model(dev_database, use_case)
    fewer = shop_use_case(features_sql=FEATURES_SQL.replace("sum(amount) AS spend,", ""))
    model = train(dev_database, fewer, frozen(dev_database, fewer))

    with pytest.raises(TrainingError, match=r"_test@1.0.0 lacks spend, which the model was trained on"):
        compare_with_champion(dev_database, fewer, model, "test")
