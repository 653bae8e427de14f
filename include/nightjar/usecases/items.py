"""What a declaration says of the items that a recommender recommends."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from nightjar.usecases.fields import FreeColumn, Key, Section

Count = Annotated[int, Field(ge=0, le=10_000)]


class Sources(Section):
    """How many candidates of a user come from where.

    own: its own items, those taken most lately and most often. similar: items like those. near: what users who
    take the same items take. popular: what its segment takes. The last three without what it has had.
    """

    own: Count = 80
    similar: Count = 15
    near: Count = 15
    popular: Count = 15

    @model_validator(mode="after")
    def _has_candidates(self) -> Self:
        if not self.own + self.similar + self.near + self.popular:
            raise ValueError("own, similar, near and popular are all 0: nothing would be a candidate")
        return self


DEFAULT_SOURCES = Sources()


class Items(Section):
    """What a recommender recommends: the item's key, its label in items.sql, and how many.

    category: a column of items.sql; items of one category may take each other's place. diversity: by how much each
    recommended item of a category lessens the score of the next, from 0 to 1. sources: where the candidates that are
    made of interactions.sql come from. new_only: only what the entity has not had is recommended.
    """

    key: Key
    label: FreeColumn
    top: Annotated[int, Field(ge=1, le=1000)] = 20
    category: FreeColumn | None = None
    diversity: Annotated[float, Field(ge=0, le=1)] = 0.0
    sources: Sources = DEFAULT_SOURCES
    new_only: bool = False

    @model_validator(mode="after")
    def _has_categories(self) -> Self:
        if self.diversity and self.category is None:
            raise ValueError("diversity: needs the items' category, declare items.category")
        return self
