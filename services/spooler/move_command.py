"""fabric-move-store: takes the store of a stopped spooler from SQLite to PostgreSQL, all of it or nothing."""

from __future__ import annotations

import sys

from chassis import program
from chassis.settings_sources import SettingsError
from spooler.settings import SpoolerSettings
from spooler.sql.at_rest import retire, store_at_rest


async def run(settings: SpoolerSettings) -> None:
    """Move what `state_dir` has to `database`, then rename the old store. Blocks: there is nothing beside it.

    Raises:
        SettingsError: no database is named.
        StoreUnavailable: a spooler is running on either, or the database is not empty; nothing was moved.
        DocumentLost: a document of the old store is damaged; nothing was moved.
    """
    from spooler.sql.postgres.connection import place_of  # noqa: PLC0415 - its driver is an extra
    from spooler.sql.postgres.lock import locked_connection  # noqa: PLC0415
    from spooler.sql.postgres.moving import move  # noqa: PLC0415

    url = settings.database.get_secret_value()
    if not url:
        raise SettingsError("database: where to? name a PostgreSQL database that is empty")
    with store_at_rest(settings.state_dir) as source:
        connection = await locked_connection(url, "fabric-move-store", 0)
        try:
            moved = move(source, connection, place_of(url))
        finally:
            connection.close()
    retire(settings.state_dir)
    if moved.before:
        sys.stdout.write("moved by an earlier run already; the old store is renamed now\n")
        return
    for table, rows in moved.rows.items():
        sys.stdout.write(f"{table:20} {rows:10,}\n")
    sys.stdout.write(f"{moved.document_bytes:,} bytes of documents outside of rows; all compared\n")
    sys.stdout.write(f"the old store is kept as {settings.state_dir}/spooler.db.moved\n")


def main() -> None:
    """Run the program."""
    program.main(SpoolerSettings, run)


if __name__ == "__main__":
    main()
