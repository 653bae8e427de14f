"""What all users together show, from which candidates and their features follow."""

from dataclasses import dataclass

from nightjar.recommending.histories import Histories
from nightjar.recommending.near_users import NearUsers, near_users
from nightjar.recommending.similar_items import SimilarItems, similar_items
from nightjar.recommending.tastes import Tastes, tastes


@dataclass(frozen=True)
class Patterns:
    """similar: items that the same users take. near: users who take the same items. liked: the tastes of users."""

    similar: SimilarItems
    near: NearUsers
    liked: Tastes


def find_patterns(histories: Histories, seed: int = 0) -> Patterns:
    """Find the patterns in the histories of all users."""
    return Patterns(similar_items(histories), near_users(histories), tastes(histories, seed))
