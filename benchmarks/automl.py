"""Model selection against FLAML's AutoML under the same time budget, on the same training and test rows."""

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql
from sklearn import datasets as sklearn_datasets

from benchmarks.gains import gain
from benchmarks.measure import Result
from nightjar import retail, snapshots
from nightjar.registry.loading import load_predictor
from nightjar.snapshots import SnapshotName
from nightjar.storage import Database, Role
from nightjar.training import freeze_training_data, split_training_data, train
from nightjar.training.dataset import Dataset, read_dataset
from nightjar.training.evaluation import evaluate
from nightjar.training.metrics import Evaluation, declared_metric
from nightjar.usecases import Kind, UseCase, find_use_case
from nightjar.usecases.declaration import Schedule, Target
from nightjar.usecases.fields import Key
from nightjar.usecases.quality import Source
from nightjar.usecases.training import Candidate, Promotion, Training

RIVAL_PYTHON = Path(".venv/rivals/bin/python")
# Of the division into training and test rows, and of the searches.
SEEDS = (1, 2, 3)
AS_OF = date(2017, 12, 1)
_CLASSIFIERS = (
    "logistic_regression",
    "hist_gradient_boosting_classifier",
    "extra_trees_classifier",
    "random_forest_classifier",
)
_REGRESSORS = ("ridge", "hist_gradient_boosting_regressor", "extra_trees_regressor", "random_forest_regressor")
# Names of the same metrics at FLAML.
_FLAML_METRICS = {"roc_auc": "roc_auc", "mean_absolute_error": "mae", "log_loss": "log_loss"}


@dataclass(frozen=True)
class Table:
    """A data set of scikit-learn that is put into a table."""

    load: Callable[..., Any]
    kind: Kind
    metric: str
    classes: tuple[str, ...] | None = None


TABLES = {
    "breast_cancer": Table(sklearn_datasets.load_breast_cancer, Kind.CLASSIFICATION, "roc_auc"),
    "diabetes": Table(sklearn_datasets.load_diabetes, Kind.REGRESSION, "mean_absolute_error"),
    "digits": Table(
        sklearn_datasets.load_digits, Kind.CLASSIFICATION, "log_loss", tuple(str(digit) for digit in range(10))
    ),
}


def run(database: Database, rows: int) -> list[Result]:  # noqa: ARG001
    """Search both ways on two shipped use cases, and on three known tables divided in several ways."""
    retail.load_until(database, None, lambda _: None)
    results = [_compare(database, [_searching(find_use_case(name), 30)]) for name in ("churn_risk", "spend_forecast")]
    for name, table in TABLES.items():
        _put_into_table(database, name, table)
        results.append(_compare(database, [_searching(_declared(name, table, seed), 15) for seed in SEEDS]))
    return results


def _compare(database: Database, use_cases: Sequence[UseCase]) -> Result:
    pairs, algorithms, rivals = zip(*(_both(database, use_case) for use_case in use_cases), strict=True)
    first = use_cases[0]
    work = f"search {first.training.time_budget_seconds:.0f} s, {first.name}, {first.training.metric}"
    chosen = " ".join(sorted(set(algorithms)))
    return gain(f"{work}: {chosen}", declared_metric(first), pairs, f"FLAML: {' '.join(sorted(set(rivals)))}")


def _both(database: Database, use_case: UseCase) -> tuple[tuple[Evaluation, Evaluation], str, str]:
    """Return both outputs on the test rows, and which estimators were chosen."""
    snapshot = freeze_training_data(database, use_case, AS_OF)
    split_training_data(database, use_case, snapshot)
    model = train(database, use_case, snapshot)
    with database.connect(Role.TRAINER) as connection:
        estimator = load_predictor(connection, model).estimator
    fitted, test = (
        read_dataset(database, use_case, snapshots.find(database, SnapshotName.parse(part)), model.signature)
        for part in (model.train_split, model.test_split)
    )
    output, chosen = _rival_output(use_case, fitted, test)
    if output.ndim == 2 and not model.signature.classes:
        output = output[:, 1]
    return (evaluate(use_case, estimator, test), Evaluation(test, output)), model.algorithm, chosen


def _rival_output(use_case: UseCase, fitted: Dataset, test: Dataset) -> tuple[npt.NDArray[np.float64], str]:
    """Return FLAML's output on the test rows, and which estimator it chose."""
    request = {
        "task": use_case.kind.value,
        "metric": _FLAML_METRICS[use_case.training.metric],
        "seconds": use_case.training.time_budget_seconds,
        "seed": use_case.training.seed,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "request.json").write_text(json.dumps(request))
        for part, values in {"train": fitted.features, "target": fitted.target, "test": test.features}.items():
            np.save(folder / f"{part}.npy", values)
        script = Path(__file__).parent / "rivals" / "flaml_search.py"
        done = subprocess.run([RIVAL_PYTHON, script, folder], check=True, stdout=subprocess.PIPE, text=True)
        return np.load(folder / "output.npy"), done.stdout.strip().splitlines()[-1]


def _searching(use_case: UseCase, seconds: int) -> UseCase:
    """Return a use case with the usual spaces of all estimators, and the time that both have."""
    keys = _REGRESSORS if use_case.kind is Kind.REGRESSION else _CLASSIFIERS
    training = use_case.training.model_copy(
        update={
            "candidates": tuple(Candidate(estimator=key) for key in keys),
            "trials": 120,
            "time_budget_seconds": seconds,
        }
    )
    return use_case.model_copy(update={"training": training})


def _declared(name: str, table: Table, seed: int) -> UseCase:
    target = Target(column="target", horizon_days=1, classes=table.classes)
    features, outcomes = (
        sql.SQL("SELECT {} FROM {} WHERE :as_of IS NOT NULL")
        .format(sql.SQL(", ").join(map(sql.Identifier, columns)), _relation(name))
        .as_string()
        for columns in (("id", *_feature_names(table)), ("id", "target"))
    )
    return UseCase(
        name=name,
        kind=table.kind,
        title=name,
        description=f"scikit-learn's {name} in a table.",
        owner="benchmarks",
        entity=Key(name="id"),
        sources=(Source(table=f"retail.bench_{name}"),),
        training=Training(
            metric=table.metric, candidates=(Candidate(estimator="ridge"),), test_share=0.25, folds=5, seed=seed
        ),
        promotion=Promotion(minimum_metric=0),
        schedule=Schedule(snapshot="0 1 * * *", score="0 2 * * *", first=AS_OF),
        target=target,
        features_sql=features,
        target_sql=outcomes,
        folder=Path(name),
    )


def _put_into_table(database: Database, name: str, table: Table) -> None:
    features, target = table.load(return_X_y=True)
    columns = [sql.SQL("{} double precision").format(sql.Identifier(name)) for name in _feature_names(table)]
    with database.connect() as connection:
        connection.execute(
            sql.SQL("CREATE TABLE {} (id bigint PRIMARY KEY, {}, target {})").format(
                _relation(name),
                sql.SQL(", ").join(columns),
                sql.SQL("double precision" if table.kind is Kind.REGRESSION else "integer"),
            )
        )
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(_relation(name))) as copy:
            for number, (row, value) in enumerate(zip(features.tolist(), target.tolist(), strict=True)):
                copy.write_row([number, *row, value])
        connection.execute(sql.SQL("GRANT SELECT ON {} TO nightjar_trainer").format(_relation(name)))


def _relation(name: str) -> sql.Identifier:
    return sql.Identifier("retail", f"bench_{name}")


def _feature_names(table: Table) -> list[str]:
    return [f"x{place}" for place in range(table.load().data.shape[1])]
