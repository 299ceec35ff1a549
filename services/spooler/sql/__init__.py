"""The store in SQLite; `store` is the whole of it, the other modules are its aspects."""
