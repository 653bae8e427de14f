"""Who is held out: a random part of the selected entities, of exact size, the same in every stratum of predictions."""

from collections.abc import Sequence

from psycopg import sql

from nightjar.errors import HoldOutError
from nightjar.scoring.row_numbers import key_columns
from nightjar.snapshots.allocation import allocate
from nightjar.snapshots.allocation import share as fraction
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.campaigns", "campaigns.sql")
# Both arms have as many high predictions as low ones.
STRATA = 5


def require_share(share: float) -> None:
    """Refuse a share that is none.

    Raises:
        HoldOutError: it is not between 0 and 1.
    """
    # What is nearer to 1 than fractions are told apart by would hold everybody out.
    if not (0 < share < 1 and 0 < fraction(share) < 1):
        raise HoldOutError(f"{share} is no share to hold out: give one above 0 and below 1, such as 0.1.")


def hold_out_quotas(strata: Sequence[int], share: float) -> list[int]:
    """Return how many entities of each stratum are held out: their total is the share of all, rounded down.

    Raises:
        HoldOutError: nobody would be held out.
    """
    quotas = [parts[0] for parts in allocate(strata, [share])]
    if sum(quotas) == 0:
        raise HoldOutError(
            f"A share of {share} of {sum(strata)} entities holds nobody out: raise it, or choose a larger group."
        )
    return quotas


def draw_order(connection: Connection, selected: sql.Composed, keys: Sequence[str], salt: str) -> list[int]:
    """Put the selected entities into a random order within strata, in the temporary table nightjar_drawn.

    Args:
        connection: whose transaction the table lives in.
        selected: the query of the entities: any columns, those of the key, and `nightjar_score`.
        keys: the key's columns.
        salt: of the draw; the same one gives the same order of the same entities.

    Returns:
        How many entities are in each stratum; empty when nobody is selected.
    """
    connection.execute(
        sql.SQL(_SQL["draw"]).format(
            salt=sql.Literal(salt),
            texts=key_texts(keys),
            strata=sql.Literal(STRATA),
            keys=key_columns(keys),
            selected=selected,
        )
    )
    return [row["entities"] for row in connection.execute(_SQL["strata"])]


def hold_out_first(connection: Connection, quotas: Sequence[int]) -> None:
    """Hold out the first entities of each stratum of nightjar_drawn, and treat the others."""
    connection.execute(sql.SQL(_SQL["hold_out"]).format(quotas=sql.Literal(list(quotas))))


def key_texts(keys: Sequence[str]) -> sql.Composed:
    """Return the columns of a key as texts, as campaigns record them."""
    return sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in keys)
