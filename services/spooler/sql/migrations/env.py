"""Alembic's entry: runs the steps on the connection that the store hands over, inside its transaction."""

from alembic import context

from spooler.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
    transactional_ddl=True,
)
context.run_migrations()
