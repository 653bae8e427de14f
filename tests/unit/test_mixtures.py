"""The mixture answers as scikit-learn's does, and what makes columns symmetric can be taken back."""

import numpy as np
import pytest
from scipy.stats import skew
from sklearn.mixture import GaussianMixture

from nightjar.registry.components import SkewScaler
from nightjar.registry.estimator_files import load_estimator, save_estimator
from nightjar.registry.mixtures import MixtureClusters

GENERATOR = np.random.default_rng(0)
ROWS = np.vstack([GENERATOR.normal(place, 1 + place / 5, size=(150, 3)) for place in (0, 4, 9)])
TAILS = np.column_stack(
    [GENERATOR.gamma(0.5, 40, 500), -GENERATOR.gamma(0.5, 40, 500), GENERATOR.beta(1, 20, 500), np.full(500, 7.0)]
)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_distances_are_minus_the_log_probabilities(covariance: str) -> None:
    ours = MixtureClusters(3, covariance_type=covariance, random_state=0).fit(ROWS)
    theirs = GaussianMixture(3, covariance_type=covariance, reg_covar=0.01, n_init=3, max_iter=200, random_state=0)
    theirs.fit(ROWS)

    np.testing.assert_allclose(np.exp(-ours.transform(ROWS)), theirs.predict_proba(ROWS), atol=1e-12)
    np.testing.assert_array_equal(ours.predict(ROWS), theirs.predict(ROWS))
    assert ours.transform(ROWS).min() >= 0


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_starts_from_centres_that_it_is_given(covariance: str) -> None:
    centres = np.array([[9.0] * 3, [0.0] * 3, [4.0] * 3])

    fitted = MixtureClusters(3, covariance_type=covariance, init=centres, n_init=1).fit(ROWS)

    np.testing.assert_allclose(fitted.cluster_centers_, centres, atol=0.8)


def test_mixture_is_stored_and_read_back() -> None:
    fitted = MixtureClusters(3, random_state=0).fit(ROWS)

    np.testing.assert_array_equal(load_estimator(save_estimator(fitted)).transform(ROWS), fitted.transform(ROWS))


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="n_clusters"):
        MixtureClusters(0).fit(ROWS)
    with pytest.raises(ValueError, match="covariance_type"):
        MixtureClusters(2, covariance_type="round").fit(ROWS)


def test_tails_are_gone_in_either_direction() -> None:
    made = SkewScaler(limit=10).fit(TAILS).transform(TAILS)

    assert np.abs(skew(TAILS[:, :3])).min() > 1.5
    assert np.abs(skew(made[:, :3])).max() < 0.3
    np.testing.assert_allclose(made[:, :3].std(axis=0), 1)


def test_what_lies_within_the_limit_can_be_taken_back() -> None:
    scaler = SkewScaler(limit=10).fit(TAILS)

    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(TAILS)), TAILS, rtol=1e-6, atol=1e-9)


def test_values_beyond_the_limit_and_constants_count_for_nothing_more() -> None:
    scaler = SkewScaler().fit(TAILS)

    far = scaler.transform(np.array([[1e30, -1e30, 1.0, 1e30], [0.0, 0.0, 0.0, -5.0]]))

    assert np.abs(far).max() <= 3
    assert not far[:, 3].any()
