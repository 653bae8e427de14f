"""Draws the rows that an inspection looks at, and divides them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nightjar.training.dataset import Dataset
from nightjar.usecases import Kind, UseCase


def draw_rows(use_case: UseCase, dataset: Dataset, rows: int) -> Dataset:
    """Return at most `rows` rows in their order, the same ones for the same seed.

    Of a recommender whole entities, because ranks need all candidates of one: at least one, whatever its rows.
    """
    if len(dataset) <= rows:
        return dataset
    generator = np.random.default_rng(use_case.training.seed)
    chosen = _entities(generator, dataset, rows) if use_case.kind is Kind.RECOMMENDER else _spread(
        generator, dataset.target, rows
    )  # fmt: skip
    return dataset.take(chosen)


def tenths(values: npt.NDArray[np.float64]) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Yield ten parts of the rows by rising value, of equal size: number from 1 on, and rows; none that is empty."""
    parts = np.array_split(np.argsort(values, kind="stable"), 10)
    return ((number, part) for number, part in enumerate(parts, start=1) if len(part))


def _entities(generator: np.random.Generator, dataset: Dataset, rows: int) -> npt.NDArray[np.intp]:
    _, codes, sizes = np.unique(dataset.entity, return_inverse=True, return_counts=True)
    order = generator.permutation(len(sizes))
    fitting = np.cumsum(sizes[order]) <= rows
    fitting[0] = True
    return np.flatnonzero(np.isin(codes, order[fitting]))


def _spread(generator: np.random.Generator, target: npt.NDArray[np.float64], rows: int) -> npt.NDArray[np.intp]:
    """Return rows at even steps of the sorted target: classes keep their shares, and both extremes are there."""
    shuffled = generator.permutation(len(target))
    order = shuffled[np.argsort(target[shuffled], kind="stable")]
    chosen: npt.NDArray[np.intp] = np.sort(order[np.linspace(0, len(order) - 1, rows).astype(int)])
    return chosen
