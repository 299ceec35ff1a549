from __future__ import annotations

import pytest

from chassis.auth_errors import IssuerUnavailable
from chassis.identity import Identity, Kind
from spooler.discovery.host_tokens import objection
from spooler.host_proving import LateProof, ProofUnavailable, Proving, UnprovenHost

ACCOUNTS = ("print/portmon",)


def pod(name: str = "print/portmon", *groups: str) -> Identity:
    return Identity(Kind.WORKLOAD, name, frozenset({"system:serviceaccounts:print", *groups}))


@pytest.mark.parametrize("host", ["edge-7", "EDGE-7"])
def test_a_pod_of_the_port_monitors_account_is_the_host_that_its_node_is(host: str):
    assert objection(pod("print/portmon", "node:edge-7"), host, ACCOUNTS) == ""


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (pod("print/portmon", "node:edge-8"), "its token is of a pod on node edge-8"),
        (pod("print/portmon", "node:edge-77"), "its token is of a pod on node edge-77"),
        (
            pod("shop/till", "node:edge-7"),
            "its token is of the service account shop/till, not of print/portmon",
        ),
        (pod("print/portmon", "edge-7"), "the cluster does not say on which node its pod is"),
        (pod("print/portmon"), "the cluster does not say on which node its pod is"),
    ],
    ids=str,
)
def test_every_other_pod_is_not_and_it_is_said_why(who: Identity, why: str):
    assert objection(who, "edge-7", ACCOUNTS).startswith(why)


class FakeProof:
    """Proves until a time, or raises as told."""

    audience = "print-fabric-host"

    def __init__(self, answer: float | Exception) -> None:
        self.answer = answer

    async def check(self, host: str, token: str) -> float:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def proving(now: list[float]) -> Proving:
    found = Proving("edge-7", lambda: now[0])
    found.proof = FakeProof(1600.0)
    return found


AWAY, LATE = IssuerUnavailable("the cluster cannot be asked"), LateProof("the token has expired")


async def test_a_host_that_has_nothing_to_prove_is_asked_for_nothing():
    proving = Proving("edge-7")
    assert proving.audience == ""
    await proving.check("", b"")


async def test_a_proof_is_asked_for_again_when_it_runs_out(proving: Proving, now: list[float]):
    await proving.check("token", b"handle")
    assert proving.next_look_s() == 600.0
    now[0] = 1601.0
    assert 0 < proving.next_look_s() <= 60.0


async def test_a_host_that_is_new_waits_while_the_cluster_is_away(proving: Proving):
    proving.proof = FakeProof(AWAY)
    with pytest.raises(
        ProofUnavailable, match="edge-7 cannot be proven: the cluster cannot be asked"
    ) as caught:
        await proving.check("token", b"handle")
    assert (caught.value.reason, caught.value.code) == ("HOST_PROOF_UNAVAILABLE", "UNAVAILABLE")


async def test_a_run_that_was_proven_stays_so_while_the_cluster_is_away_however_long(
    proving: Proving, now: list[float]
):
    await proving.check("token", b"handle")
    proving.proof = FakeProof(AWAY)
    for now[0] in (1100.0, 1700.0, 90_000.0):
        await proving.check("token", b"handle")
        assert proving.next_look_s() > 0
    with pytest.raises(ProofUnavailable):
        await proving.check("token", b"another run's")
    with pytest.raises(ProofUnavailable):
        await proving.check("token", b"")


async def test_a_token_may_be_late_for_ten_minutes_after_the_cluster_was_asked_last(
    proving: Proving, now: list[float]
):
    await proving.check("token", b"handle")
    now[0] = 3000.0
    proving.proof = FakeProof(AWAY)
    await proving.check("token", b"handle")
    proving.proof = FakeProof(LATE)
    now[0] = 3599.0
    await proving.check("token", b"handle")
    with pytest.raises(LateProof):
        await proving.check("token", b"another run's")
    now[0] = 3601.0
    with pytest.raises(LateProof):
        await proving.check("token", b"handle")


async def test_a_token_that_is_late_proves_nobody_who_is_new(proving: Proving):
    proving.proof = FakeProof(LATE)
    with pytest.raises(UnprovenHost):
        await proving.check("token", b"handle")


async def test_a_refusal_counts_whoever_was_proven_before(proving: Proving):
    await proving.check("token", b"handle")
    proving.proof = FakeProof(UnprovenHost("its token is of a pod on node edge-8"))
    with pytest.raises(UnprovenHost):
        await proving.check("token", b"handle")
