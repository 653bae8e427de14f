"""What a person should know before relying on a model: oddities of its data and of its fit."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nightjar.registry import Signature
from nightjar.registry.components import pipelines_of
from nightjar.registry.prepared_columns import prepared_columns
from nightjar.storage.copy_reader import Encoding
from nightjar.training.dataset import Dataset
from nightjar.usecases import Kind, UseCase

MOSTLY_MISSING = 0.95
RARE_CLASS = 0.01
_NAMED = 10
_Found = Iterator[tuple[str, str]]


def training_alerts(
    use_case: UseCase, signature: Signature, dataset: Dataset, estimator: Any, warnings: Sequence[str]
) -> list[dict[str, str]]:
    """Return alerts, each of a short kind, `alert`, and a `message`.

    Args:
        use_case: what was trained.
        signature: the columns of the dataset's features.
        dataset: the training rows.
        estimator: what was fitted on them.
        warnings: what the fit warned of.
    """
    found = [
        *_of_features(signature, dataset),
        *_of_rows(dataset),
        *_of_classes(use_case, signature, dataset),
        *_of_selection(signature, estimator),
        *(
            ("fit warning", f"{text} ({count} times)" if count > 1 else text)
            for text, count in Counter(warnings).items()
        ),
    ]
    return [{"alert": alert, "message": message} for alert, message in found]


def _of_features(signature: Signature, dataset: Dataset) -> _Found:
    rows = int(dataset.candidate.sum())
    others = len(dataset) - rows
    for index, column in enumerate(signature.inputs):
        values = dataset.features[:, index]
        category = column.encoding is Encoding.CATEGORY
        # Rows that are no candidates have no features at all; a category that is missing is -1.
        missing = (np.count_nonzero(values < 0) if category else np.count_nonzero(np.isnan(values)) - others) / rows
        known = values[values >= 0] if category else values
        if missing > MOSTLY_MISSING:
            yield "mostly missing", f"{column.name} has no value in {missing:.1%} of the rows."
        elif len(known) and np.fmin.reduce(known) == np.fmax.reduce(known):
            yield "constant", f"{column.name} has one value only, in every row that has one."


def _of_rows(dataset: Dataset) -> _Found:
    if dataset.discarded:
        share = dataset.discarded / (dataset.discarded + len(dataset))
        yield "discarded rows", f"{dataset.discarded:,} rows ({share:.1%}) were left out: they have no usable target."


def _of_classes(use_case: UseCase, signature: Signature, dataset: Dataset) -> _Found:
    if use_case.kind not in (Kind.CLASSIFICATION, Kind.RECOMMENDER):
        return
    labels = signature.classes or ("0", "1")
    targets = dataset.target[dataset.candidate].astype(int)
    for label, count in zip(labels, np.bincount(targets, minlength=len(labels)).tolist(), strict=True):
        if count < RARE_CLASS * len(targets):
            yield "rare class", f"{label} is the target of {count:,} of {len(targets):,} rows."


def _of_selection(signature: Signature, estimator: Any) -> _Found:
    for partition, pipeline in pipelines_of(estimator).items():
        if "select" not in pipeline.named_steps:
            continue
        kept = {column.source for column in prepared_columns(pipeline, signature)}
        dropped = [column.name for column in signature.inputs if column.name not in kept]
        if dropped:
            more = f" and {len(dropped) - _NAMED} more" if len(dropped) > _NAMED else ""
            where = f"{partition}: " if partition else ""
            yield "not selected", f"{where}{', '.join(dropped[:_NAMED])}{more} did not get into the model."
