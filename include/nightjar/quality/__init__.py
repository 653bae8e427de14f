"""Quality gates: expectations that run in the database and block a run when they fail."""

from nightjar.quality.gates import check_features, check_predictions, check_sources, record_refusal
from nightjar.quality.last_night import PublishedNight
from nightjar.quality.verdict import Gate, Verdict

__all__ = [
    "Gate",
    "PublishedNight",
    "Verdict",
    "check_features",
    "check_predictions",
    "check_sources",
    "record_refusal",
]
