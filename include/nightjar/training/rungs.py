"""The plan of a search by successive halving: many configurations on little, the best of them on everything.

Successive halving: Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
optimization"; the resource is the share of the entities, then the number of validation folds.
"""

import math
from dataclasses import dataclass

# Of each rung's configurations one in three goes on.
REDUCTION = 3
# On fewer rows scores say too little to drop a configuration by.
MINIMUM_ROWS = 3000


@dataclass(frozen=True)
class Rung:
    """One round: how many configurations are scored, on which share of the entities and on how many folds."""

    configurations: int
    share: float
    folds: int


def plan_rungs(configurations: int, rows: int, folds: int) -> list[Rung]:
    """Return the rungs, cheapest first; the last one has all rows and all folds.

    Args:
        configurations: how many there are to try.
        rows: of the first fold's fitting part.
        folds: how many there are.
    """
    resources = [(1.0, folds)]
    if folds > 1 and rows >= MINIMUM_ROWS:
        resources.append((1.0, 1))
    share = 1 / REDUCTION
    while rows * share >= MINIMUM_ROWS:
        resources.append((share, 1))
        share /= REDUCTION
    counts = [configurations]
    # A rung that leaves one configuration has nothing to decide.
    while len(counts) < len(resources) and counts[-1] > REDUCTION:
        counts.append(math.ceil(counts[-1] / REDUCTION))
    cheapest_first = list(reversed(resources[: len(counts)]))
    return [Rung(count, share, fold_count) for count, (share, fold_count) in zip(counts, cheapest_first, strict=True)]
