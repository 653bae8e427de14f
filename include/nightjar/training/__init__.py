"""Training: freeze data as of a date, select a model or adopt one, compare it with the champion."""

from nightjar.training.adopt import adopt
from nightjar.training.compare import compare_with_champion
from nightjar.training.configurations import require_usable
from nightjar.training.freeze import freeze_training_data, split_training_data, training_snapshot
from nightjar.training.train import train

__all__ = [
    "adopt",
    "compare_with_champion",
    "freeze_training_data",
    "require_usable",
    "split_training_data",
    "train",
    "training_snapshot",
]
