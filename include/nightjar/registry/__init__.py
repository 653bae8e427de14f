"""The model registry: immutable model versions, their artifacts, and the aliases that point at them.

What loads or writes estimators is in modules of its own (`loading`, `estimator_files`, `serving`), since that imports
scikit-learn and more, which the catalog does without.
"""

from nightjar.registry.aliases import Alias, aliased_model, move_alias, require_champion
from nightjar.registry.artifacts import artifact_size, read_artifact, read_chunk
from nightjar.registry.environment import code_version
from nightjar.registry.events import ModelEvent, model_events
from nightjar.registry.explanation import Explanation, draw, explain
from nightjar.registry.history import (
    AliasMove,
    AliasPeriod,
    alias_history,
    champion_at,
    champion_of_then,
    end_of_day,
    rollback,
)
from nightjar.registry.models import (
    decisions_of,
    find_model,
    list_models,
    next_version,
    register,
    require_full,
    save_decision,
    trials_of,
)
from nightjar.registry.parity_sample import ParitySample, find_sample, save_sample
from nightjar.registry.predictor import Predictor, feature_matrix
from nightjar.registry.records import Decision, Form, ModelName, ModelRecord, Signature, Trial
from nightjar.registry.removal import drop

__all__ = [
    "Alias",
    "AliasMove",
    "AliasPeriod",
    "Decision",
    "Explanation",
    "Form",
    "ModelEvent",
    "ModelName",
    "ModelRecord",
    "ParitySample",
    "Predictor",
    "Signature",
    "Trial",
    "alias_history",
    "aliased_model",
    "artifact_size",
    "champion_at",
    "champion_of_then",
    "code_version",
    "decisions_of",
    "draw",
    "drop",
    "end_of_day",
    "explain",
    "feature_matrix",
    "find_model",
    "find_sample",
    "list_models",
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
    "save_sample",
    "trials_of",
]
