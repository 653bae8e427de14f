"""What a fitted model holds and how it behaves, found at training time, as JSON that travels with the model."""

from nightjar.training.inspection.alerts import training_alerts
from nightjar.training.inspection.model import inspect_model

__all__ = ["inspect_model", "training_alerts"]
