#!/bin/sh
# Finds a Python that is new enough and lets it set up .venv/ (tools/bootstrap.py). `PYTHON=` names the one to use;
# without it the one that made .venv/ goes on.
set -eu
cd "$(dirname "$0")/.."
for python in ${PYTHON:-.venv/bin/python python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$python" -m tools.bootstrap "$@"
    fi
done
found=$("${PYTHON:-python3}" --version 2>/dev/null) || found="no Python"
echo "setup: Print Fabric needs Python 3.11 or newer, and here is $found:" \
     "install one from your distribution or python.org, or name it: make PYTHON=/path/to/python3.12" >&2
exit 1
