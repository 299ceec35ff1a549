import errno
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from chassis.errors import DocumentLost, SpoolFull
from spooler.spool.log import Spool
from spooler.spool.record import STRIDE, Extent, framed_bytes
from spooler.spool.space import Reserve
from tests.unit.spooler.spool_opening import SMALL, UPLOAD, Opening, fill, put


async def test_documents_are_read_back_after_a_restart(reopen):
    spool = reopen()
    documents = [os.urandom(size) for size in (20_000, STRIDE * 2 + 1, 50_000)]
    extents = [put(spool, data) for data in documents]
    await spool.close()

    spool = reopen(*extents)
    assert [await spool.read(extent, 0, 1 << 20) for extent in extents] == documents
    assert await spool.read(extents[1], STRIDE - 5, 10) == documents[1][STRIDE - 5 : STRIDE + 5]
    assert await spool.read(extents[1], len(documents[1]), 10) == b""


async def test_a_segment_goes_with_its_last_document_and_not_before(reopen):
    spool = reopen()
    extents = [put(spool, os.urandom(60_000)) for _ in range(5)]
    assert len(reopen.segments()) == 2

    first = [extent for extent in extents if extent.segment == 1]
    for extent in first[:-1]:
        spool.release(extent)
    assert len(reopen.segments()) == 2
    spool.release(first[-1])

    assert reopen.segments() == ["000000000002.spool"]
    assert spool.live.total() == framed_bytes(60_000) * (len(extents) - len(first))


async def test_the_segment_that_is_being_written_goes_when_it_is_full_and_unneeded(reopen):
    spool = reopen()
    for _ in range(20):
        spool.release(put(spool, os.urandom(60_000)))

    assert len(reopen.segments()) == 1


async def test_a_segment_that_cannot_be_removed_waits_for_the_next_start_and_keeps_no_other(
    reopen, monkeypatch
):
    spool = reopen()
    extents = [put(spool, os.urandom(SMALL)) for _ in range(4)]
    await spool.close()
    stuck, unlink = reopen.path(extents[0]), Path.unlink

    def refuses(path: Path, missing_ok: bool = False) -> None:
        if path == stuck:
            raise OSError(errno.EROFS, "Read-only file system")
        unlink(path, missing_ok)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", refuses)
        spool = reopen(extents[0], extents[-1])
        spool.release(extents[0])
        assert spool.live.total() == framed_bytes(SMALL)
        await spool.close()
        await reopen(extents[-1]).close()
        assert reopen.segments() == [stuck.name, reopen.path(extents[-1]).name]

    await reopen(extents[-1]).close()
    assert reopen.segments() == [reopen.path(extents[-1]).name]


async def test_after_a_restart_the_newest_segment_is_gone_on_with_behind_the_last_document(reopen):
    spool = reopen()
    kept = put(spool, b"k" * 30_000)
    put(spool, b"never accepted" * 3000)
    await spool.close()

    spool = reopen(kept)
    added = put(spool, b"a" * 30_000)

    assert added == Extent(kept.segment, kept.end, 30_000)
    assert await spool.read(kept, 0, 1 << 20) == b"k" * 30_000
    assert await spool.read(added, 0, 1 << 20) == b"a" * 30_000


async def test_a_tail_torn_at_any_byte_is_cut_and_harms_no_document(reopen):
    spool = reopen()
    kept = put(spool, b"k" * 20_000)
    torn = put(spool, b"t" * 300)
    await spool.close()
    whole = reopen.path(kept).read_bytes()

    for size in range(kept.end, torn.end + 1):
        reopen.path(kept).write_bytes(whole[:size])
        spool = reopen(kept)
        assert reopen.path(kept).stat().st_size == kept.end
        assert await spool.read(kept, 0, 1 << 20) == b"k" * 20_000
        await spool.close()


async def test_a_document_whose_segment_is_cut_or_gone_is_known_to_be_lost(reopen):
    spool = reopen()
    first = put(spool, os.urandom(150_000))
    second = put(spool, os.urandom(150_000))
    third = put(spool, os.urandom(150_000))
    await spool.close()
    os.truncate(reopen.path(second), second.end - 1)
    reopen.path(third).unlink()

    spool = reopen(first, second, third)
    assert spool.lost == {second.segment: second.end - 1, third.segment: 0}
    with pytest.raises(DocumentLost):
        await spool.read(second, 0, 1 << 20)
    with pytest.raises(DocumentLost, match="is gone"):
        await spool.read(third, 0, 10)
    assert (put(spool, b"x" * 20_000)).segment > third.segment


async def test_what_no_document_needs_is_removed_at_the_start_and_others_segments_are_left_alone(reopen):
    spool = reopen()
    kept = put(spool, os.urandom(150_000))
    await fill(spool, STRIDE * 2)
    await spool.close()
    foreign = reopen.directory / "000000000099.spool"
    other = Spool.open(
        reopen.directory.parent / "other", b"o" * 16, [], {}, reserve=Reserve(reopen.directory.parent, 0)
    )
    put(other, b"foreign" * 5000)
    await other.close()
    (reopen.directory.parent / "other" / "000000000001.spool").rename(foreign)

    await reopen(kept).close()

    assert reopen.segments() == [reopen.path(kept).name, foreign.name]


async def test_the_reserve_is_not_touched_and_what_came_stays(reopen):
    free = Reserve(reopen.directory.parent).free_bytes()
    spool = reopen()
    data = await fill(spool, STRIDE)
    spool.reserve.reserve_bytes = free * 2

    with pytest.raises(SpoolFull) as refused:
        put(spool, b"x" * 20_000)
    assert refused.value.metadata["reserve_bytes"] == str(free * 2)
    with pytest.raises(SpoolFull):
        await spool.append(UPLOAD, STRIDE, bytes(STRIDE))
    spool.reserve.reserve_bytes = 0

    assert await spool.append(UPLOAD, STRIDE, bytes(STRIDE)) == 2 * STRIDE
    assert (await spool.seal(UPLOAD)).digest == hashlib.sha256(data + bytes(STRIDE)).digest()


@pytest.fixture
def tiny_volume(tmp_path):
    """A volume of 4 MiB."""
    if os.geteuid() != 0:
        pytest.skip("NOT CHECKED: a full volume needs root, to mount one")
    mounted = tmp_path / "tiny"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mounted], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"NOT CHECKED: a full volume cannot be mounted here: {done.stderr.strip()}")
    yield mounted
    subprocess.run(["umount", "-l", mounted], check=True)


async def test_a_volume_that_is_really_full_refuses_and_goes_on_when_there_is_room(tiny_volume):
    opening = Opening(tiny_volume / "spool")
    spool = opening()  # no reserve: the kernel itself says that there is no room
    kept = [put(spool, os.urandom(150_000))]
    ballast = tiny_volume / "ballast"
    free = Reserve(tiny_volume, 0).free_bytes()
    ballast.write_bytes(bytes(free - 400_000))
    spool.reserve.free_bytes = lambda: 1 << 40  # type: ignore[method-assign]
    kept.append(put(spool, os.urandom(150_000)))
    with pytest.raises(SpoolFull):
        put(spool, os.urandom(STRIDE))
    with pytest.raises(SpoolFull):
        await fill(spool, 4 * STRIDE)
    ballast.unlink()

    size = await spool.size(UPLOAD)
    assert await spool.append(UPLOAD, size, bytes(4 * STRIDE - size)) == 4 * STRIDE
    kept.append(put(spool, os.urandom(150_000)))
    assert [len(await spool.read(extent, 0, 1 << 20)) for extent in kept] == [150_000] * 3
    await spool.close()
