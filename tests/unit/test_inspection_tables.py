"""Confusion, calibration, lift, residuals, ranks and neighbours, of rows whose answer can be told by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.training.dataset import Dataset
from nightjar.training.inspection.probabilities import (
    best_threshold,
    calibration_curve,
    confusion,
    lift_table,
    wilson_interval,
)
from nightjar.training.inspection.recommendations import hit_rates, item_neighbours
from nightjar.training.inspection.residuals import describe_residuals
from nightjar.training.metrics import Evaluation

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=1, max_size=60)


def columns(rows: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    target, probability = np.array(rows, dtype=float).T
    return target, probability / 20


@given(ROWS)
def test_tables_add_up_to_the_rows(rows: list[tuple[bool, int]]) -> None:
    target, probability = columns(rows)
    both = np.column_stack([1 - probability, probability])
    lift, bins = lift_table(target, probability), calibration_curve(target, both)

    assert sum(entry["rows"] for entry in lift) == sum(entry["rows"] for entry in bins) == len(rows)
    assert sum(entry["positives"] for entry in lift) == target.sum()
    assert all(entry["low"] <= entry["observed_share"] + 1e-12 for entry in bins)
    assert all(entry["observed_share"] <= entry["high"] + 1e-12 for entry in bins)
    for table in confusion(target, both, ("0", "1"))["tables"]:
        assert table["matrix"].sum(axis=1).tolist() == [(target == 0).sum(), target.sum()]
    if target.any():
        assert lift[-1]["capture"] == pytest.approx(1)
        assert sum(entry["lift"] * entry["rows"] for entry in lift) == pytest.approx(len(rows))
    else:
        assert {entry["lift"] for entry in lift} == {None}


@given(ROWS)
def test_no_threshold_has_a_better_f1(rows: list[tuple[bool, int]]) -> None:
    target, probability = columns(rows)

    def f1(threshold: float) -> float:
        chosen = probability >= threshold
        return float(2 * target[chosen].sum() / max(chosen.sum() + target.sum(), 1))

    assert f1(best_threshold(target, probability)) == pytest.approx(max(map(f1, probability)))


def test_the_interval_is_that_of_wilson() -> None:
    # Its bounds are the shares p from which the observed one is 1.96 standard errors away.
    step, share = 1.959963984540054**2 / 20, 7 / 20
    bounds = np.sort(np.roots([1 + step, -(2 * share + step), share**2]))
    assert wilson_interval(7, 20) == pytest.approx(tuple(bounds))
    assert wilson_interval(0, 5)[0] == 0
    assert wilson_interval(5, 5)[1] == 1


def test_residuals_are_actual_less_predicted() -> None:
    predicted = np.arange(20.0)
    found = describe_residuals(predicted + np.where(predicted < 10, 1.0, -3.0), predicted)

    assert {entry["quantile"]: entry["residual"] for entry in found["quantiles"]}[0.9] == 1
    assert [entry["rows"] for entry in found["deciles"]] == [2] * 10
    assert found["deciles"][0] == {
        "decile": 1, "rows": 2, "mean_predicted": 0.5, "mean_actual": 1.5, "mean_absolute_error": 1.0,
    }  # fmt: skip
    assert found["deciles"][9]["mean_absolute_error"] == 3


def test_ranks_are_counted_over_lists_of_those_who_bought() -> None:
    entity = np.array([1, 1, 1, 2, 2, 3, 3, 4])
    target = np.array([0, 1, 0, 1, 0, 0, 0, 1.0])
    candidate = np.array([True] * 7 + [False])
    output = np.array([0.9, 0.5, 0.1, 0.8, 0.2, 0.5, 0.4, -np.inf])
    data = Dataset(np.zeros((8, 1)), target, np.zeros(8), entity, candidate, 0)

    # Entity 3 bought nothing; 4 bought something, but no candidate was there to be ranked.
    assert hit_rates(Evaluation(data, output)) == [
        {"rank": 1, "shown": 2, "bought": 0.5, "hit_rate": 0.5},
        {"rank": 2, "shown": 2, "bought": 0.5, "hit_rate": 1.0},
        {"rank": 3, "shown": 1, "bought": 0.0, "hit_rate": 1.0},
    ]


def test_nobody_who_bought_has_no_ranks() -> None:
    data = Dataset(np.zeros((2, 1)), np.zeros(2), np.zeros(2), np.array([1, 2]), np.ones(2, dtype=bool), 0)

    assert hit_rates(Evaluation(data, np.zeros(2))) == []


def test_neighbours_are_bought_by_the_same_entity_on_the_same_date() -> None:
    # Bread 10 and butter 20 in three of four baskets; 30 on another date of entity 1 is no neighbour of theirs.
    entity = np.array([1, 1, 2, 2, 3, 3, 3, 4, 1])
    day = np.array([0, 0, 0, 0, 0, 0, 0, 0, 7.0])
    item = np.array([10, 20, 10, 20, 10, 20, 20, 10, 30])
    found = item_neighbours(entity, day, item)

    assert [(pair["item"], pair["neighbour"], pair["place"]) for pair in found] == [(10, 20, 1), (20, 10, 1)]
    assert (found[0]["buyers"], found[0]["together"]) == (4, 3)
    assert found[0]["cosine"] == pytest.approx(3 / np.sqrt(4 * 3))
    assert found[0]["lift"] == pytest.approx(3 * 5 / (4 * 3))


def test_of_no_purchases_there_are_no_neighbours() -> None:
    nothing = np.array([], dtype=np.int64)

    assert item_neighbours(nothing, nothing.astype(float), nothing) == []


def test_at_most_five_neighbours_of_two_hundred_items() -> None:
    entity, item = np.repeat(np.arange(40), 300), np.tile(np.arange(300), 40)
    found = item_neighbours(entity, np.zeros(len(item)), item)

    assert len(found) == 200 * 5
    assert all(pair["item"] != pair["neighbour"] for pair in found)
    assert {pair["cosine"] for pair in found} == {1.0}
