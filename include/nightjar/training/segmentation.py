"""Numbers, names and describes the segments of a fitted segmentation, and keeps those of the champion."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from nightjar.errors import TrainingError
from nightjar.registry import Signature
from nightjar.storage.copy_reader import Encoding
from nightjar.training.champion_segments import LAST_SEGMENT, KnownSegments, migrations
from nightjar.training.stability import overlaps
from nightjar.training.traits import Trait, alike, describe_traits
from nightjar.usecases.segments import Segmentation

Clusters = npt.NDArray[np.intp]
Matrix = npt.NDArray[np.float64]
MINIMUM_OVERLAP = 0.3
# A name has so many features that do not say the same, a description so many at all.
NAMED_FEATURES, DESCRIBED_FEATURES = 3, 5
# Effects above which a feature characterises a segment, the second one compared with the segment's strongest.
NOTABLE, NOTABLE_BESIDE = 0.2, 0.5


def describe_segments(
    signature: Signature,
    features: Matrix,
    clusters: Clusters,
    count: int,
    known: KnownSegments | None,
    declared: Segmentation,
) -> list[dict[str, Any]]:
    """Return one description per cluster, in the estimator's order.

    Returns:
        id, name, description, share, profile (means of the features), and distinguishing: the five features in which
        its members differ most from all other rows, the strongest first.

    Raises:
        TrainingError: a cluster is too small, or a declared name is that of another segment.
    """
    require_sizeable_clusters(clusters, count, declared.minimum_share)
    sizes = np.bincount(clusters, minlength=count)
    traits = describe_traits(signature, features, clusters, count, declared.words)
    ids = _identify(clusters, count, known)
    names = _names(ids, traits, alike(signature, features), known, declared)
    return [
        {
            "id": ids[cluster],
            "name": names[cluster],
            "description": _description(traits[cluster]),
            "share": float(sizes[cluster] / sizes.sum()),
            "profile": _profile(signature, features[clusters == cluster]),
            "distinguishing": [trait.as_json() for trait in traits[cluster][:DESCRIBED_FEATURES]],
        }
        for cluster in range(count)
    ]


def describe_history(segments: list[dict[str, Any]], clusters: Clusters, known: KnownSegments | None) -> dict[str, Any]:
    """Return how segments follow those of the champion, as a model's details hold it."""
    numbers = np.array([segment["id"] for segment in segments], dtype=np.int32)
    last = {LAST_SEGMENT: max(int(numbers.max()), known.last if known else 0)}
    if known is None:
        return last
    return last | migrations(known, numbers[clusters], {segment["id"]: segment["name"] for segment in segments})


def require_sizeable_clusters(clusters: Clusters, count: int, minimum_share: float) -> None:
    """Refuse clusters that nobody could act on.

    Raises:
        TrainingError: one holds less than that share of the rows.
    """
    shares = np.bincount(clusters, minlength=count) / len(clusters)
    if (small := shares.min()) < minimum_share:
        raise TrainingError(
            f"One of {count} clusters holds {small:.2%} of the rows, the least is {minimum_share:.4g} of them: "
            "declare fewer clusters, or lower segments.minimum_share."
        )


def require_enough_rows(rows: int, count: int) -> None:
    """Refuse more clusters than there are rows.

    Raises:
        TrainingError: there are.
    """
    if rows < count:
        raise TrainingError(
            f"{rows} rows cannot make {count} clusters: declare fewer clusters, fewer folds, or train on more data."
        )


def _identify(clusters: Clusters, count: int, known: KnownSegments | None) -> list[int]:
    """Match clusters to the known segments by overlap; the rest get new numbers."""
    if known is None:
        return list(range(1, count + 1))
    old_ids = sorted(known.names)
    overlap = overlaps(clusters, known.of_row, range(count), old_ids)
    matched = {
        int(new): old_ids[old]
        for new, old in zip(*linear_sum_assignment(-overlap), strict=True)
        if overlap[new, old] >= MINIMUM_OVERLAP
    }
    free = itertools.count(known.last + 1)
    return [matched[cluster] if cluster in matched else next(free) for cluster in range(count)]


def _names(
    ids: list[int],
    traits: list[list[Trait]],
    pairs: set[frozenset[str]],
    known: KnownSegments | None,
    declared: Segmentation,
) -> list[str]:
    """Return the declared names, else those of the champion, else new ones that no other segment has or had."""
    kept = (known.names if known else {}) | declared.names
    taken = {*kept.values()}
    if doubled := [name for number, name in declared.names.items() if name in _others(kept, number)]:
        raise TrainingError(f"segments.names: {doubled[0]!r} is the name of another segment already: choose another.")
    names = []
    for number, notable in zip(ids, traits, strict=True):
        names.append(kept.get(number) or _unused_name([trait for trait in notable if _stands_out(trait)], pairs, taken))
        taken.add(names[-1])
    return names


def _others(names: dict[int, str], number: int) -> set[str]:
    return {name for other, name in names.items() if other != number}


def _stands_out(trait: Trait) -> bool:
    return abs(trait.effect) >= NOTABLE


def _unused_name(notable: list[Trait], pairs: set[frozenset[str]], taken: set[str]) -> str:
    chosen: list[Trait] = []
    for trait in notable:
        weak = abs(trait.effect) < NOTABLE_BESIDE * abs(notable[0].effect)
        same = any(trait.feature == other.feature or {trait.feature, other.feature} in pairs for other in chosen)
        if not weak and not same and len(chosen) < NAMED_FEATURES:
            chosen.append(trait)
    ordered = [*chosen, *(trait for trait in notable if trait not in chosen)]
    for length in range(max(1, len(chosen)), len(ordered) + 1):
        name = ", ".join(trait.words for trait in ordered[:length])
        name = name[0].upper() + name[1:]
        if name not in taken:
            return name
    names = itertools.chain(["Average"], (f"Average {number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def _description(traits: list[Trait]) -> str:
    notable = [trait.words for trait in traits if _stands_out(trait)]
    return ", ".join(notable[:DESCRIBED_FEATURES]) or "average in everything"


def _profile(signature: Signature, members: Matrix) -> dict[str, float | None]:
    known = ~np.isnan(members)
    sums, counts = np.sum(members, axis=0, where=known), known.sum(axis=0)
    return {
        column.name: round(float(total / count), 4) if count else None
        for column, total, count in zip(signature.inputs, sums, counts, strict=True)
        if column.encoding is not Encoding.CATEGORY
    }
