"""A small shop with a declared use case of each kind and a registered model, for tests of training and scoring."""

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, LiteralString

import numpy as np
import numpy.typing as npt
from psycopg import sql

from nightjar import registry
from nightjar.registry import Alias, ModelName, ModelRecord, ParitySample, Predictor, Signature
from nightjar.registry.estimator_files import save_estimator
from nightjar.registry.models import next_version
from nightjar.registry.predictor import feature_matrix
from nightjar.registry.profile import PROFILE, TrainingProfile
from nightjar.registry.serving.parity import make_serving_model
from nightjar.registry.serving_models import save_serving
from nightjar.scoring import Commit, build_features, open_commit, publish, score_shard
from nightjar.scoring.prediction_tables import store_table
from nightjar.storage import Database, Role
from nightjar.storage.columns import describe_features
from nightjar.storage.copy_reader import read_batches
from nightjar.storage.parameters import bind
from nightjar.training.estimators import build_estimator
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Schedule, Scoring, Target
from nightjar.usecases.fields import Key
from nightjar.usecases.items import Items
from nightjar.usecases.quality import Expectation, Source
from nightjar.usecases.training import Candidate, Promotion, Training

CUSTOMERS = 60
FIRST_DAY, LAST_DAY = date(2024, 1, 1), date(2024, 3, 31)
# Days before and after it are in the data, so nights around it can be scored and their outcomes are known.
NIGHT = date(2024, 3, 20)
EARLIER_NIGHT, LATER_NIGHT = date(2024, 3, 19), date(2024, 3, 21)

_SHOP: LiteralString = """
CREATE SCHEMA shop AUTHORIZATION nightjar_owner;
SET ROLE nightjar_owner;
CREATE TABLE shop.orders (
    order_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id  integer NOT NULL,
    product_id   integer NOT NULL,
    ordered_on   date NOT NULL,
    amount       double precision NOT NULL,
    channel      text
);
INSERT INTO shop.orders (customer_id, product_id, ordered_on, amount, channel)
SELECT customer, 1 + (customer * 5 + day * 3) % 8, '2024-01-01'::date + day, 1 + (customer * 17 + day * 29) % 41,
       CASE (customer + day) % 3 WHEN 0 THEN 'web' WHEN 1 THEN 'store' END
FROM generate_series(1, 60) customer, generate_series(0, 90) day
WHERE (customer * 7919 + day * 3571) % 1009 % (3 + customer % 11) = 0;
GRANT USAGE ON SCHEMA shop TO nightjar_trainer, nightjar_scorer;
GRANT SELECT ON shop.orders TO nightjar_trainer, nightjar_scorer;
"""

FEATURES_SQL = """
SELECT customer_id, :as_of - max(ordered_on) AS days_since_last, count(*) AS orders, sum(amount) AS spend,
       (array_agg(channel ORDER BY ordered_on DESC, order_id DESC))[1] AS channel
FROM shop.orders
WHERE ordered_on < :as_of
GROUP BY customer_id
"""
_PAIRS_SQL = FEATURES_SQL.replace("customer_id,", "customer_id, product_id,").replace(
    "GROUP BY customer_id", "GROUP BY customer_id, product_id"
)
_TARGETS: dict[Kind, tuple[str, str]] = {
    Kind.CLASSIFICATION: (
        "left_us",
        "SELECT customer_id, (count(*) FILTER (WHERE ordered_on >= :as_of AND ordered_on < :as_of + :horizon_days) = 0)"
        "::integer AS left_us FROM shop.orders GROUP BY customer_id",
    ),
    Kind.REGRESSION: (
        "spent",
        "SELECT customer_id, coalesce(sum(amount) FILTER (WHERE ordered_on >= :as_of AND ordered_on < :as_of + "
        ":horizon_days), 0) AS spent FROM shop.orders GROUP BY customer_id",
    ),
    Kind.RECOMMENDER: (
        "bought",
        "SELECT DISTINCT customer_id, product_id, 1 AS bought FROM shop.orders "
        "WHERE ordered_on >= :as_of AND ordered_on < :as_of + :horizon_days",
    ),
}
# One product has no label.
_ITEMS_SQL = "SELECT DISTINCT product_id, 'product ' || product_id AS label FROM shop.orders WHERE product_id < 8"
_LEARNING = {
    Kind.CLASSIFICATION: ("roc_auc", Candidate(estimator="logistic_regression", search={"C": (0.1, 1.0)})),
    Kind.REGRESSION: ("mean_absolute_error", Candidate(estimator="ridge", search={"alpha": (1.0, 10.0)})),
    Kind.SEGMENTATION: ("silhouette", Candidate(estimator="k_means", search={"n_clusters": (3,)})),
    Kind.RECOMMENDER: ("ndcg_at_10", Candidate(estimator="logistic_regression", search={"C": (1.0,)})),
}


