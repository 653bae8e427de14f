"""Training: freeze data as of a date, select a model, compare it with the champion."""

from nightjar.training.compare import compare_with_champion
from nightjar.training.freeze import freeze_training_data, split_training_data, training_snapshot
from nightjar.training.train import train

__all__ = ["compare_with_champion", "freeze_training_data", "split_training_data", "train", "training_snapshot"]
