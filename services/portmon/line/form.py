"""What the form of a serial line has beside its settings: rules between fields, presets, and tests of the line."""

from __future__ import annotations

from typing import Any

_LINE = {"baud": 9600, "dataBits": 8, "parity": "none", "stopBits": "1"}

LINE_FORM: dict[str, Any] = {
    "revision": 4,
    "title": "Serial port",
    "summary": "{baud} {dataBits}{parity|initial}{stopBits}",
    "rules": [
        {
            "if": {"properties": {"stopBits": {"const": "1.5"}}, "required": ["stopBits"]},
            "then": {"properties": {"dataBits": {"const": 5}}},
        },
        {
            "if": {"properties": {"dataBits": {"const": 5}}, "required": ["dataBits"]},
            "then": {"properties": {"stopBits": {"enum": ["1", "1.5"]}}},
        },
        {
            "if": {"properties": {"parity": {"enum": ["mark", "space"]}}, "required": ["parity"]},
            "then": {"properties": {"dataBits": {"enum": [7, 8]}}},
        },
    ],
    "messages": {
        "#/properties/stopBits": {
            "allOf": "1.5 stop bits need 5 data bits; 5 data bits take 1 or 1.5 stop bits."
        },
        "#/properties/dataBits": {
            "allOf": "1.5 stop bits need 5 data bits; mark and space parity need 7 or 8."
        },
        "#/properties/baud": {"enum": "Choose one of the speeds that serial lines have."},
    },
    "presets": [
        {"title": "Zebra factory", "values": {**_LINE, "flow": "xonxoff"}},
        {"title": "Epson TM", "values": {**_LINE, "baud": 38400, "flow": "dtrdsr"}},
        {"title": "19200 8N1", "values": {**_LINE, "baud": 19200}},
        {"title": "115200 8N1", "values": {**_LINE, "baud": 115200}},
    ],
    "actions": [
        {
            "id": "auto", "title": "Detect settings", "xcv": "AutoBaud", "stream": True, "requires": "idle",
            "access": "administer", "timeoutSeconds": 120, "fills": ["baud", "dataBits", "parity", "stopBits"],
            "note": "Listens at each speed: switch the printer off and on meanwhile. Nothing is sent, so nothing is printed. "
            "A question that is asked at a wrong speed may be printed as other characters.",
            "choice": {
                "name": "ask", "title": "how", "values": [
                    {"value": "listen", "title": "by listening, prints nothing"},
                    {"value": "escpos-dle-eot", "title": "ask a receipt printer (DLE EOT)"},
                    {"value": "escpos-gs-i", "title": "ask a receipt printer for its name (GS I)"},
                    {"value": "zpl-hi", "title": "ask a label printer for its name (~HI)"},
                    {"value": "zpl-hs", "title": "ask a label printer how it is (~HS)"},
                    {"value": "pjl-info-id", "title": "ask by PJL (INFO ID)"},
                ],
            },
        },
        {
            "id": "loop", "title": "Loopback test", "xcv": "Loopback", "stream": True, "requires": "idle",
            "access": "administer", "timeoutSeconds": 30,
            "note": "Needs a loopback plug (pins 2 and 3 joined). Without one a printer would print the test pattern.",
        },
        {
            "id": "probe", "title": "Test connection", "xcv": "Probe", "stream": True, "requires": "idle",
            "access": "administer", "timeoutSeconds": 60,
            "note": "Opens the line and asks who is there. With the right settings nothing is printed.",
        },
        {
            "id": "test", "title": "Print a test label", "xcv": "TestPage", "stream": True, "requires": "idle",
            "access": "use", "timeoutSeconds": 120, "confirm": "Prints one label, receipt or page.",
        },
    ],
}  # fmt: skip
