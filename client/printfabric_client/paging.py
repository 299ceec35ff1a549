"""Lists that come in pages, read as one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol, TypeVar

PAGE_SIZE = 500


class _Page(Protocol):
    @property
    def next_page_token(self) -> str: ...


_P = TypeVar("_P", bound=_Page)


async def pages(fetch: Callable[[str], Awaitable[_P]]) -> AsyncGenerator[_P, None]:
    """Yield every page; `fetch` gets the token of the page before, first an empty one."""
    token = ""
    while True:
        page = await fetch(token)
        yield page
        token = page.next_page_token
        if not token:
            return