def open_shop(database: Database) -> None:
    """Make the tables that the use cases below read."""
    with database.connect() as connection:
        connection.execute(_SHOP)


def shop_use_case(kind: Kind = Kind.CLASSIFICATION, **changes: Any) -> UseCase:
    """Return a use case over the shop, with `changes` of its fields."""
    recommender = kind is Kind.RECOMMENDER
    target = _TARGETS.get(kind)
    metric, candidate = _LEARNING[kind]
    fields: dict[str, Any] = {
        "name": f"shop_{kind.value}",
        "kind": kind,
        "title": "Shop",
        "description": "What the customers of a small shop will do.",
        "owner": "tests",
        "entity": Key(name="customer_id", type="integer"),
        "sources": (Source(table="shop.orders", date_column="ordered_on"),),
        "training": Training(metric=metric, candidates=(candidate,), dates=3, every_days=7, test_share=0.34, trials=2),
        "promotion": Promotion(minimum_metric=0),
        "schedule": Schedule(snapshot="0 1 * * *", score="0 2 * * *", first=FIRST_DAY),
        "target": Target(column=target[0], horizon_days=3) if target else None,
        "target_sql": target[1] if target else None,
        "items": Items(key=Key(name="product_id", type="integer"), label="label", top=3) if recommender else None,
        "items_sql": _ITEMS_SQL if recommender else None,
        "scoring": Scoring(shard_rows=20),
        "features_sql": _PAIRS_SQL if recommender else FEATURES_SQL,
        "folder": Path("shop"),
    }
    return UseCase(**(fields | changes))


def expectation(kind: str, **arguments: Any) -> Expectation:
    """Return an expectation as a declaration's file would hold it."""
    return Expectation(type=kind, **arguments)


def register_model(
    database: Database,
    use_case: UseCase,
    *,
    champion: bool = True,
    serving: bool = False,
    profile: bool = True,
    **parameters: Any,
) -> ModelRecord:
    """Fit a model on the features as of NIGHT, register it with their profile and make it champion.

    What it is taught is made up of its first feature: how good it is does not matter here. With a serving model, as
    trained ones have, that may score.
    """
    relation = sql.SQL("({}) features").format(bind(use_case.features_sql, {"as_of": NIGHT}))
    with database.connect(Role.TRAINER) as connection:
        signature = Signature(describe_features(connection, relation, without=use_case.not_features), "made up")
        batches = list(read_batches(connection, relation, signature.inputs, order_by=use_case.row_key))
    features = np.concatenate([feature_matrix(signature, batch) for batch in batches])
    key = use_case.training.candidates[0].estimator
    parameters = parameters or ({"n_clusters": 3} if use_case.kind is Kind.SEGMENTATION else {})
    estimator = build_estimator(use_case.kind, key, parameters, signature, seed=0)
    estimator.fit(features, _made_up_target(use_case.kind, features))
    content = save_estimator(estimator)
    with database.connect(Role.OWNER) as connection:
        name = next_version(connection, use_case.name)
        digest = hashlib.sha256(content).hexdigest()
        record = model_record(use_case, signature, name=name, sha256=digest)
        if profile:
            details = {PROFILE: TrainingProfile.of(signature, features).as_json()}
            record = replace(record, details={**record.details, **details})
        model_id = registry.register(connection, record, content, [])
        if serving:
            save_serving(connection, model_id, *make_serving_model(record, estimator, features))
            registry.save_sample(connection, model_id, ParitySample.draw(Predictor(record, estimator), features))
        model = registry.find_model(connection, name)
        if champion:
            registry.move_alias(connection, use_case.name, Alias.CHAMPION, model, reason="test", actor="test")
    return model


