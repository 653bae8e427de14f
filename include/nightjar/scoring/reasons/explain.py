"""Explains the stored predictions of one entity."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from nightjar import registry
from nightjar.recommending.staging import stage_candidates
from nightjar.registry import ModelName, Predictor
from nightjar.registry.loading import load_predictor
from nightjar.registry.reasons import Contributions, contributions
from nightjar.scoring.reasons.inputs import Inputs, read_evidence, read_inputs
from nightjar.scoring.reasons.records import Breakdown, ExplainedPrediction, PredictionReasons, Reason, Value
from nightjar.scoring.row_numbers import is_entity
from nightjar.scoring.stored import Row, published_night, stored_predictions
from nightjar.storage import Database, Role
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.keys import KeyValue, entity_key, key_value

# Sums over the same rows may differ in their last digits from one query plan to the next.
TOLERANCE = 1e-6


def explain_prediction(
    database: Database,
    use_case: UseCase,
    entity: KeyValue | Sequence[KeyValue],
    *,
    item: KeyValue | None = None,
    as_of: date | None = None,
    top: int = 5,
) -> PredictionReasons:
    """Tell why an entity got its prediction of a night, from the model that made it and its features of that date.

    Of a recommender, every recommended item is explained, with the rows of evidence.sql that led to it.

    Args:
        database: where the night was scored.
        use_case: whose prediction it is.
        entity: the entity's key; of several columns, their values in the declared order.
        item: explain only this recommended item.
        as_of: the night's date; the night that readers see when left out.
        top: how many reasons are told, the largest ones.

    Raises:
        KeyValueError: the entity's or the item's key has another form.
        NoPublishedNightError: there is no such night.
        NotPredictedError: the entity has no prediction that night; quarantined and forgotten ones have a subclass.
        NoItemsError: an item is asked for, and the use case recommends none.
        NotRecommendedError: the item was not recommended to the entity.
        SignatureError: features.sql is not the one the model was trained on any more.
        ScoringError: features.sql or evidence.sql fails.
    """
    key = entity_key(use_case, entity)
    if item is not None and use_case.items:
        item = key_value(use_case.items.key, item)
    with database.connect(Role.SCORER) as connection:
        commit = published_night(connection, use_case, as_of)
        stored = stored_predictions(connection, use_case, commit, key, item)
        model = registry.find_model(connection, ModelName.parse(commit.model))
        registry.require_full(model)
        stage_candidates(connection, use_case, [commit.as_of], only=is_entity(use_case, key))
        # The declared SQL of a night only reads.
        connection.execute("SET TRANSACTION READ ONLY")
        predictor = load_predictor(connection, model)
        items = [row[use_case.items.key.name] for row in stored] if use_case.items else []
        inputs = read_inputs(connection, use_case, commit, predictor.record.signature, key, items)
        evidence = [read_evidence(connection, use_case, commit, key, item) for item in items]
    explained = _explain(use_case, predictor, inputs, top)
    predictions = tuple(
        _compared(row, explained.get(item), rows)
        for item, row, rows in zip(items or [None], stored, evidence or [()], strict=True)
    )
    who = dict(zip(use_case.entity_key, key, strict=True))
    return PredictionReasons(use_case.name, who, commit.as_of, commit.model, predictions)


def _explain(
    use_case: UseCase, predictor: Predictor, inputs: Mapping[KeyValue | None, Inputs], top: int
) -> dict[KeyValue | None, tuple[Row, Breakdown]]:
    """Return what the model gives for each row, and why."""
    if not inputs:
        return {}
    encoded = np.stack([row.encoded for row in inputs.values()])
    matrix = predictor.within_range(encoded)
    outputs, found = predictor.predict(matrix), contributions(predictor, matrix)
    if use_case.kind is Kind.REGRESSION and use_case.target:
        found = replace(found, unit=use_case.target.column)
    return {
        key: (
            {name: values[index].item() for name, values in outputs.items()},
            _breakdown(found, index, list(row.values.items()), top),
        )
        for index, (key, row) in enumerate(inputs.items())
    }


def _breakdown(found: Contributions, row: int, values: Sequence[tuple[str, Value]], top: int) -> Breakdown:
    order = np.argsort(-np.abs(found.values[row]), kind="stable")
    reasons = tuple(_reason(found, row, index, *values[index]) for index in order[:top])
    return Breakdown(
        unit=found.unit,
        toward=found.toward[row],
        against=found.against[row],
        baseline=float(found.baseline[row]),
        reasons=reasons,
        others=float(found.values[row, order[top:]].sum()),
        other_features=len(order[top:]),
        output=float(found.output[row]),
    )


def _reason(found: Contributions, row: int, index: int, feature: str, value: Value) -> Reason:
    contribution = float(found.values[row, index])
    favoured = found.toward[row] if contribution > 0 else found.against[row]
    return Reason(feature, value, contribution, f"speaks for {favoured}" if contribution else "makes no difference")


def _compared(stored: Row, explained: tuple[Row, Breakdown] | None, evidence: tuple[Row, ...]) -> ExplainedPrediction:
    """Put a stored prediction beside what the model gives for today's source rows."""
    if explained is None:
        return ExplainedPrediction(stored, None, True, None, evidence)
    outputs, breakdown = explained
    # Recommendations store the probability as their score.
    recomputed = {"score": outputs["probability"]} if "score" in stored else outputs
    same = all(_equal(stored[name], value) for name, value in recomputed.items())
    return ExplainedPrediction(stored, recomputed, not same, breakdown, evidence)


def _equal(stored: Any, computed: Any) -> bool:
    if isinstance(stored, float):
        return bool(np.isclose(computed, stored, rtol=TOLERANCE, atol=TOLERANCE))
    return bool(stored == computed)
