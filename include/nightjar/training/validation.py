"""Which rows a candidate is fitted on and which it is judged by: later dates, a horizon apart."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nightjar.errors import TrainingError
from nightjar.training.dataset import Dataset
from nightjar.usecases import Kind, UseCase

# Of a single validation set of rows that have one date only.
VALIDATION_SHARE = 0.25

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Fold:
    """Rows to fit on and rows to validate on, both masks of shape (rows,)."""

    fitting: Mask
    validation: Mask


def validation_folds(use_case: UseCase, train: Dataset) -> list[Fold]:
    """Return at most the declared number of folds: the newest dates in turn, each fitted a horizon before it.

    Rows of a single date are divided at random, by seed, whole entities together.

    Raises:
        TrainingError: there are fewer entities than folds.
    """
    folds = []
    for day in np.unique(train.day)[::-1][: use_case.training.folds]:
        # An outcome that reaches into the validation date would tell of it.
        earlier = (train.day < day) & (train.day + use_case.horizon_days <= day)
        if earlier.any():
            folds.append(Fold(earlier, train.day == day))
    return folds or _entity_folds(use_case, train)


def require_learnable_folds(use_case: UseCase, train: Dataset, folds: list[Fold]) -> None:
    """Refuse a fold whose fitting rows have one class only: half of the estimators cannot be fitted on it.

    Raises:
        TrainingError: there is such a fold.
    """
    if use_case.target is None or use_case.kind is Kind.REGRESSION:
        return
    for number, fold in enumerate(folds, start=1):
        targets = train.target[fold.fitting & train.candidate]
        if len(np.unique(targets)) < 2:
            raise TrainingError(
                f"The {len(targets)} rows that validation fold {number} of {use_case.name} is fitted on have one class "
                "only: lower training.folds, raise training.dates or train on more data."
            )


def _entity_folds(use_case: UseCase, train: Dataset) -> list[Fold]:
    entities, place = np.unique(train.entity, return_inverse=True)
    count = use_case.training.folds
    if len(entities) < max(count, 2):
        raise TrainingError(
            f"{use_case.name} has {len(entities)} entities to train on: too few for {count} validation folds. "
            "Lower training.folds or train on more data."
        )
    order = np.random.default_rng(use_case.training.seed).permutation(len(entities))
    parts = np.array_split(order, count) if count > 1 else [order[: max(1, round(len(order) * VALIDATION_SHARE))]]
    masks = [np.isin(place, part) for part in parts]
    return [Fold(~mask, mask) for mask in masks]
