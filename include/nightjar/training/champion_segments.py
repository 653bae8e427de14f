"""The champion's segments, as they are found in the training rows of a new model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import adjusted_rand_score

from nightjar import registry
from nightjar.registry import Alias, Form, Signature
from nightjar.registry.loading import load_predictor, load_serving_predictor
from nightjar.snapshots import Snapshot
from nightjar.storage import Database, Role
from nightjar.training.dataset import Dataset, read_dataset
from nightjar.usecases import Kind, UseCase

# Where the details of a model say which number was the highest that was given so far.
LAST_SEGMENT = "last_segment"


@dataclass(frozen=True)
class KnownSegments:
    """The champion's segments.

    of_row: (rows,) the number of each training row's segment, 0 where the champion cannot tell.
    names: by number.
    last: the highest number that was given so far, by the champion or one before it.
    model: the champion's name.
    """

    of_row: npt.NDArray[np.int32]
    names: dict[int, str]
    last: int
    model: str

    @property
    def populated(self) -> list[int]:
        """Numbers of the segments that hold training rows."""
        return [number for number in sorted(self.names) if (self.of_row == number).any()]


def known_segments(
    database: Database, use_case: UseCase, split: Snapshot, signature: Signature, rows: Dataset
) -> KnownSegments | None:
    """Return the segments of a segmentation's champion in the rows of a split; None where there is no champion.

    The champion reads the rows in the form of its own signature, so features and categories may have been added since.
    Where one was taken away it cannot tell the segments of these rows; numbers still go on from its own.
    """
    if use_case.kind is not Kind.SEGMENTATION:
        return None
    with database.connect(Role.TRAINER) as connection:
        champion = registry.aliased_model(connection, use_case.name, Alias.CHAMPION)
        if champion is None:
            return None
        load = load_serving_predictor if champion.form == Form.SERVING else load_predictor
        predictor = load(connection, champion)
    names = {segment["id"]: segment["name"] for segment in champion.details["segments"]}
    last = max(champion.details.get(LAST_SEGMENT, 0), *names)
    kept = {column.name for column in split.columns}
    if any(column.name not in kept for column in champion.signature.inputs):
        return KnownSegments(np.zeros(len(rows), dtype=np.int32), names, last, str(champion.name))
    if champion.signature != signature:
        rows = read_dataset(database, use_case, split, champion.signature)
    return KnownSegments(predictor.predict(rows.features)["segment_id"], names, last, str(champion.name))


def migrations(known: KnownSegments, numbers: npt.NDArray[np.int32], names: dict[int, str]) -> dict[str, Any]:
    """Return how the training rows moved from the champion's segments to new ones, as JSON holds it.

    Args:
        known: the champion's segments.
        numbers: (rows,) the new ones.
        names: of the new ones, by number.

    Returns:
        matched_to, the champion; agreement, the adjusted Rand index of both (1: the same); and migrations, a list of
        from_segment_id, from_segment, to_segment_id, to_segment, rows and share, of those who come from the same one.
        Nothing where the champion cannot tell.
    """
    if not known.of_row.any():
        return {}
    pairs, counts = np.unique(np.column_stack([known.of_row, numbers]), axis=0, return_counts=True)
    whole = {old: int((known.of_row == old).sum()) for old in known.populated}
    return {
        "matched_to": known.model,
        "agreement": float(adjusted_rand_score(known.of_row, numbers)),
        "migrations": [
            {
                "from_segment_id": old,
                "from_segment": known.names[old],
                "to_segment_id": new,
                "to_segment": names[new],
                "rows": count,
                "share": count / whole[old],
            }
            for (old, new), count in zip(pairs.tolist(), counts.tolist(), strict=True)
        ],
    }
