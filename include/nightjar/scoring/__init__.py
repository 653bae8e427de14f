"""Nightly scoring: features in the database, shards, gates, and a publish that readers see all at once."""

from nightjar.scoring.annotations import annotate
from nightjar.scoring.backfill import model_of_night, score_nights
from nightjar.scoring.blame import Origin, blame
from nightjar.scoring.commits import Commit, list_commits, open_commit
from nightjar.scoring.features import build_features
from nightjar.scoring.leftovers import abandon_idle
from nightjar.scoring.night import score_commit, score_night
from nightjar.scoring.night_gates import check_night, gate_features
from nightjar.scoring.prediction_views import create_prediction_tables
from nightjar.scoring.proof import prove
from nightjar.scoring.publish import forget_expired, publish, require_kept
from nightjar.scoring.revert import revert
from nightjar.scoring.shards import score_shard

__all__ = [
    "Commit",
    "Origin",
    "abandon_idle",
    "annotate",
    "blame",
    "build_features",
    "check_night",
    "create_prediction_tables",
    "forget_expired",
    "gate_features",
    "list_commits",
    "model_of_night",
    "open_commit",
    "prove",
    "publish",
    "require_kept",
    "revert",
    "score_commit",
    "score_night",
    "score_nights",
    "score_shard",
]
