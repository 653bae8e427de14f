"""The sample business: tables of a grocery retailer."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the sample business."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    # The driver is given an empty parameter tuple, hence reads % as a placeholder.
    op.get_bind().exec_driver_sql(script.replace("%", "%%"))
