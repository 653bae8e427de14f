"""The rule by which a snapshot is split, as it is recorded and replayed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from nightjar.snapshots.allocation import share
from nightjar.snapshots.errors import PartsError, RatioError, RatioSumError, SplitColumnError
from nightjar.snapshots.records import Column

_KEYWORD = "SPLIT snapshot "


@dataclass(frozen=True)
class SplitRule:
    """Which share of the rows each part gets, and which rows.

    `stratify`: columns whose values keep their shares in each part. `group_by`: rows equal in it stay together.
    `time_by`: the newest rows go to the last part. Otherwise rows are drawn by `seed`; `salt` sets draws apart.
    """

    parts: Mapping[str, float]
    stratify: tuple[str, ...] = ()
    group_by: str | None = None
    time_by: str | None = None
    seed: int = 0
    salt: str = ""

    def text_of(self, part: str) -> str:
        """Return the statement that makes one part."""
        return _KEYWORD + json.dumps(asdict(self) | {"part": part}, ensure_ascii=False)

    @staticmethod
    def is_statement(text: str) -> bool:
        """Whether a recorded statement is a split."""
        return text.startswith(_KEYWORD)

    @classmethod
    def parse(cls, text: str) -> "tuple[SplitRule, str]":
        """Return the rule and the part that a recorded statement tells of."""
        values = json.loads(text.removeprefix(_KEYWORD))
        part = values.pop("part")
        return cls(**(values | {"stratify": tuple(values["stratify"])})), part

    def check_columns(self, columns: Sequence[Column]) -> None:
        """Refuse columns that cannot be split by.

        Raises:
            SplitColumnError: naming the column.
        """
        known = [column.name for column in columns]
        for column in (*self.stratify, self.group_by, self.time_by):
            if column is not None and column not in known:
                raise SplitColumnError(f"There is no column {column!r} to split by; there are {', '.join(known)}.")
        if self.stratify and self.group_by is not None:
            raise SplitColumnError(
                f"Rows cannot both stay together by {self.group_by!r} and be spread by "
                f"{', '.join(map(repr, self.stratify))}: give one of the two."
            )

    def check_parts(self, *, independent: bool = False) -> None:
        """Refuse parts and ratios that cannot be used; `independent` parts may overlap.

        Raises:
            PartsError: there are none, or one has no suffix.
            RatioError: naming the ratio.
            RatioSumError: they are above 1 together.
        """
        if not self.parts:
            raise PartsError("There are no parts: give at least one, such as _train=0.8.")
        for suffix, ratio in self.parts.items():
            if not suffix:
                raise PartsError("A part has no suffix: name it such as _train=0.8.")
            if not isinstance(ratio, int | float) or not 0 < ratio <= 1:
                raise RatioError(f"The ratio of {suffix!r} is {ratio}: give one above 0 and at most 1.")
        total = sum(map(share, self.parts.values()))
        if total > 1 and not independent:
            raise RatioSumError(f"The ratios add up to {float(total)}: they may be at most 1 together.")
