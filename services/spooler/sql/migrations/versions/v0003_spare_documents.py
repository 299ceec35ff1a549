"""Documents of ended jobs are found by themselves when there is no room, not by a look at every ended job."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.execute(
        "CREATE INDEX jobs_spare ON jobs (number)"
        " WHERE has_document = 1 AND retain = 0 AND ended_at IS NOT NULL"
    )
