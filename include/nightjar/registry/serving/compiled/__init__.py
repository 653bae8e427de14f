"""Serving models whose trees run as machine code: many rows at a time, without a branch."""

from nightjar.registry.serving.compiled.model import CompiledModel

__all__ = ["CompiledModel"]
