"""Explains a model version to a person: what it is, how it came to be, how good it is, what it goes by."""

from dataclasses import asdict, dataclass
from typing import Any

from nightjar.registry.explanation.sections import SHOWN_TRIALS, sections_of
from nightjar.registry.explanation.text import render
from nightjar.registry.models import decisions_of, find_model, trials_of
from nightjar.registry.records import Decision, Form, ModelName, ModelRecord, Trial
from nightjar.storage import Database, Role


@dataclass(frozen=True)
class Explanation:
    """A model version with its leaderboard, best first, and what the gates said, oldest first."""

    record: ModelRecord
    trials: tuple[Trial, ...]
    decisions: tuple[Decision, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form; `details` is what the inspection found, by subject."""
        record = self.record
        return {
            "model": str(record.name),
            "use_case": record.use_case,
            "kind": record.kind,
            "algorithm": record.algorithm,
            "aliases": list(record.aliases),
            "trained": {
                "snapshot": record.snapshot,
                "train_split": record.train_split,
                "test_split": record.test_split,
                "as_of": record.as_of.isoformat(),
                "rows": record.processed_rows,
                "discarded_rows": record.discarded_rows,
                "seconds": record.fit_seconds,
                "iterations": record.iterations,
                "database": record.trained_in,
                "owner": record.owner,
                "created": record.created_at.isoformat() if record.created_at else None,
                "code_version": record.code_version,
            },
            "inputs": [column.name for column in record.signature.inputs],
            "hyperparameters": dict(record.hyperparameters),
            "coefficients": dict(record.coefficients),
            "scores": {"training": dict(record.training_scores), "test": dict(record.test_scores)},
            "leaderboard": [asdict(trial) for trial in self.trials[:SHOWN_TRIALS]],
            "trials": len(self.trials),
            "details": dict(record.details),
            "decisions": [asdict(decision) for decision in self.decisions],
        }

    def as_text(self) -> str:
        """Return it in sections for reading, in lines of at most 100 characters."""
        record = self.record
        title = " · ".join([str(record.name), record.kind, record.algorithm, *record.aliases])
        absent = f"Only its serving model is here: it scores, its details are in {record.trained_in}.\n\n"
        note = absent if record.form == Form.SERVING else ""
        return note + render(title, sections_of(record, self.trials, self.decisions))


def explain(database: Database, name: ModelName) -> Explanation:
    """Return what the registry has of a model version, to be told or drawn.

    Raises:
        ModelNotFoundError: there is no such version.
    """
    with database.connect(Role.SCORER) as connection:
        record = find_model(connection, name)
        trials, decisions = trials_of(connection, record.id), decisions_of(connection, record.id)
    return Explanation(record, tuple(trials), tuple(decisions))
