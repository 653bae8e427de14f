"""Why an entity got its prediction: the features that made it, as they were that night."""

from nightjar.scoring.reasons.explain import explain_prediction
from nightjar.scoring.reasons.records import Breakdown, ExplainedPrediction, PredictionReasons, Reason

__all__ = ["Breakdown", "ExplainedPrediction", "PredictionReasons", "Reason", "explain_prediction"]
