"""What people decided is numbered, so that it outlives its job and is forgotten by rules of its own."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE history ADD COLUMN decision INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE history ADD COLUMN decided_bytes INTEGER NOT NULL DEFAULT 0",
    """
    UPDATE history SET decision = known.n, decided_bytes = known.b FROM (
        SELECT id AS i, row_number() OVER (ORDER BY id) AS n,
            sum(64 + length(what) + length(who) + length(detail) + length(printer)) OVER (ORDER BY id) AS b
        FROM history WHERE who NOT IN ('', 'spooler')
    ) AS known WHERE history.id = known.i
    """,
    "DROP INDEX history_of_things",
    "CREATE INDEX history_of_things ON history (at) WHERE job_number = 0 AND decision = 0",
    "CREATE INDEX history_decisions ON history (decision) WHERE decision > 0",
)


def upgrade() -> None:
    """Add the numbers and the index, and number what is there."""
    for statement in _STATEMENTS:
        op.execute(statement)
