"""The best items of each entity of a file, as rows."""

import numpy as np

from nightjar.recommending.topn import as_rows, top_items
from nightjar.scoring.files.keys import key_hashes, run_starts
from nightjar.scoring.files.targets import Columns
from nightjar.usecases import UseCase


def recommended_rows(use_case: UseCase, pairs: Columns) -> Columns:
    """Return the best items of each entity with rank and score, the entities in the order of the rows.

    pairs: the keys and the probability of each pair, all pairs of an entity together.
    """
    assert use_case.items is not None
    item = use_case.items.key.name
    starts = run_starts(key_hashes([pairs[name] for name in use_case.entity_key]))
    lengths = np.diff(np.append(starts, len(pairs[item])))
    # Whatever the keys are, their order as numbers is the order of the keys.
    items, numbers = np.unique(pairs[item], return_inverse=True)
    entities = np.repeat(np.arange(len(starts)), lengths)
    best = as_rows(top_items(entities, numbers, pairs["probability"], use_case.items.top))
    return {
        **{name: pairs[name][starts[best.entity]] for name in use_case.entity_key},
        item: items[best.item],
        "rank": best.rank,
        "score": best.score,
    }
