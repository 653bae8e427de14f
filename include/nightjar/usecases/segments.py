"""What a declaration says of segments: how many may differ, how small one may be, what they are called."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from nightjar.usecases.fields import Fraction, Identifier, Section

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
SegmentName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


class Words(Section):
    """What people say of those who have much of a feature, and of those who have little."""

    high: Phrase
    low: Phrase


class Segmentation(Section):
    """How segments are chosen, kept and named.

    minimum_share: of the rows that the smallest segment holds.
    switch_margin: by which share another number of segments must be better than the champion's to be taken.
    memory: how much a centre of the champion weighs when it is fitted anew, in members of its segment; 0 starts afresh.
    names: of segments by their numbers; they take the place of those that are made.
    words: for names and descriptions, by feature.
    """

    minimum_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    switch_margin: Fraction = 0.1
    memory: Annotated[float, Field(ge=0, le=10)] = 1.0
    names: dict[Annotated[int, Field(ge=1)], SegmentName] = Field(default_factory=dict)
    words: dict[Identifier, Words] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if len(set(self.names.values())) < len(self.names):
            raise ValueError("names: two segments have the same name")
        return self
