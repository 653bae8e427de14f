"""Estimators are read from bytes by several threads at a time."""

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from nightjar.registry.estimator_files import load_estimator, save_estimator


@pytest.fixture
def hurried() -> Iterator[None]:
    """Collect garbage with a callback in Python and switch threads as often as can be: where parsing is torn."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()

    def callback(*_: object) -> None:
        sum(number for number in range(300))

    gc.callbacks.append(callback)
    gc.set_threshold(50)
    sys.setswitchinterval(1e-6)
    yield
    gc.callbacks.remove(callback)
    gc.set_threshold(*threshold)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hurried")
def test_threads_load_a_forest_at_the_same_moment() -> None:
    rows = np.random.default_rng(1).normal(size=(200, 4))
    forest = RandomForestClassifier(20, random_state=0).fit(rows, rows[:, 0] > 0)
    content = save_estimator(forest)

    with ThreadPoolExecutor(4) as executor:
        loaded = list(executor.map(load_estimator, [content] * 24))

    for other in loaded:
        np.testing.assert_array_equal(other.predict_proba(rows), forest.predict_proba(rows))