def staged_night(database: Database, use_case: UseCase, as_of: date = NIGHT, run_id: str = "run") -> Commit:
    """Open a night and stage its features; its shards are still to be scored."""
    commit = open_commit(database, use_case, as_of, run_id)
    build_features(database, use_case, commit)
    return commit


def scored_night(database: Database, use_case: UseCase, as_of: date = NIGHT, run_id: str = "run") -> Commit:
    """Open a night and score all its shards; it is still to be published."""
    commit = open_commit(database, use_case, as_of, run_id)
    for ordinal in build_features(database, use_case, commit):
        score_shard(database, use_case, commit.id, ordinal)
    return commit


def published_night(database: Database, use_case: UseCase, as_of: date = NIGHT) -> Commit:
    """Score a night and publish it, without the gates and without forgetting others."""
    return publish(database, use_case, scored_night(database, use_case, as_of, f"run {as_of}"))


def rows(
    database: Database, query: LiteralString, values: list[Any] | None = None, role: Role = Role.OWNER
) -> list[Any]:
    """Return a query's rows as mappings."""
    with database.connect(role) as connection:
        return connection.execute(query, values).fetchall()


def shown(database: Database, use_case: UseCase, *, history: bool = False) -> list[Any]:
    """Return what an analyst reads of a use case, by entity and rank."""
    view = sql.Identifier("predictions", use_case.name + ("_history" if history else ""))
    order = [sql.Identifier("as_of"), *map(sql.Identifier, use_case.row_key)]
    query = sql.SQL("SELECT * FROM {} ORDER BY {}").format(view, sql.SQL(", ").join(order))
    with database.connect(Role.ANALYST) as connection:
        return connection.execute(query).fetchall()


def stored_hash(database: Database, use_case: UseCase, commit_id: int) -> str:
    """Return a hash of a night's stored rows, every byte of their values, whatever their order and commit."""
    query = sql.SQL("SELECT (to_jsonb(s) - 'commit_id')::text AS line FROM {} s WHERE commit_id = {}").format(
        store_table(use_case), sql.Literal(commit_id)
    )
    with database.connect(Role.SCORER) as connection:
        lines = sorted(row["line"] for row in connection.execute(query))
    assert lines, "an empty night has no hash"
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _made_up_target(kind: Kind, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    if kind is Kind.SEGMENTATION:
        return None
    first = features[:, 0]
    return first if kind is Kind.REGRESSION else (first > np.median(first)).astype(float)


def model_record(use_case: UseCase, signature: Signature, **facts: Any) -> ModelRecord:
    """Return a record with made-up facts, but for those given."""
    segments: list[dict[str, Any]] = [
        {"id": number, "name": f"Segment {number}", "description": "made up", "share": 0.3, "profile": {}}
        for number in (1, 2, 3)
    ]
    made_up: dict[str, Any] = {
        "name": ModelName(use_case.name, 1),
        "use_case": use_case.name,
        "kind": use_case.kind.value,
        "algorithm": use_case.training.candidates[0].estimator,
        "snapshot": "shop@1.0.0",
        "train_split": "shop_train@1.0.0",
        "test_split": "shop_test@1.0.0",
        "as_of": NIGHT,
        "training_query": "SELECT 1",
        "processed_rows": CUSTOMERS,
        "discarded_rows": 0,
        "preprocess_seconds": 0,
        "fit_seconds": 0,
        "iterations": None,
        "output_type": signature.output,
        "hyperparameters": {},
        "coefficients": {},
        "training_scores": {},
        "test_scores": {},
        "signature": signature,
        "details": {"segments": segments} if use_case.kind is Kind.SEGMENTATION else {},
        "environment": {},
        "code_version": "test",
        "sha256": "",
        "trained_in": "test",
    }
    return ModelRecord(**(made_up | facts))
