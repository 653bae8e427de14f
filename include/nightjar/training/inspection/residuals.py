"""Where a regression is off, and by how much."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar.training.inspection.samples import tenths

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)

Vector = npt.NDArray[np.float64]


def describe_residuals(target: Vector, predicted: Vector) -> dict[str, Any]:
    """Return how actual and predicted values of test rows differ, both arguments (rows,) in the target's unit.

    Returns:
        quantiles: quantile and residual, which is actual - predicted; deciles by rising prediction: decile, rows,
        mean_predicted, mean_actual, mean_absolute_error.
    """
    return {
        "quantiles": [
            {"quantile": quantile, "residual": residual}
            for quantile, residual in zip(QUANTILES, np.quantile(target - predicted, QUANTILES), strict=True)
        ],
        "deciles": [
            {
                "decile": number,
                "rows": len(part),
                "mean_predicted": predicted[part].mean(),
                "mean_actual": target[part].mean(),
                "mean_absolute_error": np.abs(target[part] - predicted[part]).mean(),
            }
            for number, part in tenths(predicted)
        ],
    }
