"""The shipped predictions against what a team would do without Nightjar, on the same test rows, at several dates.

The test rows are the newest as-of date of each snapshot: later than every training row, their outcomes known.
"""

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.gains import gain
from benchmarks.measure import Result
from nightjar import retail, snapshots
from nightjar.registry.components import LogScaler
from nightjar.registry.loading import load_predictor
from nightjar.snapshots import SnapshotName
from nightjar.storage import Database, Role
from nightjar.training import freeze_training_data, split_training_data, train
from nightjar.training.dataset import Dataset, read_dataset
from nightjar.training.evaluation import evaluate
from nightjar.training.metrics import METRICS, Evaluation, calibration_error
from nightjar.usecases import UseCase, find_use_case

DATES = (date(2017, 10, 1), date(2017, 11, 1), date(2017, 12, 1))
Columns = Mapping[str, npt.NDArray[np.float64]]
Rival = Callable[[Columns, Dataset, Columns], npt.NDArray[np.float64]]


def run(database: Database, rows: int) -> list[Result]:  # noqa: ARG001
    """Train both use cases as of each date and compare them with their rivals."""
    retail.load_until(database, None, lambda _: None)
    return [
        *_compare(database, "churn_risk", ("roc_auc", "average_precision"), {"logistic on RFM": _logistic_on_rfm}),
        *_compare(
            database,
            "spend_forecast",
            ("mean_absolute_error",),
            {"same as the last 28 days": _last_period, "mean of the last three periods": _mean_of_three},
        ),
    ]


def _compare(database: Database, name: str, metrics: tuple[str, ...], rivals: Mapping[str, Rival]) -> list[Result]:
    use_case = find_use_case(name)
    judged: dict[str, list[tuple[Evaluation, Evaluation]]] = {label: [] for label in rivals}
    errors = []
    for as_of in DATES:
        ours, train_rows, columns = trained(database, use_case, as_of)
        if "roc_auc" in metrics:
            errors.append(calibration_error(ours.dataset.target, ours.output))
        for label, rival in rivals.items():
            output = rival(columns[0], train_rows, columns[1])
            judged[label].append((ours, Evaluation(ours.dataset, output)))
    found = [
        gain(f"{name}: {metric}", METRICS[use_case.kind][metric], pairs, label)
        for metric in metrics
        for label, pairs in judged.items()
    ]
    if errors:
        found.append(Result(f"{name}: calibration error", float(np.mean(errors)), 0.03, "<= 1.0", "the goal, 0.03"))
    return found


def trained(database: Database, use_case: UseCase, as_of: date) -> tuple[Evaluation, Dataset, tuple[Columns, Columns]]:
    """Return our output on the test rows, the training rows, and the columns of both by name."""
    snapshot = freeze_training_data(database, use_case, as_of)
    split_training_data(database, use_case, snapshot)
    model = train(database, use_case, snapshot)
    with database.connect(Role.TRAINER) as connection:
        estimator = load_predictor(connection, model).estimator
    parts = [
        read_dataset(database, use_case, snapshots.find(database, SnapshotName.parse(part)), model.signature)
        for part in (model.train_split, model.test_split)
    ]
    names = [column.name for column in model.signature.inputs]
    columns = [dict(zip(names, part.features.T, strict=True)) for part in parts]
    return evaluate(use_case, estimator, parts[1]), parts[0], (columns[0], columns[1])


def _logistic_on_rfm(train: Columns, rows: Dataset, test: Columns) -> npt.NDArray[np.float64]:
    """Return the churn probability by recency, frequency and monetary value: the marketer's classic."""
    names = ("days_since_last", "baskets_84d", "spend_84d")
    model = make_pipeline(LogScaler(), StandardScaler(), LogisticRegression())
    model.fit(np.column_stack([train[name] for name in names]), rows.target)
    probabilities: npt.NDArray[np.float64] = model.predict_proba(np.column_stack([test[name] for name in names]))[:, 1]
    return probabilities


def _last_period(train: Columns, rows: Dataset, test: Columns) -> npt.NDArray[np.float64]:  # noqa: ARG001
    return test["spend_28d"]


def _mean_of_three(train: Columns, rows: Dataset, test: Columns) -> npt.NDArray[np.float64]:  # noqa: ARG001
    mean: npt.NDArray[np.float64] = (test["spend_28d"] + test["spend_28d_before"] + test["spend_28d_before_that"]) / 3
    return mean
