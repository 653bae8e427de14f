"""Dataset snapshots: their catalog, the rows they store, and the only functions that write either."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the catalog of snapshots and its functions."""
    for script in ("r0001_snapshots.sql", "r0001_snapshot_functions.sql", "r0001_comments.sql"):
        text = Path(__file__).with_name(script).read_text(encoding="utf-8")
        # The driver is given an empty parameter tuple, hence reads % as a placeholder.
        op.get_bind().exec_driver_sql(text.replace("%", "%%"))
