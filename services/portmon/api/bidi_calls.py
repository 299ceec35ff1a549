"""The part of MonitorService that is about what printers tell of themselves (SendRecvBidiDataFromPort)."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from typing import Any

from chassis.errors import (
    ConnectionRefused,
    DeviceNotConnected,
    DeviceOffline,
    FabricError,
    InvalidArgument,
    NotSupported,
)
from chassis.tasks import Tasks
from portmon.api.calls import Calls
from portmon.bidi import answers as bidi
from portmon.bidi.status import Events, is_offline, status_facts
from portmon.device_names import names_of, set_name
from portmon.facts import Fact, Kind, cleaned
from portmon.handles import Handles
from portmon.host_port import HostPort
from portmon.once import Once
from portmon.ports import Ports
from portmon.reports import Source
from printfabric.monitor.v1 import monitor_service_pb2 as pb
from printfabric.types.v1 import port_pb2

_ACTIONS = {
    pb.BIDI_ACTION_ENUM_SCHEMA: bidi.Action.ENUM_SCHEMA,
    pb.BIDI_ACTION_GET: bidi.Action.GET,
    pb.BIDI_ACTION_GET_ALL: bidi.Action.GET_ALL,
    pb.BIDI_ACTION_SET: bidi.Action.SET,
    pb.BIDI_ACTION_GET_WITH_ARGUMENT: bidi.Action.GET_WITH_ARGUMENT,
}
_ADMINISTRATOR = 1  # BIDI_ACCESS_ADMINISTRATOR
_MOST_QUESTIONS = 256
_MOST_REMEMBERED = 1024
_AWAY = (ConnectionRefused, DeviceNotConnected, DeviceOffline)
_HOST_NAME = "\\Printer.DeviceInfo.NetworkingInfo:HostName"
_IP_ADDRESS = "\\Printer.DeviceInfo.NetworkingInfo:IPAddress"


class BidiCalls(Calls):
    """SendRecvBidiDataFromPort."""

    def __init__(self, host: str, ports: Ports, handles: Handles, tasks: Tasks) -> None:
        super().__init__(host, ports, handles, tasks)
        self._events: dict[str, Events] = {}  # by port
        self._sets = Once[tuple[str, str], list[bidi.Answer]](_MOST_REMEMBERED)

    async def SendRecvBidiDataFromPort(
        self, request: pb.SendRecvBidiDataFromPortRequest, context: Any
    ) -> pb.SendRecvBidiDataFromPortResponse:
        """Answer questions from what is known of the device; set what may be set."""
        port = (
            self._hold(request.handle).port if request.HasField("handle") else self._ports.get(request.port)
        )
        action = _ACTIONS.get(request.action) or bidi.Action.named(request.action_name)
        if action is None:
            raise NotSupported(f"there is no bidi action {request.action_name[:64]!r}")
        questions = _questions(action, request)
        known = self._known(port)
        if action is bidi.Action.ENUM_SCHEMA:
            answers = bidi.listed(questions[0].number if questions else 0, known)
        elif action is bidi.Action.SET:
            administrator = request.access == _ADMINISTRATOR
            answers = await self._set_once(port, questions, known, administrator, request.request_id)
        else:
            port.look()
            answers = [answer for one in questions for answer in bidi.answered(action, one, known)]
        result = bidi.result_of(answers)
        if result == bidi.DEVICE_OFFLINE:
            raise DeviceOffline(f"port {port.name}: its device is offline", win32=result, port=port.name)
        return pb.SendRecvBidiDataFromPortResponse(result=result, items=map(_answer_to_pb, answers))

    def _known(self, port: HostPort) -> bidi.Known:
        """Return all that is known of what hangs on a port: told by whoever asks it, and made of its reports."""
        reports, device = port.reports.now(), port.session.port if port.session is not None else None
        events = self._events.setdefault(port.name, Events(int(time.time())))
        facts = {
            **port.facts.now(),
            **(cleaned(device.facts()) if device is not None else {}),
            **_network(port),
            **status_facts(port.state, reports, events),
            **names_of(self._ports, port.name),
        }
        return bidi.Known(dict(sorted(facts.items())), is_offline(port.state, reports))

    async def _set_once(
        self,
        port: HostPort,
        questions: Sequence[bidi.Question],
        known: bidi.Known,
        administrator: bool,
        request_id: str,
    ) -> list[bidi.Answer]:
        async def work() -> list[bidi.Answer]:
            return [await self._set(port, one, known, administrator) for one in questions]

        if not request_id:
            return await work()
        words = tuple(questions)
        return await self._sets.do((port.name, request_id), work, words)

    async def _set(
        self, port: HostPort, question: bidi.Question, known: bidi.Known, administrator: bool
    ) -> bidi.Answer:
        number, path, given = question
        result = bidi.refusal_to_set(question, known, administrator=administrator)
        if not result and given is not None:
            result = await self._do(port, path, given)
        return bidi.Answer(number, result, path)

    async def _do(self, port: HostPort, path: str, given: Fact) -> int:
        """Set a value that may be set; return what came of it."""
        try:
            if isinstance(given.value, str):
                await set_name(self._ports, port.name, path, given.value)
            elif given.value:
                if port.session is None:
                    raise DeviceNotConnected(f"port {port.name} is not open", port=port.name)
                await port.session.ask(lambda device: device.maintain(path.partition(":")[2]))
        except NotSupported:
            return bidi.NOT_SUPPORTED
        except _AWAY:
            return bidi.DEVICE_OFFLINE
        except FabricError:
            return bidi.SET_FAILED
        return 0


def _questions(action: bidi.Action, request: pb.SendRecvBidiDataFromPortRequest) -> list[bidi.Question]:
    """Return a request's items. Raises InvalidArgument: too many, or none where there must be some."""
    if len(request.items) > _MOST_QUESTIONS:
        raise InvalidArgument(
            f"at most {_MOST_QUESTIONS} questions are answered", fields=[("items", "are too many")]
        )
    listing = action is bidi.Action.ENUM_SCHEMA
    if not request.items and not listing:
        raise InvalidArgument(f"{action} needs an item", fields=[("items", "are missing")])
    if listing and any(item.schema for item in request.items):
        raise InvalidArgument("EnumSchema takes no schema", fields=[("items", "have a schema")])
    return [bidi.Question(one.request_number, one.schema, _value_of(one.data)) for one in request.items]


def _value_of(data: pb.BidiValue) -> Fact | None:
    kind = data.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    return Fact(Kind(kind.removesuffix("_value")), getattr(data, kind))


def _network(port: HostPort) -> dict[str, Fact]:
    """Return where a port's settings say that the printer is."""
    host = getattr(port.settings, "host", "")
    if not host:
        return {}
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return {_HOST_NAME: Fact(Kind.STRING, host, Source.HOST)}
    return {_IP_ADDRESS: Fact(Kind.STRING, host, Source.HOST)}


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
