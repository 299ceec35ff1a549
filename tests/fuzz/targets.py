"""What is fuzzed: each decoder of what others send, with good inputs to begin with and the errors it may raise."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from typing import NamedTuple

from google.protobuf.message import DecodeError
from pydantic import ValidationError

from chassis import oidc, service_account
from chassis.auth_errors import TokenInvalid
from chassis.errors import DeviceFault, DeviceOffline, InvalidArgument, Overloaded
from portmon.annotations import Annotator
from portmon.bidi import answers as bidi
from portmon.devices import ieee1284
from portmon.document import DocInfo, DocKey
from portmon.facts import Fact, Kind
from portmon.ipp import message as ipp_message
from portmon.ipp import status as ipp_status
from portmon.ipp.facts import facts_of
from portmon.ipp.http_answer import BadHttp, HttpAnswer
from portmon.language import Before, Language, Wrapped
from portmon.language_registry import Languages
from portmon.line.settings import SerialSettings
from portmon.lpd import message as lpd_message
from portmon.port_data import is_port_data, record_of, settings_of, version_of
from portmon.questions import QUESTIONS, seven_bits
from portmon.snmp import message as snmp_message
from portmon.xcv_payload import Wrong, members, parsed
from printfabric.spooler.v1 import registry_service_pb2 as registry_pb
from spooler.api.dial_in_calls import checked_bytes
from spooler.api.host_proof import checked_name
from spooler.units.choose import choose
from spooler.units.pjl_pcl import PjlPclSplitter
from spooler.units.prefix import MOST_BYTES
from tests.fuzz import daemon
from tests.fuzz.mutation import pieces


class Target(NamedTuple):
    """A decoder. `run` gets one input and a source of chance; what it raises besides `refusals` is a bug."""

    name: str
    run: Callable[[bytes, random.Random], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = ()


_DOCUMENT = Wrapped(DocKey(bytes(range(16)), 2), DocInfo(printer="p", job_number=7), Before.BROKEN)

_ANSWERS = {
    "PJL": (
        b'@PJL INFO ID\r\n"LASERJET 4"\r\n\x0c',
        b'@PJL USTATUS DEVICE\r\nCODE=40021\r\nDISPLAY="OPEN"\r\nONLINE=FALSE\r\n\x0c',
        b'@PJL USTATUS JOB\r\nEND\r\nNAME="PF 7 0a0b0c0d0e0f A2"\r\nPAGES=3\r\n\x0c@PJL USTATUS PAGE\r\n2\r\n\x0c',
        b"@PJL ECHO PF 7 0a0b0c0d0e0f A2\r\n\x0c",
    ),
    "ZPL": (
        b"\x02030,0,0,1245,000,0,0,0,000,0,0,0\x03\r\n\x02000,0,0,0,0,2,4,0,00000017,1,000\x03\r\n\x021234,0\x03\r\n",
        b"\x02ZT410-200dpi,V75.20.14Z,8,8176KB\x03\r\n",
        b"\x02\r\n  PRINTER STATUS\r\n   ERRORS:         1 00000000 00000001\r\n   WARNINGS:       0 00000000 00000000\r\n\x03",
    ),
    "ESC/POS": (
        b"\x16\x12\x12\x12",
        b"\x14\x00\x00\x0f",
        b"\x37\x22ABCD\x00",
        b"_TM-T88V\x00",
        b"\x10\x00\x60\x0c",
    ),
}

_IPP = ipp_message.request(
    ipp_message.Operation.GET_JOB_ATTRIBUTES,
    [
        (ipp_message.Tag.URI, "job-uri", "ipp://127.0.0.1/jobs/7"),
        (ipp_message.Tag.KEYWORD, "job-state-reasons", ["media-empty-error", "cover-open"]),
    ],
)
# An answer is a request with another tag (0xa2) around the same rows.
_SNMP = snmp_message.get("2c", "public", 77, [(1, 3, 6, 1, 2, 1, 25, 3, 5, 1, 1, 1)]).replace(
    b"\xa0", b"\xa2", 1
)
_HTTP = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
)
_XCV = (
    b'{"port": "COM1:", "settings": {"baud": 9600, "device": "/dev/ttyS0"}}',
    b"[1, 2.5, true, null]",
    b'"COM1:"',
)
_FRAMES = (
    registry_pb.RegisterHostRequest(host="edge-7", instance_id="run-1").SerializeToString(),
    registry_pb.TunnelHostRequest(tunnel_id="a-tunnel").SerializeToString(),
    registry_pb.TunnelHostRequest(data=bytes(300)).SerializeToString(),
)
_TOKENS = (
    b'{"iss": "https://login.example", "aud": ["a", "b"], "exp": 1800000000, "kubernetes.io": {"namespace": "print"}}',
    b'{"alg": "ES256", "kid": "1", "typ": "JWT", "crit": ["b64"], "b64": false}',
    b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
)
_PORT_DATA = (
    b'{"dwVersion": 1, "sztPortName": "IP_1", "sztHostAddress": "printer.example", "sztIPAddress": "10.0.0.7"}',
    b'{"dwVersion": 2, "dwProtocol": 2, "sztHostAddress": "10.0.0.7", "sztQueue": "lp", "dwSNMPDevIndex": 1}',
)
_KNOWN = bidi.Known({"\\Printer.DeviceInfo:ModelName": Fact(Kind.STRING, "ZD621")})
_DOCUMENTS = {
    "zpl": b"^XA^FO50,50^A0N,30,30^FDHello^FS^PQ3^XZ\r\n^XA~DGR:A.GRF,8,1,FFFFFFFFFFFFFFFF^XGR:A.GRF^FS^XZ",
    "escpos": b"\x1b@Total\n\x1dv0\x00\x02\x00\x02\x00\xff\xff\xff\xff\x1dV\x42\x00\x1b@two\n\x1d(k\x03\x00\x31\x51\x30\x1dV\x00",
    "pcl": b"\x1b%-12345X@PJL JOB\r\n@PJL ENTER LANGUAGE=PCL\r\n\x1bE\x1b*b4W1234page\x0c\x1b&l2Xtwo\x0c\x1bE\x1b%-12345X",
    "postscript": b"%!PS-Adobe-3.0\n%%Pages: 2\n%%Page: 1 1\nshowpage\n%%BeginBinary: 5\nabcde\n%%Page: 2 2\nshowpage\n%%EOF\n",
    "text": b"one\ntwo\x0cthree\x0c",
}
_PAGES = (
    _DOCUMENTS["pcl"],
    (
        b"\x1bE\x1b&l26a1o6d3e60F\x1b&k2G\x1b&a5L\x1b(8U\x1b(s0p10h12v3b3T\x1b*c5D\x1b)s4W\x0c\x1bE!\x1b*c65E\x1b(s3W\x0c\x0c\x0c\x1b(5Xone\r\n\x0c"
        b"\x1b&l0O\x1b&f1y0Xlogo\x0c\x1b&f1X\x1b&f4X\x0etwo\r\x0c\x1b*v6W012345\x1b*v1a2b3c4I\x1b*v4S\x1b*p0P\x1b*p1P\x1b*p9Xthree\r\x0c\x1b&a3Cfour\x0c"
    ),
    _DOCUMENTS["postscript"],
    (
        b"%!PS-Adobe-3.0\r\n%%PageOrder: Ascend\r\n%%BeginDocument: a\r\n%%Page: 1 1\r\n%%EndDocument\r\n%%Page: 1 1\r\n%%BeginData: 9 Bytes\r\n"
        b"%%Page: 2 2\r\n%%Page: 2 2\r\nshowpage\r\n%%Trailer\r\n\x04%!PS-Adobe-3.0\r\n%%Page: 1 1\r\n%%Page: 2 2\r\n%%EOF\r\n"
    ),
)


def _hear(kind: type[Language]) -> Callable[[bytes, random.Random], object]:
    def run(data: bytes, chance: random.Random) -> None:
        language = kind(pipe=chance.random() < 0.5)
        language.begin(_DOCUMENT, b"^XA")
        language.payload(memoryview(b"^XA^XZ" * 3))
        language.finish()
        for piece in pieces(data, chance):
            language.hear(piece)
            language.reports()
            language.facts()
            assert 0 <= language.confirmed() <= 18, "more is confirmed than there was"
        language.ask()
        language.idle()

    return run


def _http(data: bytes, chance: random.Random) -> None:
    answer = HttpAnswer(most_bytes=4096)
    for piece in pieces(data, chance):
        answer.feed(piece)
        assert len(answer.body) <= 4096
    answer.end()


def _ipp(data: bytes, _chance: random.Random) -> None:
    answer = ipp_message.decode(data)
    ipp_message.refusal(answer)
    facts_of(answer)
    ipp_status.reports_of(answer.number("printer-state"), answer.texts("job-state-reasons"))


def _device_id(data: bytes, _chance: random.Random) -> None:
    ieee1284.facts_of(data)
    assert len(ieee1284.plug_and_play_id(data)) <= 24


_PORT_DEFAULTS = {  # what a record leaves out, a port has all the same
    "port": 9100, "snmpCommunity": "public", "snmpEnabled": False, "snmpDeviceIndex": 1, "portMonitorMibIndex": 0, "queue": "lp",
    "byteCounting": False,
}  # fmt: skip


def _port_data(data: bytes, _chance: random.Random) -> None:
    record = members(parsed(data))
    if is_port_data(record):
        _name, scheme, settings = settings_of(record)
        assert scheme in ("raw", "lpr")
        record_of("IP_1", scheme, _PORT_DEFAULTS | settings, version_of(record))


def _bidi(data: bytes, chance: random.Random) -> None:
    path, value = data.decode("latin-1"), Fact(chance.choice(list(Kind)), data.decode("latin-1"))
    question = bidi.Question(1, path, value)
    for action in bidi.Action:
        bidi.answered(action, question, _KNOWN)
    assert bidi.refusal_to_set(question, _KNOWN, administrator=False), "somebody else set it"


def _line_text(data: bytes, _chance: random.Random) -> None:
    SerialSettings.model_validate({"line": data.decode("latin-1")})


def _split(data: bytes, chance: random.Random) -> None:
    splitter = choose("", data, collect=True)
    ends: list[int] = []
    for piece in pieces(data, chance):
        ends += splitter.feed(piece)
    ends += splitter.finish()
    assert ends == sorted(set(ends)), "ends of units go back"
    assert not ends or 0 <= ends[0] <= ends[-1] <= len(data), "a unit ends outside of its document"


def _set_up(data: bytes, chance: random.Random) -> None:
    splitter = PjlPclSplitter()
    for end in (splitter.feed(data) + splitter.finish())[:4]:
        splitter = PjlPclSplitter(collect=True)
        for piece in pieces(data[:end], chance):
            splitter.feed(piece)
        prefix, refusal = splitter.setup(data[end : end + 1024])
        assert not (prefix and refusal)
        assert prefix.size <= MOST_BYTES
        sent = b"".join(
            piece if isinstance(piece, bytes) else data[slice(*piece)] for piece in prefix.pieces()
        )
        assert len(sent) == prefix.size, "it takes what the document does not have"
        assert not PjlPclSplitter().feed(sent), "setting up prints a page"


def _annotate(data: bytes, chance: random.Random) -> None:
    reader = Annotator(out=chance.random() < 0.5)
    for piece in pieces(data, chance):
        assert all(len(line) < 1000 for line in reader.read(piece))


def _snmp(data: bytes, _chance: random.Random) -> None:
    snmp_message.answer(data, "2c", "public")


def _questions(data: bytes, _chance: random.Random) -> None:
    for question in QUESTIONS.values():
        question.read(data)
    seven_bits(data)


def _xcv(data: bytes, _chance: random.Random) -> None:
    members(parsed(data))


def _frame(data: bytes, _chance: random.Random) -> None:
    assert checked_name(registry_pb.RegisterHostRequest.FromString(data).host).isprintable()
    assert len(checked_bytes(registry_pb.TunnelHostRequest.FromString(data))) <= len(data)


def _tokens(data: bytes, _chance: random.Random) -> None:
    part = base64.urlsafe_b64encode(data).decode().rstrip("=")
    for token in (data.decode("latin-1"), f"e30.{part}.c2ln", f"{part}.{part}.{part}"):
        service_account.said_by(token)
        oidc._unproven(token)


def _lpd() -> list[Target]:
    return [
        Target(
            "lpd", lambda data, _: lpd_message.refusal(data or b"\x01"), (b"\x01queue is full\n", b"\x00")
        ),
        Target(
            "lpd dialogue",
            daemon.dialogue,
            (b"\0\0\0\0\0", b"\0\0\0\x01no room for it\n", b"\x02", b"queue lp: unknown\n" * 9),
            (DeviceOffline, DeviceFault),
        ),
        Target(
            "lpd control file",
            daemon.control_file,
            ("Jörg\nPeter\0".encode(), b"invoice 7\r\nU/etc/passwd\n"),
        ),
    ]


def targets() -> list[Target]:
    """Return all of them; languages of others, by entry point, too."""
    every = tuple(seed for seeds in _ANSWERS.values() for seed in seeds)
    languages = [
        Target(f"language {kind.name}", _hear(kind), _ANSWERS.get(kind.name, every)) for kind in Languages()
    ]
    return [
        Target("xcv", _xcv, _XCV, (Wrong,)),
        Target("questions", _questions, every),
        Target("frames of hosts that dial in", _frame, _FRAMES, (DecodeError, InvalidArgument, Overloaded)),
        Target("tokens", _tokens, _TOKENS, (TokenInvalid,)),
        Target("ipp", _ipp, (_IPP,), (ipp_message.BadIpp,)),
        Target("http", _http, _HTTP, (BadHttp,)),
        *_lpd(),
        Target("snmp", _snmp, (_SNMP, _SNMP[:-3]), (snmp_message.BadSnmp,)),
        Target("port data", _port_data, _PORT_DATA, (Wrong,)),
        Target(
            "bidi",
            _bidi,
            (b"\\Printer.DeviceInfo:ModelName", b"\\Printer", b"\\Printer.Maintenance:CleanHead"),
        ),
        Target(
            "line text", _line_text, (b"9600,n,8,1,x", b"115200,e,7,2", b"300,o,5,1.5,p"), (ValidationError,)
        ),
        Target(
            "ieee1284",
            _device_id,
            (b"\x00\x2bMFG:HP;MDL:LaserJet 4;CMD:PJL,PCL;CLS:PRINTER;SN:123;",),
        ),
        Target("annotations", _annotate, every + tuple(_DOCUMENTS.values())),
        *languages,
        *(Target(f"units {name}", _split, (document,)) for name, document in _DOCUMENTS.items()),
        Target("pages set up", _set_up, _PAGES),
    ]
