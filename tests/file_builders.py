"""Files of rows and a small model that scores them, without a database."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nightjar.registry import ModelRecord, Predictor
from nightjar.scoring.files import FileScores, FileTarget, score_file
from nightjar.usecases import Kind, UseCase
from tests.night_builders import shop_use_case
from tests.serving_builders import MIXED, fitted, record_of

SHOP = shop_use_case(Kind.REGRESSION)
HEADER = "customer_id,region,spend,since,card,size"
GOOD = "north,12.5,2017-12-01,true,small"


def small_predictor(use_case: UseCase = SHOP, algorithm: str = "ridge") -> Predictor:
    """Return a model of the features region, spend, since, card and size."""
    record: ModelRecord = replace(record_of(use_case.kind, algorithm, MIXED), use_case=use_case.name)
    return Predictor(record, fitted(use_case.kind, algorithm, MIXED))


class Files:
    """A folder with rows.csv, and scores.csv and rejects.csv once it was scored."""

    def __init__(self, folder: Path, predictor: Predictor, use_case: UseCase = SHOP) -> None:
        self.rows, self.scores, self.rejects = (folder / f"{name}.csv" for name in ("rows", "scores", "rejects"))
        self._score: Callable[..., FileScores] = lambda **options: score_file(
            use_case, predictor, self.rows, FileTarget(self.scores), rejects=self.rejects, **options
        )

    def write(self, *lines: str | bytes, header: str = HEADER, line_break: bytes = b"\n") -> "Files":
        """Write the rows below a header."""
        parts = [line.encode() if isinstance(line, str) else line for line in (header, *lines)]
        self.rows.write_bytes(b"".join(part + line_break for part in parts))
        return self

    def score(self, maximum_rejected: float = 1.0, **options: Any) -> FileScores:
        """Score them."""
        return self._score(maximum_rejected=maximum_rejected, **options)

    def scored(self) -> list[dict[str, str]]:
        """Score them, and return the scores."""
        self.score()
        return read_csv(self.scores)

    def rejected(self) -> list[tuple[int, str, str]]:
        """Score them, and return line, reason and text of what was rejected."""
        self.score()
        return [(int(row["line"]), row["reason"], row["row"]) for row in read_csv(self.rejects)]


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
