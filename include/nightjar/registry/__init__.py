"""The model registry: immutable model versions, their artifacts, and the aliases that point at them."""

from nightjar.registry.aliases import Alias, aliased_model, move_alias
from nightjar.registry.artifacts import TRUSTED_TYPES, load_estimator, read_artifact, save_estimator
from nightjar.registry.history import AliasMove, AliasPeriod, alias_history, champion_at, end_of_day, rollback
from nightjar.registry.models import find_model, list_models, register, save_decision
from nightjar.registry.records import Decision, ModelName, ModelRecord, Signature, Trial
from nightjar.registry.removal import drop

__all__ = [
    "TRUSTED_TYPES",
    "Alias",
    "AliasMove",
    "AliasPeriod",
    "Decision",
    "ModelName",
    "ModelRecord",
    "Signature",
    "Trial",
    "alias_history",
    "aliased_model",
    "champion_at",
    "drop",
    "end_of_day",
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
