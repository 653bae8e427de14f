"""The profile of training rows: bins, missing values, categories, and its way with a model."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.registry import ParitySample, Signature
from nightjar.registry.profile import PROFILE, FeatureProfile, TrainingProfile
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.transfer.facts import Facts, without_details
from tests.night_builders import model_record, shop_use_case

NUMBER = CopyColumn("spend", Encoding.NUMBER)
TEXT = CopyColumn("channel", Encoding.CATEGORY, ("store", "web"))


def profile_of(column: CopyColumn, values: Any) -> FeatureProfile:
    profile = TrainingProfile.of(Signature((column,), "made up"), np.array(values, dtype=float)[:, None])
    assert profile.rows == len(values)
    return profile.features[0]


def test_deciles_of_a_number() -> None:
    found = profile_of(NUMBER, range(100))

    assert (found.minimum, found.maximum, found.missing) == (0, 99, 0)
    assert found.edges == pytest.approx(np.arange(9.9, 99, 9.9))
    assert found.rows == (10,) * 10


def test_missing_values_are_counted_apart() -> None:
    found = profile_of(NUMBER, [np.nan, 1, 1, 2])

    assert (found.missing, sum(found.rows)) == (1, 3)
    assert (found.minimum, found.maximum) == (1, 2)


def test_a_constant_has_one_bin() -> None:
    found = profile_of(NUMBER, [7, 7, 7])

    assert (found.edges, found.rows, found.minimum, found.maximum) == ((), (3,), 7, 7)


def test_rows_of_categories() -> None:
    found = profile_of(TEXT, [0, 1, 1, -1])

    assert (found.categories, found.rows, found.missing) == (("store", "web"), (1, 2), 1)
    assert found.minimum is None


@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1).filter(lambda found: not np.isnan(found).all())
)
def test_rows_add_up_and_survive_json(values: list[float]) -> None:
    profile = TrainingProfile.of(Signature((NUMBER,), "made up"), np.array(values)[:, None])
    [feature] = profile.features

    assert feature.missing + sum(feature.rows) == profile.rows
    assert len(feature.rows) == len(feature.edges) + 1
    assert list(feature.edges) == sorted(set(feature.edges))
    assert TrainingProfile.from_json(json.loads(json.dumps(profile.as_json()))) == profile


def test_profile_comes_with_a_model_that_is_carried() -> None:
    signature = Signature((NUMBER, TEXT), "made up")
    profile = TrainingProfile.of(signature, np.array([[1.5, 0], [np.nan, -1]]))
    record = model_record(
        shop_use_case(),
        signature,
        details={PROFILE: profile.as_json(), "importances": {}},
        created_at=datetime.now(UTC),
    )

    for sent in (record, without_details(record)):
        facts = Facts(sent, (), (), (), None, ParitySample(rows=[], outputs={}))
        assert TrainingProfile.of_model(Facts.from_bytes(facts.as_bytes()).record) == profile
    assert TrainingProfile.of_model(model_record(shop_use_case(), signature)) is None
