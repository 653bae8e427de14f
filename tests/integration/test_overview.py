"""What the overview reads from a real catalog."""

from datetime import UTC, date, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from psycopg.types.json import Jsonb

from nightjar.console import create_app
from nightjar.errors import NotMigratedError
from nightjar.monitoring.overview import challengers, champions, freshness, recent_commits
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection

FIRST_NIGHT = date(2017, 11, 1)
SHA256 = "a" * 64


def add_model(connection: Connection, version: int, score: float, use_case: str = "churn_risk") -> int:
    connection.execute(
        "INSERT INTO nightjar.artifact (sha256, format, byte_count) VALUES (%s, 'skops', 1) ON CONFLICT DO NOTHING",
        [SHA256],
    )
    row = connection.execute(
        """
        INSERT INTO nightjar.model_version (
            name, version, use_case, kind, algorithm, snapshot, train_split, test_split, as_of, training_query,
            processed_rows, discarded_rows, preprocess_seconds, fit_seconds, output_type, hyperparameters,
            coefficients, training_scores, test_scores, signature, details, environment, code_version, sha256,
            trained_in, owner)
        VALUES (
            %(name)s, %(version)s, %(name)s, 'classification', 'logistic_regression', 's@1.0.0', 's_train@1.0.0',
            's_test@1.0.0', %(as_of)s, 'SELECT 1', 1, 0, 0, 0, 'double precision', '{}', '{}', '{}', %(scores)s,
            '{}', '{}', '{}', 'abc', %(sha256)s, 'dev', 'ada')
        RETURNING id
        """,
        {
            "name": use_case,
            "version": version,
            "as_of": FIRST_NIGHT,
            "scores": Jsonb({"roc_auc": score}),
            "sha256": SHA256,
        },
    ).fetchone()
    assert row is not None
    return int(row["id"])


def move_alias(connection: Connection, alias: str, model_id: int, reason: str) -> None:
    connection.execute(
        "SELECT set_config('nightjar.actor', 'anna', true), set_config('nightjar.reason', %s, true)", [reason]
    )
    connection.execute(
        """
        INSERT INTO nightjar.alias (use_case, alias, model_id)
        SELECT use_case, %s, id FROM nightjar.model_version WHERE id = %s
        ON CONFLICT (use_case, alias) DO UPDATE SET model_id = excluded.model_id
        """,
        [alias, model_id],
    )


def decide(connection: Connection, model_id: int, passed: bool, reasons: list[str]) -> None:
    connection.execute(
        "INSERT INTO nightjar.decision (model_id, champion, metric, model_score, champion_score, passed, reasons)"
        " VALUES (%s, 'churn_risk@1', 'roc_auc', 0.9, 0.8, %s, %s)",
        [model_id, passed, reasons],
    )


def add_commit(connection: Connection, model_id: int, night: int, state: str = "published") -> int:
    started = datetime(2017, 11, 2, 2, tzinfo=UTC) + timedelta(days=night)
    published = started + timedelta(seconds=41) if state == "published" else None
    row = connection.execute(
        """
        INSERT INTO nightjar.commit (use_case, as_of, state, model_id, model, snapshot, code_version, run_id,
                                     population, scored, rows, quarantined, started_at, published_at)
        SELECT use_case, %s, %s, id, name || '@' || version, snapshot, 'abc', 'run', 10, 9, 9, 1, %s, %s
        FROM nightjar.model_version WHERE id = %s
        RETURNING id
        """,
        [FIRST_NIGHT + timedelta(days=night), state, started, published, model_id],
    ).fetchone()
    assert row is not None
    return int(row["id"])


def publish(connection: Connection, commit_id: int) -> None:
    connection.execute(
        """
        INSERT INTO nightjar.publication (use_case, commit_id, as_of, model, published_at)
        SELECT use_case, id, as_of, model, published_at FROM nightjar.commit WHERE id = %s
        """,
        [commit_id],
    )


def test_empty_catalog_has_nothing_to_tell(prod_database: Database) -> None:
    assert champions(prod_database) == []
    assert freshness(prod_database) == []
    assert recent_commits(prod_database, 5) == []
    assert challengers(prod_database) == []


