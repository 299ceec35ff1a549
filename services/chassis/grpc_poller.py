"""How gRPC's C core waits for its sockets: by its older poller, in releases where that was measured.

Import it before grpc: the core reads its environment when it is loaded, and never again. What gRPC's own variables say
wins ([0071](docs/decisions/0071-grpcs-older-poller.md)).
"""

from __future__ import annotations

import os
import sys
from importlib import metadata

VARIABLE = "PRINTFABRIC_POLLER"
POLLERS = ("auto", "shipped", "epoll1", "poll")

# Releases of grpcio in which these names mean what they meant when they were measured. Any other runs as it is shipped.
MEASURED = frozenset({"1.85.1"})
_OLDER = "-event_engine_client,-event_engine_listener,-event_engine_callback_cq"
_EXPERIMENTS, _STRATEGY = "GRPC_EXPERIMENTS", "GRPC_POLL_STRATEGY"
_STRATEGIES = {"epoll1": "epoll1,poll", "poll": "poll"}  # the first that the system has

_put: list[str] = []


def complaint() -> str | None:
    """Return what is wrong with PRINTFABRIC_POLLER; None where nothing is."""
    said = os.environ.get(VARIABLE, "auto")
    return None if said in POLLERS else f"{VARIABLE}: {said!r} is none of {', '.join(POLLERS)}"


def forget_variables() -> None:
    """Programs that this one starts shall wait as they are asked to. Once grpc is loaded."""
    while _put:
        os.environ.pop(_put.pop(), None)


def _chosen() -> str:
    said = os.environ.get(VARIABLE, "auto")
    if said != "auto":
        return said
    return "epoll1" if sys.platform == "linux" and _release() in MEASURED else "shipped"


def _release() -> str:
    try:
        return metadata.version("grpcio")
    except metadata.PackageNotFoundError:  # in a build of somebody's own
        return ""


def _choose() -> None:
    strategy = _STRATEGIES.get(_chosen())
    if strategy is None or _EXPERIMENTS in os.environ or "grpc" in sys.modules:
        return
    for name, value in ((_EXPERIMENTS, _OLDER), (_STRATEGY, strategy)):
        if name not in os.environ:
            os.environ[name] = value
            _put.append(name)


_choose()
