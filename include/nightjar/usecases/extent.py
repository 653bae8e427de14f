"""How much of a night is scored."""

from enum import StrEnum


class Extent(StrEnum):
    """What a run of scoring is asked for."""

    DECLARED = "as declared"
    FULL = "full"
    INCREMENTAL = "incremental"
    PROVED = "incremental, proved"

    @property
    def incremental(self) -> bool | None:
        """Whether predictions of unchanged entities are taken over; None: as the use case declares."""
        return None if self is Extent.DECLARED else self is not Extent.FULL
