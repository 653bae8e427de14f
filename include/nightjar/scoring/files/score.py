"""Scores the rows of a file, block by block: what the nightly shards do, without a database."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nightjar.errors import OutputFileError, RowsFileError, ScoringError
from nightjar.registry import Predictor, feature_matrix
from nightjar.scoring.files.blocks import Block, open_rows, read_blocks, read_header
from nightjar.scoring.files.distinct import distinct_rows, whole_entities
from nightjar.scoring.files.layout import find_columns
from nightjar.scoring.files.recommend import recommended_rows
from nightjar.scoring.files.rejects import Rejects
from nightjar.scoring.files.rows import RowReader, Rows, without_rows
from nightjar.scoring.files.targets import Columns, FileTarget, Target
from nightjar.scoring.prediction_tables import output_columns
from nightjar.scoring.progress import Progress, Watch, unwatched
from nightjar.usecases import UseCase

# Numbers that stand for a text, which is written beside them.
_LABELS = {"segment_id": "segment", "class_id": "predicted"}


@dataclass
class FileScores:
    """What came of a file: rows read, rejected, and rows of predictions written."""

    model: str
    read: int = 0
    rejected: int = 0
    written: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {"model": self.model, "read": self.read, "rejected": self.rejected, "written": self.written}


def score_file(
    use_case: UseCase,
    predictor: Predictor,
    source: Path,
    target: Target,
    *,
    rejects: Path | None = None,
    maximum_rejected: float | None = None,
    progress: Watch = unwatched,
) -> FileScores:
    """Score the rows of a CSV file; all that are good are written, or nothing.

    Args:
        use_case: whose keys the file has.
        predictor: the model, whose features it has.
        source: the file, with a header.
        target: takes keys and outputs, in the order of the rows; of a recommender the best items of each entity.
        rejects: a file for the rows that cannot be scored, with their line and the reason.
        maximum_rejected: the share of them from which on nothing is written; default: that of the use case's nights.
        progress: told of each block.

    Raises:
        RowsFileError: the file is not there, is empty, or lacks a column.
        RejectedRowsError: too many rows are rejected.
        OutputFileError, TargetTableError: the target or the file of rejects cannot be written.
    """
    if predictor.record.use_case != use_case.name:
        raise ScoringError(
            f"{predictor.record.name} is a model of {predictor.record.use_case}, not of {use_case.name}."
        )
    _require_different(source, target, rejects)
    maximum = use_case.scoring.maximum_quarantined if maximum_rejected is None else maximum_rejected
    scores = FileScores(str(predictor.record.name))
    columns = written_columns(use_case)
    with open_rows(source) as file:
        layout = find_columns(read_header(file, source.name), use_case.row_key, predictor.record.signature, source.name)
        blocks = read_blocks(file, source.name, source.stat().st_size)
        with Rejects(rejects) as rejected, target.open(columns) as write, threadpool_limits(1):
            key_types = {name: columns[name] for name in use_case.row_key}
            reader = RowReader(layout, key_types, predictor.record.signature, rejected)
            rows = reader.read(_counted(blocks, scores, rejected, progress, source.name))
            for batch in _predict(use_case, predictor, _keyed(use_case, rows, rejected), rejected):
                write(batch)
                scores.written += len(next(iter(batch.values())))
            rejected.write()
            scores.rejected = rejected.count
            if not scores.read:
                raise RowsFileError(f"{source.name} has a header and no rows.")
            rejected.require_few(scores.read, maximum, source.name)
    return scores


def written_columns(use_case: UseCase) -> dict[str, str]:
    """Return the Postgres type of each column of scored rows by its name, as readers of predictions know them."""
    columns: dict[str, str] = {}
    for column in output_columns(use_case):
        columns[column.name] = column.type
        if column.name in _LABELS:
            columns[_LABELS[column.name]] = "text"
    return columns


def _counted(
    blocks: Iterator[Block], scores: FileScores, rejects: Rejects, progress: Watch, name: str
) -> Iterator[Block]:
    step = f"scoring {name} with {scores.model}"
    progress(Progress(step))
    for block in blocks:
        yield block
        rejects.write()
        scores.read += len(block.lines)
        progress(Progress(step, scores.read, block.share))


def _keyed(use_case: UseCase, rows: Iterator[Rows], rejects: Rejects) -> Iterator[Rows]:
    if use_case.items is None:
        return distinct_rows(rows, use_case.row_key, rejects)
    return whole_entities(rows, use_case.entity_key, use_case.row_key, rejects)


def _predict(use_case: UseCase, predictor: Predictor, batches: Iterator[Rows], rejects: Rejects) -> Iterator[Columns]:
    for rows in batches:
        if not len(rows):
            continue
        outputs = predictor.predict(feature_matrix(predictor.record.signature, rows.columns))
        reasons: dict[int, str] = {}
        for name, values in outputs.items():
            for row in np.flatnonzero(~np.isfinite(values)).tolist():
                reasons.setdefault(row, f"{name} is not finite")
        scored = without_rows(Rows(rows.block, {**rows.columns, **outputs}), reasons, rejects).columns
        pairs = {name: scored[name] for name in (*use_case.row_key, *outputs)}
        yield _labelled(predictor, recommended_rows(use_case, pairs) if use_case.items else pairs)


def _labelled(predictor: Predictor, scored: Columns) -> Columns:
    record = predictor.record
    if "segment_id" in scored:
        names = {segment["id"]: segment["name"] for segment in record.details["segments"]}
        labels = [names[number] for number in scored["segment_id"].tolist()]
        return {**scored, "segment": np.array(labels, dtype=object)}
    if "class_id" in scored:
        return {**scored, "predicted": np.array(record.signature.classes, dtype=object)[scored["class_id"]]}
    return scored


def _require_different(source: Path, target: Target, rejects: Path | None) -> None:
    outputs = [path for path in (target.path if isinstance(target, FileTarget) else None, rejects) if path is not None]
    files = [path.resolve() for path in (source, *outputs)]
    if len(set(files)) < len(files):
        raise OutputFileError(f"{outputs[0]} is named twice: name another file for each of rows, scores and rejects.")
