"""Alerts of a training, and the rows that an inspection looks at."""

from dataclasses import replace

import numpy as np

from nightjar.registry import Signature
from nightjar.training.inspection import training_alerts
from nightjar.training.inspection.samples import draw_rows
from nightjar.usecases import Kind
from tests.inspection_builders import CLASSES, COLUMNS, ODD, SIGNATURE, fitted, made_rows, use_case_of


def test_alerts_tell_of_features_rows_classes_and_the_fit() -> None:
    rows = made_rows(Kind.CLASSIFICATION)
    rows.features[:, 1], rows.features[:, 2], rows.features[5:, 3] = 4.0, 0.0, -1
    target = (np.arange(600) < 5).astype(float)
    dataset = replace(rows, target=target, discarded=200)
    estimator = fitted(Kind.CLASSIFICATION, "logistic_regression", dataset)
    alerts = training_alerts(use_case_of(Kind.CLASSIFICATION), SIGNATURE, dataset, estimator, ["slow", "slow"])

    assert [(entry["alert"], entry["message"]) for entry in alerts] == [
        ("constant", "noise has one value only, in every row that has one."),
        ("constant", f"{ODD} has one value only, in every row that has one."),
        ("mostly missing", "region has no value in 99.3% of the rows."),
        ("discarded rows", "200 rows (25.0%) were left out: they have no usable target."),
        ("rare class", "1 is the target of 5 of 600 rows."),
        ("fit warning", "slow (2 times)"),
    ]


def test_rows_that_are_no_candidates_are_not_missing_values() -> None:
    rows = made_rows(Kind.RECOMMENDER)
    rows.features[20:], rows.candidate[20:] = np.nan, False
    estimator = fitted(Kind.RECOMMENDER, "logistic_regression", rows.candidates)

    assert training_alerts(use_case_of(Kind.RECOMMENDER), SIGNATURE, rows, estimator, []) == []


def test_a_class_that_training_does_not_hold_is_rare() -> None:
    rows = made_rows(Kind.CLASSIFICATION)
    signature, use_case = Signature(COLUMNS, "probability", CLASSES), use_case_of(Kind.CLASSIFICATION, CLASSES)
    estimator = fitted(Kind.CLASSIFICATION, "logistic_regression", rows)

    assert training_alerts(use_case, signature, rows, estimator, []) == [
        {"alert": "rare class", "message": "$often$ is the target of 0 of 600 rows."}
    ]


def test_a_sample_holds_both_classes_and_whole_entities() -> None:
    rare = replace(made_rows(Kind.CLASSIFICATION), target=(np.arange(600) == 77).astype(float))
    pairs = made_rows(Kind.RECOMMENDER)
    sample, groups = draw_rows(use_case_of(Kind.CLASSIFICATION), rare, 20), draw_rows(
        use_case_of(Kind.RECOMMENDER), pairs, 95
    )  # fmt: skip

    assert (len(sample), sample.target.sum()) == (20, 1)
    assert (len(groups), set(np.unique(groups.entity, return_counts=True)[1])) == (90, {10})
    assert len(draw_rows(use_case_of(Kind.RECOMMENDER), pairs, 3)) == 10
    assert draw_rows(use_case_of(Kind.RECOMMENDER), pairs, 600) is pairs
