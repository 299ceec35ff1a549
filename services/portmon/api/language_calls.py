"""The part of MonitorService that is about language monitors and what printers tell of themselves."""

from __future__ import annotations

import time
from typing import Any

from typing_extensions import override

from chassis.errors import InvalidArgument, InvalidPrintMonitor, UnknownPrintMonitor
from portmon import bidi
from portmon.api import convert
from portmon.api.host_calls import HostCalls, capabilities_of
from portmon.api.port_calls import PortCalls, opened
from portmon.facts import Fact
from portmon.host_port import HostPort
from portmon.language_path import LanguagePath
from portmon.language_registry import Languages
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1 import port_pb2

# What a language monitor calls beneath it. Windows' sample forgets EndDocPort, and calls it.
NEEDED = (
    pb.MONITOR_FUNCTION_OPEN_PORT,
    pb.MONITOR_FUNCTION_START_DOC_PORT,
    pb.MONITOR_FUNCTION_WRITE_PORT,
    pb.MONITOR_FUNCTION_READ_PORT,
    pb.MONITOR_FUNCTION_END_DOC_PORT,
    pb.MONITOR_FUNCTION_CLOSE_PORT,
)
_ACTIONS = {
    pb.BIDI_ACTION_ENUM_SCHEMA: bidi.Action.ENUM_SCHEMA,
    pb.BIDI_ACTION_GET: bidi.Action.GET,
    pb.BIDI_ACTION_GET_ALL: bidi.Action.GET_ALL,
    pb.BIDI_ACTION_SET: bidi.Action.SET,
    pb.BIDI_ACTION_GET_WITH_ARGUMENT: bidi.Action.GET_WITH_ARGUMENT,
}
_MOST_QUESTIONS = 256


class LanguageCalls(HostCalls, PortCalls):
    """OpenPortEx, SendRecvBidiDataFromPort."""

    languages: Languages
    answer_s: float = 10.0

    @override
    def _monitors(self) -> list[pb.Monitor]:
        functions = sorted((*NEEDED, pb.MONITOR_FUNCTION_OPEN_PORT_EX, _BIDI))
        languages = [
            pb.Monitor(
                name=kind.name, kind=pb.MONITOR_KIND_LANGUAGE, capabilities=functions, version=kind.version
            )
            for kind in self.languages
        ]
        return super()._monitors() + languages

    async def OpenPortEx(self, request: pb.OpenPortExRequest, context: Any) -> pb.OpenPortExResponse:
        """Acquire a port through a language monitor, which is then the only one that speaks to it."""
        asked, below = request.open, request.port_monitor
        owner = convert.owner_from(asked.owner)
        if not asked.HasField("port") or not asked.printer:
            raise InvalidArgument("a port and a printer are needed", fields=[("open", "port and printer")])
        kind, port = self.languages.find(request.language_monitor), self._ports.get(asked.port)
        if below.monitor and below.monitor.casefold() not in (
            port.monitor.name.casefold(),
            port.monitor.scheme,
        ):
            raise UnknownPrintMonitor(
                f"port {port.name} is one of monitor {port.monitor.name!r}, not of {below.monitor!r}",
                port=port.name,
            )
        there = set(capabilities_of(port.monitor)) & set(below.capabilities or capabilities_of(port.monitor))
        missing = [_function_name(one) for one in NEEDED if one not in there]
        if missing:
            raise InvalidPrintMonitor(
                f"language monitor {kind.name} needs {', '.join(missing)} of monitor {port.monitor.name!r}, "
                f"which port {port.name} does not have",
                port=port.name,
                missing=",".join(missing),
            )
        way = LanguagePath(kind, request.bidirectional, self.answer_s)
        lease = asked.lease.ToTimedelta().total_seconds() if asked.HasField("lease") else None
        hold = await self._handles.open(asked.port, owner, asked.fence, asked.printer, lease, way)
        return pb.OpenPortExResponse(open=opened(self._host, hold))

    async def SendRecvBidiDataFromPort(
        self, request: pb.SendRecvBidiDataFromPortRequest, context: Any
    ) -> pb.SendRecvBidiDataFromPortResponse:
        """Answer questions from what is known of the device; no device is touched."""
        holds = request.HasField("handle")
        port = self._hold(request.handle).port if holds else self._ports.get(request.port)
        action = _ACTIONS.get(request.action) or bidi.Action.named(request.action_name)
        if action is None or (action is bidi.Action.SET and not holds):
            return pb.SendRecvBidiDataFromPortResponse(result=bidi.NOT_SUPPORTED)
        if len(request.items) > _MOST_QUESTIONS:
            raise InvalidArgument(
                f"at most {_MOST_QUESTIONS} questions are answered", fields=[("items", "are too many")]
            )
        questions = [bidi.Question(item.request_number, item.schema) for item in request.items]
        result, answers = bidi.ask(action, questions, known_of(port))
        return pb.SendRecvBidiDataFromPortResponse(result=result, items=map(_answer_to_pb, answers))


_BIDI = pb.MONITOR_FUNCTION_SEND_RECV_BIDI_DATA_FROM_PORT


def known_of(port: HostPort) -> dict[str, Fact]:
    """Return all that is known of what hangs on a port: told by whoever asks it, and made of its reports."""
    return dict(sorted((port.facts.now() | bidi.status_facts(port.state, port.reports.now())).items()))


def _function_name(function: pb.MonitorFunction.ValueType) -> str:
    words = pb.MonitorFunction.Name(function).removeprefix("MONITOR_FUNCTION_").split("_")
    return "".join(word.title() for word in words)


def _answer_to_pb(answer: bidi.Answer) -> pb.BidiResponseItem:
    message = pb.BidiResponseItem(request_number=answer.number, result=answer.result, schema=answer.path)
    if answer.result:
        return message
    if answer.fact is None:
        message.data.null_value = True
        return message
    setattr(message.data, f"{answer.fact.kind.value}_value", answer.fact.value)
    message.source = port_pb2.StatusSource.Value(f"STATUS_SOURCE_{answer.fact.source.name}")
    message.time.FromNanoseconds(int((answer.fact.at or time.time()) * 1e9))
    return message
