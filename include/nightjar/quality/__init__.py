"""Quality gates: expectations that run in the database and block a run when they fail."""

from nightjar.quality.gates import Gate, check_features, check_predictions, check_sources

__all__ = ["Gate", "check_features", "check_predictions", "check_sources"]
