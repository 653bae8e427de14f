"""What a model is made of and judged by: the splits of a snapshot, read in the form of a signature."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nightjar import snapshots
from nightjar.errors import TrainingError
from nightjar.registry import ModelRecord, Signature
from nightjar.snapshots import Snapshot, State
from nightjar.snapshots.errors import SnapshotStateError
from nightjar.storage import Database
from nightjar.training.dataset import Dataset, read_dataset, signature_of
from nightjar.training.freeze import TEST, TRAIN
from nightjar.training.learning import fitted_until
from nightjar.usecases import Kind, UseCase

# Test rows on which a serving model is proved.
PARITY_ROWS = 2000


@dataclass(frozen=True)
class Lesson:
    """A snapshot's splits, and their rows in the form of a signature; seconds: how long reading took."""

    snapshot: Snapshot
    train_split: Snapshot
    test_split: Snapshot
    signature: Signature
    train: Dataset
    test: Dataset
    seconds: float

    @property
    def sample(self) -> npt.NDArray[np.float64]:
        """Some of the test rows, spread evenly over them, shape (rows, features)."""
        held_out = self.test.candidates.features
        count = min(PARITY_ROWS, len(held_out))
        rows: npt.NDArray[np.float64] = held_out[np.linspace(0, len(held_out) - 1, count).astype(int)]
        return rows


def read_lesson(database: Database, use_case: UseCase, snapshot: Snapshot, base: ModelRecord | None = None) -> Lesson:
    """Read what there is to learn; for a model that goes on from another one, only what that one has not seen.

    Raises:
        SnapshotStateError: the snapshot is not published.
        SnapshotNotFoundError: it is not split.
        TrainingError: the rows cannot be learnt from.
    """
    if snapshot.state is not State.PUBLISHED:
        raise SnapshotStateError(f"{snapshot.name} is {snapshot.state}: only published snapshots are trained on.")
    train_split, test_split = (snapshots.find(database, snapshot.name.with_suffix(part)) for part in (TRAIN, TEST))
    started = time.perf_counter()
    signature = base.signature if base else signature_of(database, use_case, train_split)
    train = read_dataset(database, use_case, train_split, signature, after=fitted_until(base) if base else None)
    test = read_dataset(database, use_case, test_split, signature)
    _require_learnable(use_case, train, test)
    return Lesson(snapshot, train_split, test_split, signature, train, test, time.perf_counter() - started)


def _require_learnable(use_case: UseCase, *datasets: Dataset) -> None:
    if use_case.target is None:
        return
    for dataset in datasets:
        values = np.unique(dataset.target)
        if use_case.kind is Kind.REGRESSION or use_case.classes:
            if len(values) == 1:
                raise TrainingError(
                    f"The target of {use_case.name} has the same value in all {len(dataset)} rows of a split: there is "
                    "nothing to learn. Check target.sql or choose other dates."
                )
        elif not np.array_equal(values, [0.0, 1.0]):
            raise TrainingError(
                f"The target of {use_case.name} takes the values {values[:5].tolist()}: both 0 and 1 are needed "
                "in the training and in the test rows. Check target.sql or choose other dates."
            )
