"""The model registry: immutable model versions, their artifacts, and the aliases that point at them."""

from nightjar.registry.aliases import Alias, aliased_model, move_alias, require_champion
from nightjar.registry.artifacts import (
    TRUSTED_TYPES,
    artifact_size,
    load_estimator,
    read_artifact,
    read_chunk,
    save_estimator,
)
from nightjar.registry.environment import code_version
from nightjar.registry.events import ModelEvent, model_events
from nightjar.registry.explanation import Explanation, draw, explain
from nightjar.registry.history import AliasMove, AliasPeriod, alias_history, champion_at, end_of_day, rollback
from nightjar.registry.loading import load_predictor, require_full
from nightjar.registry.models import (
    decisions_of,
    find_model,
    list_models,
    next_version,
    register,
    save_decision,
    trials_of,
)
from nightjar.registry.predictor import Predictor, feature_matrix, without_infinities
from nightjar.registry.records import Decision, Form, ModelName, ModelRecord, Signature, Trial
from nightjar.registry.removal import drop

__all__ = [
    "TRUSTED_TYPES",
    "Alias",
    "AliasMove",
    "AliasPeriod",
    "Decision",
    "Explanation",
    "Form",
    "ModelEvent",
    "ModelName",
    "ModelRecord",
    "Predictor",
    "Signature",
    "Trial",
    "alias_history",
    "aliased_model",
    "artifact_size",
    "champion_at",
    "code_version",
    "decisions_of",
    "draw",
    "drop",
    "end_of_day",
    "explain",
    "feature_matrix",
    "find_model",
    "list_models",
    "load_estimator",
    "load_predictor",
    "model_events",
    "move_alias",
    "next_version",
    "read_artifact",
    "read_chunk",
    "register",
    "require_champion",
    "require_full",
    "rollback",
    "save_decision",
    "save_estimator",
    "trials_of",
    "without_infinities",
]
