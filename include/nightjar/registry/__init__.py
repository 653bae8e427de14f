"""The model registry: immutable model versions, their artifacts, and the aliases that point at them."""

from nightjar.registry.aliases import Alias, AliasMove, alias_history, aliased_model, move_alias, rollback
from nightjar.registry.artifacts import TRUSTED_TYPES, load_estimator, read_artifact, save_estimator
from nightjar.registry.models import drop, find_model, list_models, register, save_decision
from nightjar.registry.records import Decision, ModelName, ModelRecord, Signature, Trial

__all__ = [
    "TRUSTED_TYPES",
    "Alias",
    "AliasMove",
    "Decision",
    "ModelName",
    "ModelRecord",
    "Signature",
    "Trial",
    "alias_history",
    "aliased_model",
    "drop",
    "find_model",
    "list_models",
    "load_estimator",
    "move_alias",
    "read_artifact",
    "register",
    "rollback",
    "save_decision",
    "save_estimator",
]
