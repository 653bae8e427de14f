"""Estimators that were fitted elsewhere, and the frozen rows of a shop to fit them on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nightjar.registry import ModelRecord, Signature
from nightjar.registry.loading import load_predictor
from nightjar.registry.pickles import trust_file
from nightjar.registry.predictor import Predictor
from nightjar.snapshots import Snapshot
from nightjar.storage import Database, Role
from nightjar.training import adopt, freeze_training_data, split_training_data
from nightjar.training.dataset import Dataset, read_dataset, signature_of
from nightjar.usecases import Kind
from tests.builders import count_rows, shared_database
from tests.night_builders import NIGHT, open_shop, shop_use_case

# days_since_last, orders, spend, channel
NUMBERS, CHANNEL = [0, 1, 2], [3]


@dataclass(frozen=True)
class Lessons:
    """The shop's use cases with their frozen rows."""

    database: Database
    snapshots: dict[Kind, Snapshot]
    signatures: dict[Kind, Signature]
    train: dict[Kind, Dataset]


@contextmanager
def frozen_shop(server: Database, name: str) -> Iterator[Lessons]:
    """Freeze the rows of all use cases in a database of their own."""
    with shared_database(server, name) as database:
        open_shop(database)
        made = Lessons(database, {}, {}, {})
        for kind in Kind:
            use_case = shop_use_case(kind)
            snapshot = freeze_training_data(database, use_case, NIGHT)
            part, _ = split_training_data(database, use_case, snapshot)
            made.snapshots[kind] = snapshot
            made.signatures[kind] = signature_of(database, use_case, part)
            made.train[kind] = read_dataset(database, use_case, part, made.signatures[kind])
        yield made


def fitted(lessons: Lessons, estimator: Any, kind: Kind = Kind.CLASSIFICATION) -> Any:
    known = lessons.train[kind].candidates
    return estimator.fit(known.features, known.target)


def framed(lessons: Lessons, *, order: int = 1) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Return the training rows with their names, in their order or (-1) the other way round."""
    names = [column.name for column in lessons.signatures[Kind.CLASSIFICATION].inputs]
    known = lessons.train[Kind.CLASSIFICATION]
    return pd.DataFrame(known.features, columns=names)[names[::order]], known.target


def prepared() -> Pipeline:
    return make_pipeline(
        ColumnTransformer(
            [
                ("number", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), NUMBERS),
                ("channel", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CHANNEL),
            ]
        ),
        LogisticRegression(),
    )


def saved(lessons: Lessons, estimator: Any, folder: Path) -> Path:
    """Return a trusted file."""
    path = folder / "made_elsewhere.joblib"
    joblib.dump(estimator, path)
    trust_file(lessons.database, path, reason="made by ada")
    return path


def adopted(lessons: Lessons, estimator: Any, folder: Path, kind: Kind = Kind.CLASSIFICATION) -> ModelRecord:
    path = saved(lessons, estimator, folder)
    use_case = shop_use_case(kind)
    return adopt(lessons.database, use_case, lessons.snapshots[kind], path, reason="tuned by hand", actor="ada")


def predictor_of(lessons: Lessons, model: ModelRecord) -> Predictor:
    with lessons.database.connect(Role.SCORER) as connection:
        return load_predictor(connection, model)


def alerts_of(model: ModelRecord) -> dict[str, str]:
    return {alert["alert"]: alert["message"] for alert in model.details["alerts"]}


def state(database: Database) -> list[int]:
    return [count_rows(database, "nightjar", name) for name in ("model_version", "artifact", "model_event", "alias")]
