"""What happened to printers and ports is found by its age, so that it can be forgotten."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.execute("CREATE INDEX history_of_things ON history (at) WHERE job_number = 0")
