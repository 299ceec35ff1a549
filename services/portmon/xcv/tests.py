"""AutoBaud, Loopback, Probe and TestPage: commands that take long, with the device to themselves."""

from __future__ import annotations

import termios
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Any

from chassis.errors import FabricError, InvalidSettings, NotSupported
from portmon.errand import Errand, Step
from portmon.line.settings import SerialSettings
from portmon.line.tests import auto_baud, loopback, speeds_in
from portmon.line.tests import questions_for as line_questions
from portmon.monitor import open_error
from portmon.port_talk import Talk, ask, print_page, probe, questions_for, refuse_private
from portmon.questions import QUESTIONS
from portmon.test_page import LANGUAGES, page
from portmon.xcv.channel import Result, Xcv, XcvCommand
from portmon.xcv.errands import Target, given, run, target_of, timeout_in
from portmon.xcv.session import XcvSession
from portmon.xcv_payload import Wrong

_ASK = {"listen": None, **QUESTIONS}
_GUESS = ("escpos-dle-eot", "pjl-info-id", "zpl-hi")
_LONGEST_WAIT_S = 30.0  # of a test page for a printer that takes nothing

Steps = AsyncGenerator[Step | Result, None]


def _line(target: Target) -> tuple[str, SerialSettings]:
    if not isinstance(target.settings, SerialSettings):
        raise Wrong(50, f"port {target.name} is no serial line")
    return target.monitor.device(target.name, target.settings), target.settings


def _line_error(target: Target, device: str, error: OSError | termios.error) -> FabricError:
    """Say why a line cannot be used."""
    if isinstance(error, termios.error):
        wrong = "is not a serial line"
        return InvalidSettings(f"port {target.name}: {device} {wrong}", fields=[("device", wrong)])
    return open_error(error, target.name, device)


def _auto_baud(xcv: Xcv, session: XcvSession, value: Any) -> Steps:
    target = target_of(xcv, session, value)
    device, _settings = _line(target)
    speeds = speeds_in(value.get("speeds") if isinstance(value, dict) else None)
    if speeds is None:
        raise Wrong(
            87, "speeds is a list of speeds that lines have", {"errors": {"/speeds": "is no such list"}}
        )
    questions = line_questions(given(value, "ask", _ASK))

    def do(errand: Errand) -> object:
        try:
            return auto_baud(errand, device, target.lines, speeds, questions)
        except (OSError, termios.error) as error:
            raise _line_error(target, device, error) from error

    return run(xcv, target, do, timeout_in(value, 120.0))


def _loopback(xcv: Xcv, session: XcvSession, value: Any) -> Steps:
    target = target_of(xcv, session, value)
    device, settings = _line(target)

    def do(errand: Errand) -> object:
        try:
            return loopback(errand, device, target.lines, settings)
        except (OSError, termios.error) as error:
            raise _line_error(target, device, error) from error

    return run(xcv, target, do, timeout_in(value, 30.0))


def _where(target: Target) -> str:
    return target.monitor.where(target.name, target.settings)


def _probe(xcv: Xcv, session: XcvSession, value: Any) -> Steps:
    target = target_of(xcv, session, value)
    questions = questions_for(given(value, "ask", _ASK))
    twin = xcv.ports.twins.warning(target.monitor, target.name, target.settings)

    def do(errand: Errand) -> object:
        began = errand.now()
        errand.say(0.0, f"opening {_where(target)}")
        try:
            found = dict(target.monitor.probe(target.name, target.settings, errand))
        except NotSupported:
            refuse_private(target.name, target.monitor)
            with Talk(errand, target.name, target.monitor, target.settings, target.lines) as talk:
                found = probe(errand, talk, _where(target), questions)
        return {**found, "seconds": round(errand.now() - began, 3), "warning": twin}

    return run(xcv, target, do, timeout_in(value, 60.0))


def _test_page(xcv: Xcv, session: XcvSession, value: Any) -> Steps:
    target = target_of(xcv, session, value)
    language = given(value, "language", LANGUAGES)
    refuse_private(target.name, target.monitor)
    rows = _rows(xcv, session, target)

    def do(errand: Errand) -> object:
        name, monitor = target.name, target.monitor
        spoken = language or _spoken(errand, target)
        with Talk(errand, name, monitor, target.settings, target.lines) as talk:
            talk.port.write_timeout_s = min(talk.port.write_timeout_s, _LONGEST_WAIT_S)
            data = page(spoken, {**rows, "Language": spoken})
            return {"language": spoken, **print_page(errand, talk, data)}

    return run(xcv, target, do, timeout_in(value, 120.0))


def _rows(xcv: Xcv, session: XcvSession, target: Target) -> Mapping[str, str]:
    return {
        "Host": xcv.ports.registry.init.host,
        "Port": target.name,
        "Device": _where(target),
        "By": session.who,
        "At": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    }


def _spoken(errand: Errand, target: Target) -> str:
    """Return the language that the printer answers in; plain text when it answers in none."""
    if not target.monitor.readable:
        return "text"
    errand.say(0.0, "asking which language it speaks")
    with Talk(errand, target.name, target.monitor, target.settings, target.lines) as talk:
        talk.begin("who is there?")
        found = ask(talk, [QUESTIONS[name] for name in _GUESS]) if talk.port.readable else None
    return found.language if found is not None else "text"


TESTS: Mapping[str, XcvCommand] = {
    "AutoBaud": XcvCommand(None, True, long=_auto_baud),
    "Loopback": XcvCommand(None, True, long=_loopback),
    "Probe": XcvCommand(None, True, long=_probe),
    "TestPage": XcvCommand(None, False, use=True, long=_test_page),
}
