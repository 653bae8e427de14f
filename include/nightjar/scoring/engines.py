"""What scores a model: of all that answer the same, the one that took least time on rows of this database."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from enum import StrEnum

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb
from threadpoolctl import threadpool_limits

from nightjar import registry
from nightjar.errors import ParitySampleNotFoundError, ServingError, ServingModelNotFoundError
from nightjar.registry import ModelRecord, ParitySample, Predictor
from nightjar.registry.loading import load_compiled, load_predictor, load_serving_predictor
from nightjar.registry.records import Form
from nightjar.registry.serving.sql import SqlModel, to_sql
from nightjar.registry.serving_models import find_serving
from nightjar.scoring.commits import Commit
from nightjar.scoring.in_database import predicted
from nightjar.scoring.predicting import Tally, predict, staged_columns
from nightjar.scoring.row_numbers import wire_key
from nightjar.scoring.sql_proof import largest_difference
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import read_batches
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

log = logging.getLogger(__name__)

MEASURED_ROWS = 20_000
_ROUNDS = 3
_SQL = load_sql("nightjar.scoring", "engines.sql")


class Engine(StrEnum):
    """What predicts."""

    FULL = "full"  # the fitted pipeline, in scikit-learn
    SERVING = "serving"  # its serving model, in ONNX Runtime
    COMPILED = "compiled"  # the trees of its serving model as machine code
    DATABASE = "database"  # its serving model as SQL


_LOADERS: dict[Engine, Callable[[Connection, ModelRecord], Predictor]] = {
    Engine.FULL: load_predictor,
    Engine.SERVING: load_serving_predictor,
    Engine.COMPILED: load_compiled,
}


def load_engine(connection: Connection, record: ModelRecord, engine: Engine) -> Predictor:
    """Load what scores a model outside of the database.

    Raises:
        ArtifactError, VersionMismatchError: as of the form.
    """
    return _LOADERS[Engine.FULL if engine is Engine.DATABASE else engine](connection, record)


def load_sql_model(connection: Connection, record: ModelRecord) -> SqlModel:
    """Return a model as SQL.

    Raises:
        ServingError: it has no such form.
        ServingModelNotFoundError: it has no serving model.
    """
    return to_sql(record, registry.read_artifact(connection, find_serving(connection, record).sha256))


def engine_of(connection: Connection, record: ModelRecord) -> Engine:
    """Return what scores a model; the full model where nothing was measured yet."""
    row = connection.execute(_SQL["find"], [record.id]).fetchone()
    return Engine(row["engine"]) if row else Engine.FULL


def choose_engine(
    database: Database, connection: Connection, use_case: UseCase, commit: Commit, record: ModelRecord
) -> None:
    """Measure what can score a model on staged rows, unless that was done before, and keep which one was fastest.

    It is kept, so that the same night scored again gives the same bytes.

    Args:
        database: where other connections are opened to read.
        connection: in the role of the scorer.
        use_case: whose model it is.
        commit: a night whose features are staged, and seen by other connections.
        record: the model.
    """
    if connection.execute(_SQL["find"], [record.id]).fetchone():
        return
    seconds = _measure(database, use_case, commit, _candidates(database, connection, use_case, record))
    fastest = min(seconds, key=lambda engine: seconds[engine])
    log.info("%s is scored by its form %r: %s", record.name, fastest.value, _told(seconds))
    connection.execute(_SQL["keep"], [record.id, fastest.value, Jsonb({k.value: v for k, v in seconds.items()})])


def _told(seconds: Mapping[Engine, float]) -> str:
    return ", ".join(f"{engine} {1e6 * value / MEASURED_ROWS:.2f} µs a row" for engine, value in seconds.items())


def _candidates(
    database: Database, connection: Connection, use_case: UseCase, record: ModelRecord
) -> dict[Engine, Predictor | SqlModel]:
    """Return the forms of a model that are here and proved to answer the same."""
    found: dict[Engine, Predictor | SqlModel] = {}
    if record.form != Form.SERVING:
        found[Engine.FULL] = load_predictor(connection, record)
    try:
        stored = find_serving(connection, record)
    except ServingModelNotFoundError:
        return found
    found[Engine.SERVING] = load_serving_predictor(connection, record)
    try:
        sample = registry.find_sample(connection, record)
    except ParitySampleNotFoundError:
        return found
    tolerance = stored.report.tolerance
    try:
        compiled = load_compiled(connection, record)
        if _is_near(record, Engine.COMPILED, _difference(compiled, sample), tolerance):
            found[Engine.COMPILED] = compiled
    except ServingError as error:
        log.info("%s: %s", record.name, error)
    if use_case.items is None:
        try:
            model = load_sql_model(connection, record)
            if _is_near(record, Engine.DATABASE, largest_difference(database, model, sample), tolerance):
                found[Engine.DATABASE] = model
        except ServingError as error:
            log.info("%s: %s", record.name, error)
    return found


def _is_near(record: ModelRecord, engine: Engine, difference: float, tolerance: float) -> bool:
    if difference <= tolerance:
        return True
    log.warning(
        "%s is not scored by its form %r, which is off by %.2g on its sample; %.0e is allowed.",
        record.name, engine.value, difference, tolerance,
    )  # fmt: skip
    return False


def _difference(predictor: Predictor, sample: ParitySample) -> float:
    outputs = predictor.predict(predictor.within_range(sample.matrix()))
    return max(
        float((np.abs(outputs[name] - values) / np.maximum(1.0, np.abs(values))).max(initial=0.0))
        for name, values in ((name, np.array(answers)) for name, answers in sample.outputs.items())
    )


def _measure(
    database: Database, use_case: UseCase, commit: Commit, candidates: Mapping[Engine, Predictor | SqlModel]
) -> dict[Engine, float]:
    """Return the seconds that each took for the first staged rows, from the database to their predictions."""
    fastest = dict.fromkeys(candidates, math.inf)
    # In turn, so that a machine that is busy for a moment is so for all of them.
    for _ in range(_ROUNDS):
        for engine, form in candidates.items():
            fastest[engine] = min(fastest[engine], _seconds(database, use_case, commit, form))
    return fastest


def _seconds(database: Database, use_case: UseCase, commit: Commit, form: Predictor | SqlModel) -> float:
    key = sql.Identifier(wire_key(use_case)[0])
    rows = sql.SQL(
        "{key} <= (SELECT max({key}) FROM (SELECT {key} FROM {features} ORDER BY {key} LIMIT {limit}) first)"
    )
    first = rows.format(key=key, features=commit.features, limit=sql.Literal(MEASURED_ROWS))
    started = time.perf_counter()
    if isinstance(form, SqlModel):
        with predicted(database, use_case, commit, form, first) as chunks:
            deque(chunks, maxlen=0)
    else:
        with database.connect(Role.SCORER) as reader:
            staged = read_batches(
                reader, commit.features, staged_columns(use_case, form), condition=first, order_by=wire_key(use_case)
            )
            with closing(staged) as batches, threadpool_limits(1):
                deque(predict(use_case, form, batches, Tally()), maxlen=0)
    return time.perf_counter() - started
