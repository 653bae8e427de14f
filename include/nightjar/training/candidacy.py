"""Whether an estimator that was fitted elsewhere can be a model of a use case: what it takes, and what it answers."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from nightjar.errors import TrainingError
from nightjar.registry import Signature
from nightjar.registry.components import PartitionedEstimator, pipelines_of
from nightjar.registry.prepared_columns import prepared_columns
from nightjar.registry.soundness import parts_of
from nightjar.usecases import Kind, UseCase

Matrix = npt.NDArray[np.float64]


def require_fitted_for(use_case: UseCase, estimator: Any, signature: Signature) -> None:
    """Refuse an estimator that was not fitted for these features, or that cannot do what the kind of use case needs.

    Raises:
        TrainingError: it was not, or cannot.
    """
    name = type(estimator).__name__
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError) as error:
        raise TrainingError(f"{name} is not fitted: fit it before it is saved.") from error
    _require_features(name, estimator, [column.name for column in signature.inputs])
    _require_codes(estimator)
    match use_case.kind:
        case Kind.SEGMENTATION:
            _require_clusters(name, estimator)
        case Kind.REGRESSION:
            if not is_regressor(estimator.common_ if isinstance(estimator, PartitionedEstimator) else estimator):
                raise TrainingError(f"{name} is no regressor, {use_case.name} is a regression: adopt one that is.")
        case _:
            _require_classes(name, estimator, use_case, signature)


def as_pipeline(estimator: Any, signature: Signature) -> Any:
    """Return an estimator as models are registered: a pipeline whose columns can be told of, without their names.

    Raises:
        MixedFeaturesError: a step makes columns of several features.
    """
    if isinstance(estimator, Pipeline) and len(estimator) == 1:
        estimator = estimator[0]
    if not isinstance(estimator, Pipeline | PartitionedEstimator):
        estimator = Pipeline([("prepare", FunctionTransformer()), ("model", estimator)])
    for part in parts_of(estimator):
        if isinstance(part, BaseEstimator):
            _forget_names(part)
    for pipeline in pipelines_of(estimator).values():
        prepared_columns(pipeline, signature)
    return estimator


def require_answers(use_case: UseCase, estimator: Any, features: Matrix) -> None:
    """Refuse an estimator that does not answer for each row as its kind needs.

    Args:
        use_case: whose model it is to become.
        estimator: a pipeline.
        features: shape (rows, features).

    Raises:
        TrainingError: it fails, or answers in another shape or with what is no number.
    """
    name = type(estimator[-1] if isinstance(estimator, Pipeline) else estimator).__name__
    try:
        answers, expected = _answers(use_case, estimator, features)
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TrainingError(
            f"{name} cannot score the test rows ({reason}): fit it on the features as numbers, NaN where one is "
            "missing, or put what prepares them into a pipeline with it."
        ) from error
    if np.shape(answers) != expected:
        raise TrainingError(f"{name} answers in the shape {np.shape(answers)}, {expected} is needed: fit it anew.")
    if not np.isfinite(answers).all():
        raise TrainingError(f"{name} answers with what is no number on some test rows: fit it anew.")
    if use_case.kind is Kind.SEGMENTATION and np.any(answers.argmin(axis=1) != estimator.predict(features)):
        raise TrainingError(f"{name} puts rows into another segment than that of the nearest centre: adopt a k-means.")


def _answers(use_case: UseCase, estimator: Any, features: Matrix) -> tuple[Matrix, tuple[int, ...]]:
    """Return an estimator's answers, and the shape they have to have."""
    rows = len(features)
    match use_case.kind:
        case Kind.SEGMENTATION:
            return estimator.transform(features), (rows, estimator[-1].n_clusters)
        case Kind.REGRESSION:
            return estimator.predict(features), (rows,)
        case _:
            return estimator.predict_proba(features), (rows, len(estimator.classes_))


def _forget_names(part: BaseEstimator) -> None:
    """Have a part take its columns by their positions: it is given matrices, and would warn each time of that."""
    if isinstance(part, ColumnTransformer) and hasattr(part, "transformers_"):
        places = part._transformer_to_input_indices
        part.transformers_ = [(name, step, places[name]) for name, step, _ in part.transformers_]
    vars(part).pop("feature_names_in_", None)


def _require_features(name: str, estimator: Any, inputs: list[str]) -> None:
    count = getattr(estimator, "n_features_in_", None)
    if count != len(inputs):
        raise TrainingError(
            f"{name} takes {'an unknown number of' if count is None else count} features, the snapshot has "
            f"{len(inputs)}: fit it on {', '.join(inputs)}."
        )
    known = [str(column) for column in getattr(estimator, "feature_names_in_", inputs)]
    if missing := [column for column in known if column not in inputs]:
        raise TrainingError(
            f"{name} takes {', '.join(missing)}, which the snapshot does not have: fit it on {', '.join(inputs)}."
        )
    if known != inputs:
        raise TrainingError(
            f"{name} takes the features in another order ({', '.join(known)}): fit it on {', '.join(inputs)}."
        )


def _require_codes(estimator: Any) -> None:
    for part in parts_of(estimator):
        for known in getattr(part, "categories_", ()):
            if np.asarray(known).dtype.kind not in "fiub":
                raise TrainingError(
                    f"{type(part).__name__} knows the categories {', '.join(map(str, known[:5]))} as texts, of which "
                    "none would come up: fit it on their places in the sorted list of them."
                )


def _require_clusters(name: str, estimator: Any) -> None:
    model = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    lacking = [need for need in ("transform", "predict", "n_clusters", "cluster_centers_") if not hasattr(model, need)]
    if lacking:
        raise TrainingError(f"{name} has no {lacking[0]}, which a segmentation needs: adopt a k-means.")


def _require_classes(name: str, estimator: Any, use_case: UseCase, signature: Signature) -> None:
    if not hasattr(estimator, "predict_proba"):
        raise TrainingError(
            f"{name} gives no probabilities (predict_proba), which {use_case.name} needs: adopt a classifier that does."
        )
    needed = list(range(len(signature.classes) or 2))
    known = estimator.classes_
    if not np.array_equal(known, needed):
        said = f", the places of {', '.join(signature.classes)}" if signature.classes else ""
        shown = ", ".join(map(str, np.ravel(np.asarray(known, dtype=object))[:5]))
        raise TrainingError(f"{name} knows the classes {shown}: fit it on the classes {needed}{said}.")
