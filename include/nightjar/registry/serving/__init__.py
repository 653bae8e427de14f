"""Serving models: the smallest thing that scores, made of a fitted estimator and proved against it."""

from nightjar.registry.serving.convert import to_onnx
from nightjar.registry.serving.model import ServingModel, pack, serving_predictor
from nightjar.registry.serving.parity import make_serving_model, prove_parity

__all__ = [
    "ServingModel",
    "make_serving_model",
    "pack",
    "prove_parity",
    "serving_predictor",
    "to_onnx",
]
