"""Explanations of model versions for people: as text, JSON and pictures."""

from nightjar.registry.explanation.explain import Explanation, explain
from nightjar.registry.explanation.pictures import draw

__all__ = ["Explanation", "draw", "explain"]
