"""The catalog: models, commits, gates, and the views analysts read."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SCRIPTS = (
    "r0002_catalog.sql",
    "r0002_gates.sql",
    "r0002_serving_models.sql",
    "r0002_scoring_engines.sql",
    "r0002_model_events.sql",
    "r0002_model_warehouse.sql",
    "r0002_model_details.sql",
    "r0002_transfers.sql",
    "r0002_reversions.sql",
    "r0002_campaigns.sql",
    "r0002_readers.sql",
    "r0002_model_comments.sql",
    "r0002_detail_comments.sql",
    "r0002_night_comments.sql",
)


def upgrade() -> None:
    """Create the catalog, the audit of its models, and the view of all their facts."""
    for script in _SCRIPTS:
        text = Path(__file__).with_name(script).read_text(encoding="utf-8")
        # The driver is given an empty parameter tuple, hence reads % as a placeholder.
        op.get_bind().exec_driver_sql(text.replace("%", "%%"))
