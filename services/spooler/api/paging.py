"""Pages of lists that are in memory, in order of a name. A token is the last name of the page before. Pure."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from chassis.errors import InvalidArgument

T = TypeVar("T")

DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


def page_size(asked: int) -> int:
    """Return how many to answer with: 0 counts as 100, more than 1000 as 1000."""
    if asked < 0:
        raise InvalidArgument(
            f"page_size {asked} is negative", fields=[("page_size", "must be 0 or more")], page_size=asked
        )
    return min(asked, LARGEST_PAGE) if asked else DEFAULT_PAGE


def page(things: Iterable[T], key: Callable[[T], str], size: int, token: str) -> tuple[list[T], str]:
    """Return the things behind `token`, `size` of them (as `page_size` says), and the next token.

    `things` are in order of `key`. Those that come or go in between neither shift nor repeat others.
    """
    behind, wanted = _name(token), page_size(size)
    rest = list(islice((thing for thing in things if not token or key(thing) > behind), wanted + 1))
    if len(rest) <= wanted:
        return rest, ""
    return rest[:wanted], token_of(key(rest[wanted - 1]))


def token_of(name: str) -> str:
    """Return the token with which a list goes on behind `name`."""
    return urlsafe_b64encode(name.encode()).decode()


def number_in(token: str) -> int:
    """Return the number a token holds; 0 for none."""
    name = _name(token)
    if not token:
        return 0
    if not name.isdecimal() or not name.isascii() or len(name) > 18:
        raise InvalidArgument("page_token is not one of ours", fields=[("page_token", "is not one of ours")])
    return int(name)


def _name(token: str) -> str:
    try:
        return b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidArgument(
            "page_token is not one of ours", fields=[("page_token", "is not one of ours")]
        ) from None