def test_champion_comes_with_its_last_move(prod_database: Database) -> None:
    with prod_database.connect(Role.OWNER) as connection:
        move_alias(connection, "champion", add_model(connection, 1, 0.8), "first")
        second = add_model(connection, 2, 0.9)
        move_alias(connection, "champion", second, "better")
        move_alias(connection, "challenger", second, "another alias")

    [champion] = champions(prod_database)

    assert (champion.use_case, champion.model) == ("churn_risk", "churn_risk@2")
    assert champion.algorithm == "logistic_regression"
    assert champion.test_scores == {"roc_auc": 0.9}
    assert (champion.moved_by, champion.reason) == ("anna", "better")
    assert champion.since is not None
    assert champion.since.tzinfo is not None


def test_commits_are_the_newest_of_each_use_case(prod_database: Database) -> None:
    with prod_database.connect(Role.OWNER) as connection:
        busy, quiet = add_model(connection, 1, 0.8), add_model(connection, 1, 40.0, "spend_forecast")
        old = add_commit(connection, quiet, 0)
        ids = [add_commit(connection, busy, night) for night in range(3)]
        ids.append(add_commit(connection, busy, 3, "abandoned"))

    commits = recent_commits(prod_database, 2)

    assert [commit.id for commit in commits] == [ids[3], ids[2], old]
    assert (commits[0].state, commits[0].published, commits[0].seconds) == ("abandoned", None, None)
    assert (commits[1].as_of, commits[1].rows, commits[1].quarantined) == (date(2017, 11, 3), 9, 1)
    assert commits[1].seconds == pytest.approx(41)


def test_night_is_stale_while_a_later_one_is_not_out(prod_database: Database) -> None:
    with prod_database.connect(Role.OWNER) as connection:
        model = add_model(connection, 1, 0.8)
        publish(connection, add_commit(connection, model, 0))
    [fresh] = freshness(prod_database)
    with prod_database.connect(Role.OWNER) as connection:
        add_commit(connection, model, 1, "open")
    [stale] = freshness(prod_database)

    assert (fresh.as_of, fresh.model, fresh.rows, fresh.quarantined) == (FIRST_NIGHT, "churn_risk@1", 9, 1)
    assert (fresh.stale, stale.stale) == (False, True)


def test_challenger_comes_with_its_last_decision(prod_database: Database) -> None:
    with prod_database.connect(Role.OWNER) as connection:
        decided, undecided = add_model(connection, 2, 0.9), add_model(connection, 1, 40.0, "spend_forecast")
        move_alias(connection, "challenger", decided, "trained")
        move_alias(connection, "challenger", undecided, "trained")
        decide(connection, decided, passed=True, reasons=[])
        decide(connection, decided, passed=False, reasons=["calibration error 0.2 is above 0.05"])

    churn, spend = challengers(prod_database)

    assert (churn.model, churn.passed, churn.champion) == ("churn_risk@2", False, "churn_risk@1")
    assert churn.reasons == ["calibration error 0.2 is above 0.05"]
    assert (churn.metric, churn.model_score, churn.champion_score) == ("roc_auc", 0.9, 0.8)
    assert (spend.passed, spend.reasons, spend.decided) == (None, [], None)


def test_database_without_catalog_is_refused(prod_database: Database) -> None:
    empty = prod_database.with_database("postgres")

    with pytest.raises(NotMigratedError, match=f"nightjar db upgrade --env {empty.name}"):
        champions(empty)


def test_console_shows_a_challenger_until_it_is_champion(prod_database: Database) -> None:
    client = TestClient(create_app(lambda: prod_database, lambda: prod_database))
    with prod_database.connect(Role.OWNER) as connection:
        first, second = add_model(connection, 1, 0.8), add_model(connection, 2, 0.9)
        move_alias(connection, "champion", first, "first")
        move_alias(connection, "challenger", second, "trained")
        publish(connection, add_commit(connection, first, 0))
    waiting = _churn_risk(client)
    with prod_database.connect(Role.OWNER) as connection:
        move_alias(connection, "champion", second, "promoted")
    promoted = _churn_risk(client)

    assert waiting["challenger"]["model"] == "churn_risk@2"  # type: ignore[index]
    assert promoted["challenger"] is None
    assert client.get("/").status_code == 200


def _churn_risk(client: TestClient) -> dict[str, object]:
    use_cases = client.get("/api/overview").json()["use_cases"]
    [found] = [use_case for use_case in use_cases if use_case["name"] == "churn_risk"]
    return dict(found)
