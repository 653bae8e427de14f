"""Names the segments of a fitted segmentation and keeps those of the champion."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from nightjar.errors import TrainingError
from nightjar.registry import Signature
from nightjar.storage.copy_reader import Encoding

Clusters = npt.NDArray[np.intp]
MINIMUM_OVERLAP = 0.3
NAMED_FEATURES = 2
SMALLEST_SHARE = 0.01
# Standard deviations from the overall mean above which a feature characterises a segment.
NOTABLE = 0.25


@dataclass(frozen=True)
class KnownSegments:
    """The champion's segments: which of them each training row is in, and their names by id."""

    of_row: npt.NDArray[np.int32]
    names: dict[int, str]


def describe_segments(
    signature: Signature, features: npt.NDArray[np.float64], clusters: Clusters, count: int, known: KnownSegments | None
) -> list[dict[str, Any]]:
    """Return one description per cluster, in the estimator's order: id, name, description, share, profile.

    Raises:
        TrainingError: a cluster is too small.
    """
    require_sizeable_clusters(clusters, count)
    sizes = np.bincount(clusters, minlength=count)
    means, deviations = _profiles(features, clusters, count)
    ids, names = _identify(clusters, count, known)
    segments = []
    taken = set(names.values())
    for cluster in range(count):
        notable = _notable(signature, deviations[cluster])
        name = names.get(cluster) or _unused_name(notable, taken)
        taken.add(name)
        segments.append(
            {
                "id": ids[cluster],
                "name": name,
                "description": ", ".join(f"{word} {label}" for word, label in notable[:5]) or "average in everything",
                "share": float(sizes[cluster] / sizes.sum()),
                "profile": {
                    column.name: None if np.isnan(mean) else round(float(mean), 4)
                    for column, mean in zip(signature.inputs, means[cluster], strict=True)
                    if column.encoding is not Encoding.CATEGORY
                },
            }
        )
    return segments


def require_sizeable_clusters(clusters: Clusters, count: int) -> None:
    """Refuse clusters that nobody could act on.

    Raises:
        TrainingError: one holds less than a hundredth of the rows.
    """
    shares = np.bincount(clusters, minlength=count) / len(clusters)
    if (small := shares.min()) < SMALLEST_SHARE:
        raise TrainingError(
            f"One of {count} clusters holds {small:.2%} of the rows, the least is {SMALLEST_SHARE:.0%}: "
            "declare fewer clusters."
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


def _profiles(
    features: npt.NDArray[np.float64], clusters: Clusters, count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the mean features per cluster, and how many standard deviations they are off the whole's."""
    means = np.array([_known_means(features[clusters == cluster]) for cluster in range(count)])
    overall = _known_means(features)
    spread = np.sqrt(_known_means((features - overall) ** 2))
    deviations = (means - overall) / np.where(spread > 0, spread, np.inf)
    return means, deviations


def _known_means(features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean of each column's values, NaN where it has none; numpy's own warns of that."""
    known = ~np.isnan(features)
    sums, counts = np.sum(features, axis=0, where=known), known.sum(axis=0)
    means: npt.NDArray[np.float64] = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means


def _identify(clusters: Clusters, count: int, known: KnownSegments | None) -> tuple[list[int], dict[int, str]]:
    """Match clusters to the known segments by overlap; the rest get new ids."""
    if known is None:
        return list(range(1, count + 1)), {}
    old_ids = sorted(known.names)
    overlap = np.array([[_jaccard(clusters == new, known.of_row == old) for old in old_ids] for new in range(count)])
    matched = {
        int(new): old_ids[old]
        for new, old in zip(*linear_sum_assignment(-overlap), strict=True)
        if overlap[new, old] >= MINIMUM_OVERLAP
    }
    free = iter(range(max(old_ids) + 1, max(old_ids) + 1 + count))
    ids = [matched[cluster] if cluster in matched else next(free) for cluster in range(count)]
    return ids, {cluster: known.names[old] for cluster, old in matched.items()}


def _jaccard(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 0.0


def _notable(signature: Signature, deviations: npt.NDArray[np.float64]) -> list[tuple[str, str]]:
    """Return (high or low, feature in words) for what stands out, the most distinguishing first."""
    order = np.argsort(-np.abs(deviations), kind="stable")
    return [
        ("high" if deviations[index] > 0 else "low", signature.inputs[index].name.replace("_", " "))
        for index in order
        if abs(deviations[index]) >= NOTABLE and signature.inputs[index].encoding is not Encoding.CATEGORY
    ]


def _unused_name(notable: list[tuple[str, str]], taken: set[str]) -> str:
    words = [f"{word} {label}" for word, label in notable]
    for length in range(max(1, min(NAMED_FEATURES, len(words))), len(words) + 1):
        name = ", ".join(words[:length]).capitalize()
        if name not in taken:
            return name
    names = itertools.chain(["Average"], (f"Average {number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)
