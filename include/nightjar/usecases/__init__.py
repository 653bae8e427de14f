"""Use cases: what to predict, from which SQL, when. Pure declarations; nothing here touches a database."""

from nightjar.usecases.catalog import declared_use_cases, find_use_case, usable_use_cases
from nightjar.usecases.declaration import Kind, UseCase

__all__ = ["Kind", "UseCase", "declared_use_cases", "find_use_case", "usable_use_cases"]
