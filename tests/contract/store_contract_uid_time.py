"""The clock that dates job ids: a store's own, and never behind an id that it gave."""

from __future__ import annotations

import time

from spooler.job import make_uid
from spooler.sql.uid_time import ms_of
from spooler.store import Store
from tests.contract.store_contract import Opening, StoreFixtures, accepted, label

DAY_MS = 86_400_000


class UidTimeContract(StoreFixtures):
    async def test_the_time_is_before_no_job_id_over_restarts_too(
        self, store: Store, opening: Opening
    ) -> None:
        before = await store.uid_time_ms()
        jobs = await accepted(store, *[label()] * 3)
        after = await store.uid_time_ms()

        assert before <= ms_of(jobs[0].uid) <= ms_of(jobs[-1].uid) <= after
        assert await (await opening()).uid_time_ms() >= after

    async def test_an_id_of_a_clock_that_is_ahead_is_dated_anew_and_stays_itself_otherwise(
        self, store: Store
    ) -> None:
        now = time.time_ns() // 1_000_000
        ahead, behind = (make_uid(now + off, bytes(range(10))) for off in (DAY_MS, -DAY_MS))
        one, other = await accepted(store, label(uid=ahead), label(uid=behind))

        assert ms_of(one.uid) <= await store.uid_time_ms() < now + DAY_MS
        assert one.uid[6:] == ahead[6:]
        assert other.uid == behind
