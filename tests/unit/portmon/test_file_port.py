import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.errors import FabricError, WrongOffset
from portmon.device_wait import DeviceWait
from portmon.document import DocInfo, DocKey, Evidence
from portmon.monitor import MonitorInit, OpenContext
from portmon.monitors.file import FileMonitor, FilePort, FileSettings

KEY = DocKey(bytes(range(16)), 1)


class NoLines:
    """A file has no line settings."""

    line = None

    def store_line(self, line: object) -> None:
        raise AssertionError("a file has no line")


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def wait() -> Iterator[DeviceWait]:
    found = DeviceWait()
    yield found
    found.close()


def port(sandbox: Path, wait: DeviceWait, name: str) -> FilePort:
    monitor = FileMonitor(MonitorInit("edge-7", sandbox))
    return monitor.open_port(name, FileSettings(), OpenContext(name, wait, NoLines()))


def test_a_document_appears_under_its_name_when_it_is_whole(sandbox: Path, wait: DeviceWait) -> None:
    found = port(sandbox, wait, "labels.zpl")
    (sandbox / "labels.zpl").write_bytes(b"before")
    found.start_doc(KEY, DocInfo(), 0)
    found.write(memoryview(b"after"))
    assert (sandbox / "labels.zpl").read_bytes() == b"before"
    assert found.acked() == 0
    assert found.end_doc() is Evidence.FILE_SYNC
    assert ((sandbox / "labels.zpl").read_bytes(), found.acked()) == (b"after", 5)
    assert [path.name for path in sandbox.iterdir()] == ["labels.zpl"]
    found.close()


def test_an_aborted_document_leaves_nothing_and_a_kept_one_can_go_on(sandbox: Path, wait: DeviceWait) -> None:
    found = port(sandbox, wait, "x.prn")
    found.start_doc(KEY, DocInfo(), 0)
    found.write(memoryview(b"0123456789"))
    found.abort_doc(keep=True)
    second = KEY._replace(attempt=2)
    found.start_doc(second, DocInfo(), 6)
    found.write(memoryview(b"abcd"))
    found.end_doc()
    assert (sandbox / "x.prn").read_bytes() == b"012345abcd"
    found.start_doc(KEY, DocInfo(), 0)
    found.abort_doc(keep=False)
    assert [path.name for path in sandbox.iterdir()] == ["x.prn"]
    with pytest.raises(WrongOffset) as refused:
        found.start_doc(KEY, DocInfo(), 6)
    assert refused.value.expected == 0
    found.close()


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../out",
        "a/../../b",
        "a//b",
        "",
        ".",
        "a/",
        "C:\\out\\x.prn",
        "x\x00y",
        "x" * 300,
        "a/" * 20 + "b",
    ],
)
def test_names_that_lead_out_of_the_sandbox_are_no_names(sandbox: Path, wait: DeviceWait, name: str) -> None:
    found = port(sandbox, wait, "FILE:")
    with pytest.raises(FabricError) as refused:
        found.start_doc(KEY, DocInfo(output_file=name), 0)
    assert refused.value.win32 in (87, 123)
    assert list(sandbox.iterdir()) == []
    found.close()


def test_symbolic_links_are_not_followed(sandbox: Path, wait: DeviceWait, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "target").write_bytes(b"precious")
    found = port(sandbox, wait, "FILE:")
    (sandbox / "folder").symlink_to(outside)
    (sandbox / "link").symlink_to(outside / "target")
    for name in ("folder/new", "link"):
        with pytest.raises(FabricError) as refused:
            found.start_doc(KEY, DocInfo(output_file=name), 0)
        assert refused.value.win32 == 5
    (sandbox / f".{KEY.uid.hex()}.part").symlink_to(outside / "target")
    found.start_doc(KEY, DocInfo(output_file="x"), 0)  # the link itself is replaced, never followed
    found.write(memoryview(b"mine"))
    found.end_doc()
    assert (outside / "target").read_bytes() == b"precious"
    assert sorted(path.name for path in outside.iterdir()) == ["target"]
    found.close()


def test_a_link_that_is_put_in_place_while_the_document_prints_is_not_written_through(
    sandbox: Path, wait: DeviceWait, tmp_path: Path
) -> None:
    found = port(sandbox, wait, "x.prn")
    found.start_doc(KEY, DocInfo(), 0)
    found.write(memoryview(b"mine"))
    (tmp_path / "target").write_bytes(b"precious")
    (sandbox / "x.prn").symlink_to(tmp_path / "target")
    with pytest.raises(FabricError):
        found.end_doc()
    assert (tmp_path / "target").read_bytes() == b"precious"
    found.abort_doc(keep=False)
    found.close()


def test_a_missing_folder_is_code_3_and_a_directory_is_refused(sandbox: Path, wait: DeviceWait) -> None:
    found = port(sandbox, wait, "FILE:")
    with pytest.raises(FabricError) as refused:
        found.start_doc(KEY, DocInfo(output_file="no/such/folder"), 0)
    assert refused.value.win32 == 3
    (sandbox / "folder").mkdir()
    with pytest.raises(FabricError) as refused:
        found.start_doc(KEY, DocInfo(output_file="folder"), 0)
    assert refused.value.win32 == 5
    found.close()


def test_nothing_stays_open(sandbox: Path, wait: DeviceWait) -> None:
    before, threads = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    for _ in range(50):
        found = port(sandbox, wait, "x")
        found.start_doc(KEY, DocInfo(), 0)
        found.close()
    assert (len(list(Path("/proc/self/fd").iterdir())), threading.active_count()) == (before, threads)
