"""The configurations that a search tries: estimators with hyperparameters drawn from the declared spaces."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from sklearn.model_selection import ParameterGrid

from nightjar.errors import DeclarationError
from nightjar.training.estimators import recipe_of, require_parameters
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.training import Candidate, SearchRange, SearchSpace


@dataclass(frozen=True)
class Configuration:
    """An estimator with its hyperparameters."""

    estimator: str
    parameters: Mapping[str, Any]


def configurations(use_case: UseCase) -> list[Configuration]:
    """Return at most the declared number of configurations, candidates in turn, none twice."""
    queues = [_drawn(use_case, number, candidate) for number, candidate in enumerate(use_case.training.candidates)]
    return list(islice(_in_turn(queues), use_case.training.trials))


def require_usable(use_case: UseCase) -> None:
    """Refuse candidates that no fit would accept, before any is tried.

    Raises:
        DeclarationError: an unknown estimator or hyperparameter, one out of its range, or an estimator that cannot
            be updated where the declaration asks for it.
    """
    for candidate in use_case.training.candidates:
        recipe = recipe_of(use_case.kind, candidate.estimator)
        if use_case.training.partial_fit and not recipe.incremental:
            raise DeclarationError(
                f"training.partial_fit: {candidate.estimator} cannot be updated, declare only sgd_classifier, "
                "sgd_regressor or mini_batch_k_means."
            )
        for parameters in _corners(_space(use_case.kind, candidate)):
            require_parameters(use_case.kind, candidate.estimator, parameters)


def _space(kind: Kind, candidate: Candidate) -> SearchSpace:
    return recipe_of(kind, candidate.estimator).space if candidate.search is None else candidate.search


def _corners(space: SearchSpace) -> Iterator[dict[str, Any]]:
    """Yield parameters so that every listed value and every bound comes up."""
    for name, values in space.items():
        for value in (values.low, values.high) if isinstance(values, SearchRange) else values:
            yield {name: value}
    if not space:
        yield {}


def _drawn(use_case: UseCase, number: int, candidate: Candidate) -> Iterator[Configuration]:
    """Yield a candidate's configurations in an order drawn by seed: all of a grid, ever new ones with ranges.

    Where the usual space is searched, the estimator's defaults come first.
    """
    if candidate.search is None:
        yield Configuration(candidate.estimator, {})
    generator = np.random.default_rng([use_case.training.seed, number])
    space = _space(use_case.kind, candidate)
    grid = {name: list(values) for name, values in space.items() if not isinstance(values, SearchRange)}
    ranges = {name: values for name, values in space.items() if isinstance(values, SearchRange)}
    points = list(ParameterGrid(grid))
    while True:
        for place in generator.permutation(len(points)):
            drawn = {name: _draw(values, generator) for name, values in ranges.items()}
            yield Configuration(candidate.estimator, {**points[place], **drawn})
        if not ranges:
            return


def _draw(values: SearchRange, generator: np.random.Generator) -> float | int:
    bounds = np.array([values.low, values.high], dtype=float)
    drawn = np.exp(generator.uniform(*np.log(bounds))) if values.scale == "log" else generator.uniform(*bounds)
    if values.whole:
        return int(np.clip(round(drawn), values.low, values.high))
    # Four digits are enough to tell configurations apart, and people read them.
    return float(np.clip(float(f"{drawn:.4g}"), values.low, values.high))


def _in_turn(queues: list[Iterator[Configuration]]) -> Iterator[Configuration]:
    seen: list[Configuration] = []
    while queues:
        for queue in list(queues):
            configuration = next((fresh for fresh in islice(queue, 100) if fresh not in seen), None)
            if configuration is None:
                queues.remove(queue)
            else:
                seen.append(configuration)
                yield configuration
