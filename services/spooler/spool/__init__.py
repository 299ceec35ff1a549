"""The spool log: bytes of larger documents on disk; `log` is the whole of it."""
