"""What is on the wire changes only on purpose."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet

import hatch_build
from tests.golden import Golden
from tests.protos import wire

GOLDEN = Path(__file__).parent / "golden" / "printfabric.txtpb"

SERVICES = [(file.name, service) for file in wire.files() for service in file.service]


def test_the_generated_code_was_made_from_the_present_contracts():
    assert hatch_build.is_current(), "run `make protos`"


@pytest.mark.golden
def test_the_wire_is_the_golden_one(golden: Golden):
    golden(GOLDEN, wire.text())


def test_the_golden_text_is_a_descriptor_set_that_any_protobuf_tool_reads():
    assert text_format.Parse(wire.text(), FileDescriptorSet()) == wire.sorted_by_name(wire.files())


def test_there_is_a_contract_for_each_part_of_the_fabric():
    parts = {Path(file.name).parts[1] for file in wire.files()}

    assert {"monitor", "portui", "spooler", "types"} <= parts


@pytest.mark.parametrize(("proto", "service"), SERVICES, ids=[service.name for _, service in SERVICES])
def test_each_service_has_a_stub_a_servicer_and_a_registration(proto, service):
    module = import_module(wire.module_name(proto, "_pb2_grpc"))

    assert hasattr(module, f"{service.name}Stub")
    assert callable(getattr(module, f"add_{service.name}Servicer_to_server"))
    servicer = getattr(module, f"{service.name}Servicer")
    assert [
        method.name for method in service.method if not callable(getattr(servicer, method.name, None))
    ] == []


@pytest.mark.parametrize(("proto", "service"), SERVICES, ids=[service.name for _, service in SERVICES])
def test_each_service_has_typed_stubs(proto, service):
    stubs = wire.PROTOS / "gen" / proto.replace(".proto", "_pb2_grpc.pyi")

    assert f"class {service.name}Servicer(" in stubs.read_text()
