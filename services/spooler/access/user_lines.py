"""People who came, were changed or went, in the history: what their file says against what was last seen of it.

The file is written without a spooler. Whoever could write it is told by the machine, not here; that it was, is told here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from chassis.errors import EtagMismatch
from spooler.access.user_file import User
from spooler.job import HistoryEvent
from spooler.store import Notes

WHO = "user file"
_NOTE = "users"  # {"ada": ["operator", version of the password]}


async def tell(notes: Notes, users: Sequence[User]) -> None:
    """Write down what is new in the file since a spooler last looked, in one commit with what it says now.

    Raises:
        StoreUnavailable: it is told the next time.
    """
    now = {user.name: [str(user.role), user.version] for user in users}
    written = False
    while not written:
        text = await notes.get_note(_NOTE)
        before = json.loads(text) if text else {}
        written = before == now
        with suppress(EtagMismatch):  # another spooler looked at the same time
            if not written:
                lines = [HistoryEvent(what, WHO, detail) for what, detail in _news(before, now)]
                await notes.put_note(_NOTE, json.dumps(now, sort_keys=True), text, lines)
                written = True


def _news(before: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    for name in sorted({*before, *now}):
        if name not in before:
            yield "user-added", f"{name}: {now[name][0]}"
        elif name not in now:
            yield "user-removed", name
        elif before[name] != now[name]:
            (role, password), (new_role, new_password) = before[name], now[name]
            changes = [f"{role} -> {new_role}"] if role != new_role else []
            changes += ["another password"] if password != new_password else []
            yield "user-changed", f"{name}: {', '.join(changes)}"
