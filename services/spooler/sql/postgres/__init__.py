"""The store in PostgreSQL: the same rows and statements as in SQLite, documents in chunk rows, no volume."""
