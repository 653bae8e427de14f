"""What distinguishes clusters from the rest, in numbers and in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from nightjar.errors import DeclarationError, did_you_mean
from nightjar.registry import Signature
from nightjar.registry.prepared_columns import category_label
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.usecases.segments import Words

# Of a feature with many categories, the most frequent ones tell enough.
_CATEGORIES = 10
# From this rank correlation on two features say the same in a name.
_ALIKE = 0.7

Matrix = npt.NDArray[np.float64]
Clusters = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Trait:
    """A feature, or a category of one, in which a cluster differs from all other rows.

    effect: Cliff's delta, from -1 to 1: how much more often a member has more than somebody else than less; of a
    category the difference of the shares. It asks for the order of values only, so skew does not matter.
    mean, overall: of the members and of all rows that have a value, None where none has.
    """

    feature: str
    category: str | None
    words: str
    effect: float
    mean: float | None
    overall: float | None

    def as_json(self) -> dict[str, Any]:
        """Return it as a model's details hold it."""
        return {
            "feature": self.feature,
            "category": self.category,
            "words": self.words,
            "effect": round(self.effect, 4),
            "mean": None if self.mean is None else round(self.mean, 4),
            "overall": None if self.overall is None else round(self.overall, 4),
        }


def require_known_words(words: Mapping[str, Words], signature: Signature) -> None:
    """Refuse words for what is no feature.

    Raises:
        DeclarationError: there are some.
    """
    known = [column.name for column in signature.inputs]
    for name in words:
        if name not in known:
            raise DeclarationError(
                f"segments.words has words for {name!r}, which is no feature: remove them, or add the column to "
                f"features.sql.{did_you_mean(name, known)}"
            )


def describe_traits(
    signature: Signature, features: Matrix, clusters: Clusters, count: int, words: Mapping[str, Words]
) -> list[list[Trait]]:
    """Return the traits of each cluster, the strongest first."""
    found: list[list[Trait]] = [[] for _ in range(count)]
    for column, values in zip(signature.inputs, features.T, strict=True):
        if column.encoding is Encoding.CATEGORY:
            codes = np.bincount(values[values >= 0].astype(int), minlength=len(column.categories))
            for code in np.argsort(-codes, kind="stable")[:_CATEGORIES].tolist():
                _add(found, column, column.categories[code], (values == code).astype(float), clusters, words)
        else:
            _add(found, column, None, values, clusters, words)
    return [sorted(traits, key=lambda trait: -abs(trait.effect)) for traits in found]


def alike(signature: Signature, features: Matrix) -> set[frozenset[str]]:
    """Return the pairs of features that rank rows nearly alike, or the other way around."""
    numbers = [index for index, column in enumerate(signature.inputs) if column.encoding is not Encoding.CATEGORY]
    if not numbers:
        return set()
    ranks = np.array([rankdata(features[:, index], nan_policy="omit") for index in numbers])
    ranks = np.where(np.isnan(ranks), _means(ranks)[:, None], ranks)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    lengths = np.sqrt((centred**2).sum(axis=1))
    correlations = centred @ centred.T / np.maximum(np.outer(lengths, lengths), 1e-12)
    names = [signature.inputs[index].name for index in numbers]
    pairs = zip(*np.nonzero(np.triu(np.abs(correlations) >= _ALIKE, 1)), strict=True)
    return {frozenset((names[one], names[other])) for one, other in pairs}


def _add(
    found: list[list[Trait]],
    column: CopyColumn,
    category: str | None,
    values: Matrix,
    clusters: Clusters,
    words: Mapping[str, Words],
) -> None:
    known = ~np.isnan(values)
    ranks, groups = rankdata(values[known]), clusters[known]
    sizes = np.bincount(groups, minlength=len(found))
    sums = np.bincount(groups, ranks, minlength=len(found))
    totals = np.bincount(groups, values[known], minlength=len(found))
    overall = float(values[known].mean()) if len(groups) else None
    for cluster, size in enumerate(sizes.tolist()):
        others = len(groups) - size
        # The pairs in which the member has more, from its ranks (Mann and Whitney 1947).
        more = sums[cluster] - size * (size + 1) / 2
        effect = float(2 * more / (size * others) - 1) if size and others else 0.0
        mean = float(totals[cluster] / size) if size else None
        said = _said(column, category, effect > 0, words.get(column.name))
        found[cluster].append(Trait(column.name, category, said, effect, mean, overall))


def _said(column: CopyColumn, category: str | None, much: bool, words: Words | None) -> str:
    label = column.name.replace("_", " ")
    if category is not None:
        return category_label(label, category) if much else f"rarely {category_label(label, category)}"
    if words is not None:
        return words.high if much else words.low
    if column.encoding is Encoding.BOOLEAN:
        return label if much else f"not {label}"
    return f"{'high' if much else 'low'} {label}"


def _means(ranks: Matrix) -> Matrix:
    known = ~np.isnan(ranks)
    means: Matrix = np.where(known, ranks, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return means
