"""Serving models: the smallest thing that scores, made of a fitted estimator and proved against it.

To score with one takes none of the libraries that it was fitted with: those are imported by `convert` and `parity`.
"""

from nightjar.registry.serving.model import ServingModel, pack, serving_predictor

__all__ = ["ServingModel", "pack", "serving_predictor"]
