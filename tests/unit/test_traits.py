"""What distinguishes a cluster: measured by ranks, told in declared words, none of it twice in a name."""

import numpy as np
import pytest

from nightjar.errors import DeclarationError, TrainingError
from nightjar.registry import Signature
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.champion_segments import KnownSegments, migrations
from nightjar.training.segmentation import describe_history, describe_segments
from nightjar.training.traits import describe_traits, require_known_words
from nightjar.usecases.segments import Segmentation, Words

SIGNATURE = Signature(
    (
        CopyColumn("baskets", Encoding.NUMBER),
        CopyColumn("visits", Encoding.NUMBER),
        CopyColumn("fresh_share", Encoding.NUMBER),
        CopyColumn("region", Encoding.CATEGORY, ("north", "south")),
    ),
    "segment_id",
)
CLUSTERS = np.repeat([0, 1, 2], 20)
_NOISE = np.random.default_rng(0).random(60)
FEATURES = np.column_stack(
    [
        np.repeat([9.0, 1.0, 1.0], 20) + _NOISE,
        np.repeat([90.0, 10.0, 10.0], 20) + 10 * _NOISE,  # the same as baskets
        np.repeat([0.0, 0.0, 1.0], 20) + _NOISE,
        np.repeat([0.0, 1.0, -1.0], 20),
    ]
)
WORDS = {"baskets": Words(high="frequent", low="seldom"), "fresh_share": Words(high="fresh food", low="no fresh food")}


def test_effects_are_cliffs_delta_and_differences_of_shares() -> None:
    first, second, _ = describe_traits(SIGNATURE, FEATURES, CLUSTERS, 3, {})

    effects = {(trait.feature, trait.category): trait.effect for trait in first}
    assert effects["baskets", None] == pytest.approx(1)
    assert effects["region", "north"] == pytest.approx(1)
    assert effects["region", "south"] == pytest.approx(-0.5)
    assert [abs(trait.effect) for trait in second] == sorted((abs(trait.effect) for trait in second), reverse=True)


def test_an_outlier_does_not_distinguish() -> None:
    features = FEATURES.copy()
    features[25, 0] = 1e9

    [one] = [trait for trait in describe_traits(SIGNATURE, features, CLUSTERS, 3, {})[1] if trait.feature == "baskets"]

    assert one.effect < 0
    assert one.mean is not None
    assert one.mean > 1e7


def test_names_are_declared_words_and_do_not_say_the_same_twice() -> None:
    segments = describe_segments(SIGNATURE, FEATURES, CLUSTERS, 3, None, Segmentation(words=WORDS))

    assert segments[0]["name"] == "Frequent, region = north, no fresh food"
    assert segments[2]["name"].startswith("Fresh food, ")
    assert "high visits" in segments[0]["description"]
    told = segments[0]["distinguishing"]
    assert len(told) == 5
    assert told[0] == {
        "feature": "baskets", "category": None, "words": "frequent", "effect": 1.0,
        "mean": pytest.approx(9.5, abs=0.2), "overall": pytest.approx(4.2, abs=0.2),
    }  # fmt: skip


def test_declared_names_take_the_place_of_made_and_kept_ones() -> None:
    known = KnownSegments(np.repeat([1, 2, 3], 20).astype(np.int32), {1: "A", 2: "B", 3: "C"}, 3, "shop@1")
    declared = Segmentation(names={2: "Fresh food lovers"})

    first = describe_segments(SIGNATURE, FEATURES, CLUSTERS, 3, None, declared)
    kept = describe_segments(SIGNATURE, FEATURES, CLUSTERS, 3, known, declared)

    assert first[1]["name"] == "Fresh food lovers"
    assert [segment["name"] for segment in kept] == ["A", "Fresh food lovers", "C"]


def test_name_of_another_segment_is_refused() -> None:
    known = KnownSegments(np.repeat([1, 2, 3], 20).astype(np.int32), {1: "A", 2: "B", 3: "C"}, 3, "shop@1")

    with pytest.raises(TrainingError, match=r"segments\.names: 'A' is the name of another segment already"):
        describe_segments(SIGNATURE, FEATURES, CLUSTERS, 3, known, Segmentation(names={2: "A"}))


def test_two_segments_of_one_name_and_words_for_no_feature_are_refused() -> None:
    with pytest.raises(ValueError, match="two segments have the same name"):
        Segmentation(names={1: "A", 2: "A"})
    with pytest.raises(DeclarationError, match=r"words for 'basket', which is no feature.*baskets"):
        require_known_words({"basket": WORDS["baskets"]}, SIGNATURE)


def test_migrations_count_where_rows_came_from() -> None:
    known = KnownSegments(np.array([1, 1, 1, 2], dtype=np.int32), {1: "A", 2: "B"}, 4, "shop@1")

    found = migrations(known, np.array([1, 1, 5, 5], dtype=np.int32), {1: "A", 5: "E"})

    assert found["matched_to"] == "shop@1"
    assert [(each["from_segment"], each["to_segment"], each["rows"]) for each in found["migrations"]] == [
        ("A", "A", 2), ("A", "E", 1), ("B", "E", 1),
    ]  # fmt: skip
    assert [each["share"] for each in found["migrations"]] == pytest.approx([2 / 3, 1 / 3, 1])


def test_numbers_are_never_given_twice_even_where_the_champion_cannot_tell() -> None:
    known = KnownSegments(np.zeros(60, dtype=np.int32), {1: "A", 2: "B"}, 7, "shop@1")

    segments = describe_segments(SIGNATURE, FEATURES, CLUSTERS, 3, known, Segmentation())

    assert [segment["id"] for segment in segments] == [8, 9, 10]
    assert describe_history(segments, CLUSTERS, known) == {"last_segment": 10}
