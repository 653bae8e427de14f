"""Holds a night's features against the profile of the rows that the model was trained on."""

import math
from collections.abc import Mapping

from psycopg import sql

from nightjar.quality.checks import FEATURES, Check, limited, skipped
from nightjar.quality.histogram import (
    MISSING,
    Bins,
    category_bins,
    count_bins,
    number_bins,
)
from nightjar.registry import ModelRecord
from nightjar.registry.profile import FeatureProfile, TrainingProfile
from nightjar.snapshots.distribution import population_stability_index
from nightjar.storage.copy_reader import CopyColumn
from nightjar.storage.database import Connection
from nightjar.usecases.quality import Drift

_DISTRIBUTION = "expect_distribution_like_in_training"
_RANGE = "expect_values_in_range_of_training"
_CATEGORIES = "expect_categories_of_training"


def check_drift(connection: Connection, limits: Drift, model: ModelRecord, features: sql.Composable) -> list[Check]:
    """Compare each feature's distribution, range and categories with those of the training rows, in one pass."""
    profile = TrainingProfile.of_model(model)
    if profile is None:
        return [skipped(FEATURES, _DISTRIBUTION, limits.severity, f"{model.name} came without a training profile")]
    columns = {column.name: column for column in model.signature.inputs}
    compared = [feature for feature in profile.features if feature.feature not in limits.ignored]
    if not compared:
        return []
    bins = [_bin(columns[feature.feature], feature) for feature in compared]
    counts = count_bins(connection, features, bins)
    if not any(counts):
        return [skipped(FEATURES, _DISTRIBUTION, limits.severity, "there are no rows")]
    return [
        check for feature, counted in zip(compared, counts, strict=True) for check in _compare(limits, feature, counted)
    ]


def _bin(column: CopyColumn, feature: FeatureProfile) -> Bins:
    if feature.minimum is None or feature.maximum is None:
        return category_bins(sql.Identifier(column.name), feature.categories)
    # The last threshold is the first number above the maximum, so that bins beyond both ends hold what is out of range.
    beyond = math.nextafter(feature.maximum, math.inf)
    return number_bins(column.expression(), [feature.minimum, *feature.edges, beyond])


def _compare(limits: Drift, feature: FeatureProfile, counts: Mapping[int, int]) -> list[Check]:
    is_number = feature.minimum is not None
    total, missing = sum(counts.values()), counts.get(MISSING, 0)
    below, above = counts.get(0, 0), counts.get(len(feature.rows) + 1, 0)
    trained = [feature.missing, *feature.rows]
    tonight = [missing, *(counts.get(number, 0) for number in range(1, len(feature.rows) + 1))]
    if is_number:
        tonight[1] += below
        tonight[-1] += above
    else:
        # New categories are a bin of their own, which training rows left empty.
        trained, tonight = [*trained, 0], [*tonight, below]
    psi = population_stability_index(zip(trained, tonight, strict=True))
    assert psi is not None
    unknown = (below + above) / total
    limit = limits.maximum_out_of_range if is_number else limits.maximum_new_categories
    name = "maximum_out_of_range" if is_number else "maximum_new_categories"
    known = (
        f"training rows had {feature.minimum:.6g} to {feature.maximum:.6g}"
        if is_number
        else f"training rows had {len(feature.categories)} categories"
    )
    return [
        limited(
            FEATURES,
            _DISTRIBUTION,
            {"column": feature.feature, "maximum_psi": limits.maximum_psi},
            limits.severity,
            f"PSI {psi:.3f}, missing {missing / total:.1%}, in training {feature.missing / sum(trained):.1%}",
            holds=psi <= limits.maximum_psi,
        ),
        limited(
            FEATURES,
            _RANGE if is_number else _CATEGORIES,
            {"column": feature.feature, name: limit},
            limits.severity,
            f"{unknown:.2%} of the rows do not, {known}",
            holds=unknown <= limit,
        ),
    ]
