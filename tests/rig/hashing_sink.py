"""A raw TCP printer for documents that nobody can keep: it hashes what it reads. Run as a program of its own.

python hashing_sink.py: prints its TCP port, then for each connection one line, JSON {bytes, sha256}.
"""

from __future__ import annotations

import hashlib
import json
import socket


def main() -> None:
    """Serve one connection after the other, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        buffer = memoryview(bytearray(1 << 20))
        while True:
            connection, _ = listener.accept()
            whole, count = hashlib.sha256(), 0
            with connection:
                while size := connection.recv_into(buffer):
                    whole.update(buffer[:size])
                    count += size
            print(json.dumps({"bytes": count, "sha256": whole.hexdigest()}), flush=True)


if __name__ == "__main__":
    main()
