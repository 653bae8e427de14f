"""The sample business: a real grocery retailer's year 2017, loaded whole or replayed day by day."""

from nightjar.retail.load import LoadResult, load_day, load_until, next_day
from nightjar.retail.source import FIRST_DAY, LAST_DAY

__all__ = ["FIRST_DAY", "LAST_DAY", "LoadResult", "load_day", "load_until", "next_day"]
