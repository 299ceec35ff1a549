"""The whole wire as one text: every contract as a google.protobuf.FileDescriptorSet in text format.

One field, value or method a line; in order of name, fields and values in order of number. Comments, and the
order in which a file lists its messages, are left out: what differs here differs on the wire or in the API.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from google.protobuf.message import Message

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos"
HEADER = """\
# proto-file: google/protobuf/descriptor.proto
# proto-message: google.protobuf.FileDescriptorSet
# Every message, enum and service of the fabric. Made by `make golden` from protos/printfabric/.
"""


def module_name(proto: str, ending: str = "_pb2") -> str:
    """Return the module made from a contract: printfabric/types/v1/port.proto -> printfabric.types.v1.port_pb2."""
    return proto.removesuffix(".proto").replace("/", ".") + ending


@cache
def files() -> tuple[FileDescriptorProto, ...]:
    """Return the contracts as the generated code knows them, in order of their paths."""
    found = []
    for path in sorted((PROTOS / "printfabric").rglob("*.proto")):
        module = import_module(module_name(str(path.relative_to(PROTOS))))
        found.append(FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
    return tuple(found)


def sorted_by_name(files: Iterable[FileDescriptorProto]) -> FileDescriptorSet:
    """Return the same contracts with everything in one order, so that moving a message is no difference."""
    ordered = FileDescriptorSet(file=files)
    for file in ordered.file:
        file.dependency.sort()
        for repeated in (file.message_type, file.enum_type, file.service):
            repeated.sort(key=lambda entry: entry.name)
        for message in file.message_type:
            sort_message(message)
        for enum in file.enum_type:
            enum.value.sort(key=lambda value: value.number)
        for service in file.service:
            service.method.sort(key=lambda method: method.name)
    return ordered


def sort_message(message: DescriptorProto) -> None:
    """Sort a message's fields by number and what is nested in it by name; oneofs keep their order (an index)."""
    message.field.sort(key=lambda field: field.number)
    message.nested_type.sort(key=lambda nested: nested.name)
    for field in message.field:
        field.ClearField("json_name")  # follows from the name
    for nested in message.nested_type:
        sort_message(nested)
    for enum in message.enum_type:
        enum.value.sort(key=lambda value: value.number)


def line(kind: str, entry: Message) -> str:
    """Return an entry on one line."""
    return f"{kind} {{ {text_format.MessageToString(entry, as_one_line=True)} }}"


def block(kind: str, lines: Iterable[str]) -> list[str]:
    """Return lines inside braces, indented."""
    return [f"{kind} {{", *(f"  {text}" for text in lines), "}"]


def rest(entry: Message, *shown: str) -> list[str]:
    """Return as lines whatever an entry holds beside the parts that are shown one by one."""
    copy = type(entry)()
    copy.CopyFrom(entry)
    for name in shown:
        copy.ClearField(name)
    return text_format.MessageToString(copy).splitlines()


def message_lines(message: DescriptorProto) -> list[str]:
    """Return the inside of a message."""
    lines = rest(message, "field", "nested_type", "enum_type", "oneof_decl")
    lines += [line("oneof_decl", oneof) for oneof in message.oneof_decl]
    lines += [line("field", field) for field in message.field]
    for nested in message.nested_type:
        lines += block("nested_type", message_lines(nested))
    for enum in message.enum_type:
        lines += block("enum_type", enum_lines(enum))
    return lines


def enum_lines(enum: EnumDescriptorProto) -> list[str]:
    """Return the inside of an enum."""
    return rest(enum, "value") + [line("value", value) for value in enum.value]


def service_lines(service: ServiceDescriptorProto) -> list[str]:
    """Return the inside of a service."""
    return rest(service, "method") + [line("method", method) for method in service.method]


def file_lines(file: FileDescriptorProto) -> list[str]:
    """Return the inside of a contract."""
    lines = rest(file, "message_type", "enum_type", "service")
    for service in file.service:
        lines += block("service", service_lines(service))
    for message in file.message_type:
        lines += block("message_type", message_lines(message))
    for enum in file.enum_type:
        lines += block("enum_type", enum_lines(enum))
    return lines


def text() -> str:
    """Return the whole wire as text."""
    lines = [line for file in sorted_by_name(files()).file for line in block("file", file_lines(file))]
    return HEADER + "\n".join(lines) + "\n"
