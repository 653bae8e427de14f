"""How much of the catalogue recommendations show, and how varied each list is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nightjar.evaluation.lists import Lists


@dataclass(frozen=True)
class Spread:
    """How varied lists are.

    coverage: share of the items on offer that are in some list. gini: inequality of how often they are shown, 0 to 1.
    categories: different categories in a list of each user on average; None where no categories are known.
    """

    coverage: float
    gini: float
    categories: float | None


def spread_of(lists: Lists, on_offer: npt.NDArray[np.intp], category: npt.NDArray[np.intp] | None) -> Spread:
    """Measure lists against the items on offer, given by position."""
    shown = np.bincount(lists.item, minlength=int(on_offer.max(initial=-1)) + 1)[on_offer]
    return Spread(float(np.mean(shown > 0)), _gini(shown), _categories(lists, category))


def _gini(counts: npt.NDArray[np.intp]) -> float:
    ordered = np.sort(counts)
    total = ordered.sum()
    if not total:
        return 0.0
    places = np.arange(1, len(ordered) + 1)
    return float((2 * (places * ordered).sum() / total - len(ordered) - 1) / len(ordered))


def _categories(lists: Lists, category: npt.NDArray[np.intp] | None) -> float | None:
    if category is None:
        return None
    pairs = np.unique(lists.user * (int(category.max()) + 1) + category[lists.item])
    return len(pairs) / max(len(np.unique(lists.user)), 1)
