"""Segments keep their numbers and names when their clusters come in another order."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.errors import TrainingError
from nightjar.registry import Signature
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.champion_segments import KnownSegments
from nightjar.training.segmentation import Clusters, describe_segments, require_sizeable_clusters
from nightjar.usecases.segments import Segmentation

SIGNATURE = Signature(
    (
        CopyColumn("basket_value", Encoding.NUMBER),
        CopyColumn("days_since_last", Encoding.NUMBER),
        CopyColumn("region", Encoding.CATEGORY, ("north", "south")),
    ),
    "segment_id",
)
# Three kinds of rows, 10 of each: dear baskets, many days ago, neither.
CLUSTERS = np.repeat([0, 1, 2], 10)
FEATURES = np.column_stack([np.repeat([9.0, 1.0, 1.0], 10), np.repeat([1.0, 9.0, 1.0], 10), np.tile([0.0, 1.0], 15)])


def known(ids: npt.ArrayLike, names: dict[int, str]) -> KnownSegments:
    """Return segments of the champion by row."""
    return KnownSegments(np.array(ids, dtype=np.int32), names, max(names), "shop_segmentation@1")


def describe(
    features: npt.NDArray[np.float64], assigned: Clusters, count: int, champion: KnownSegments | None = None
) -> list[dict[str, Any]]:
    return describe_segments(SIGNATURE, features, assigned, count, champion, Segmentation())


def clusters(values: Sequence[int]) -> npt.NDArray[np.intp]:
    return np.array(values, dtype=np.intp)


def test_first_segments_are_numbered_and_named_after_what_stands_out() -> None:
    segments = describe(FEATURES, CLUSTERS, 3)

    assert [segment["id"] for segment in segments] == [1, 2, 3]
    assert [segment["name"] for segment in segments] == [
        "High basket value, low days since last",
        "High days since last, low basket value",
        "Low basket value, low days since last",
    ]
    assert segments[0]["share"] == pytest.approx(1 / 3)
    # Categories have no mean.
    assert segments[0]["profile"] == {"basket_value": 9.0, "days_since_last": 1.0}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_numbers_and_names_stay_when_clusters_are_permuted(order: tuple[int, int, int]) -> None:
    names = {1: "Dear", 2: "Away", 5: "Plain"}
    champion = known(np.repeat([1, 2, 5], 10), names)

    segments = describe_segments(
        SIGNATURE, FEATURES, clusters([order[cluster] for cluster in CLUSTERS]), 3, champion, Segmentation()
    )

    # Rows of the first kind are in cluster order[0] now, and still in segment 1.
    assert [segments[order[cluster]]["id"] for cluster in range(3)] == [1, 2, 5]
    assert [segments[order[cluster]]["name"] for cluster in range(3)] == ["Dear", "Away", "Plain"]


def test_few_rows_that_moved_do_not_change_a_number() -> None:
    moved = CLUSTERS.copy()
    moved[:3] = 1
    champion = known(np.repeat([4, 2, 9], 10), {4: "Dear", 2: "Away", 9: "Plain"})

    segments = describe(FEATURES, moved, 3, champion)

    assert [segment["id"] for segment in segments] == [4, 2, 9]


def test_new_cluster_gets_a_number_that_was_not_used() -> None:
    champion = known(np.repeat([3, 7], [20, 10]), {3: "Old", 7: "Plain", 8: "Gone"})

    segments = describe(FEATURES, CLUSTERS, 3, champion)

    # One half of segment 3 keeps its number, the other is new; 8 is not given to anything else.
    assert sorted(segment["id"] for segment in segments) == [3, 7, 9]
    assert segments[2]["name"] == "Plain"
    assert {segment["name"] for segment in segments} >= {"Old", "Plain"}


def test_cluster_unlike_any_known_segment_is_new() -> None:
    # Every cluster overlaps with each old segment by 1/5 only.
    champion = known(np.tile([1, 2, 3], 10), {1: "A", 2: "B", 3: "C"})

    segments = describe(FEATURES, CLUSTERS, 3, champion)

    assert [segment["id"] for segment in segments] == [4, 5, 6]
    assert not {segment["name"] for segment in segments} & {"A", "B", "C"}


@given(st.lists(st.integers(0, 7), min_size=40, max_size=60), st.integers(0, 2**32 - 1))
def test_names_and_numbers_are_unique(assigned: list[int], seed: int) -> None:
    _, dense = np.unique(assigned, return_inverse=True)
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(len(assigned), 3))
    features[:, 2] = generator.integers(-1, 2, len(assigned))
    champion = known(generator.integers(1, 4, len(assigned)).tolist(), {1: "Average", 2: "High basket value", 3: "X"})

    count = int(dense.max()) + 1
    for segments in (describe(features, dense, count, each) for each in (None, champion)):
        assert len({segment["id"] for segment in segments}) == len(segments)
        assert len({segment["name"] for segment in segments}) == len(segments)


def test_clusters_that_do_not_stand_out_are_told_apart() -> None:
    segments = describe(np.ones((30, 3)), CLUSTERS, 3)

    assert [segment["name"] for segment in segments] == ["Average", "Average 2", "Average 3"]
    assert {segment["description"] for segment in segments} == {"average in everything"}


def test_name_of_a_known_segment_is_not_given_to_a_new_one() -> None:
    champion = known(np.repeat([1, 0], [10, 20]), {1: "Average 2"})

    segments = describe(np.ones((30, 3)), CLUSTERS, 3, champion)

    assert [segment["name"] for segment in segments] == ["Average 2", "Average", "Average 3"]


def test_single_notable_feature_is_a_name() -> None:
    features = np.column_stack([FEATURES[:, 0], np.ones(30), np.ones(30)])

    segments = describe(features, np.minimum(CLUSTERS, 1), 2)

    assert [segment["name"] for segment in segments] == ["High basket value", "Low basket value"]


@pytest.mark.filterwarnings("error")
def test_missing_values_do_not_count() -> None:
    features = FEATURES.copy()
    features[:5, 0] = np.nan
    features[10:20, 1] = np.nan

    segments = describe(features, CLUSTERS, 3)

    assert segments[0]["profile"]["basket_value"] == 9.0
    assert segments[1]["profile"]["days_since_last"] is None


@pytest.mark.parametrize("count", [4, 5])
def test_empty_cluster_is_refused(count: int) -> None:
    with pytest.raises(TrainingError, match=rf"One of {count} clusters holds 0.00% of the rows.*declare fewer"):
        describe(FEATURES, CLUSTERS, count)


def test_cluster_of_a_hundredth_is_large_enough() -> None:
    require_sizeable_clusters(clusters([0] * 99 + [1]), 2, 0.01)

    with pytest.raises(TrainingError, match=r"holds 0\.99% of the rows"):
        require_sizeable_clusters(clusters([0] * 100 + [1]), 2, 0.01)
