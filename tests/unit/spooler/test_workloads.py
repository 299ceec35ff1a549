from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from chassis.auth_errors import IssuerUnavailable, TokenExpired, TokenInvalid, TokenWrongAudience
from chassis.identity import NOBODY, Identity, Kind, PrinterRole, Role, included
from spooler.access.cluster_rights import ClusterRights
from spooler.access.workloads import Workloads
from spooler.api.host_proof import is_host

AUDIENCE = "print-fabric-spooler"
USER = {
    "username": "system:serviceaccount:print:portmon",
    "groups": ["system:serviceaccounts", "system:serviceaccounts:print"],
    "extra": {"authentication.kubernetes.io/node-name": ["edge-7"]},
}


def token(number: int = 0, **claims: object) -> str:
    said = {"aud": [AUDIENCE], "exp": 2000, "kubernetes.io": {"namespace": "print"}, "n": number, **claims}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip('=')}.c2ln"


class FakeCluster:
    """Answers as told, counts, and can be away."""

    def __init__(self, **status: Any) -> None:
        self.status = status or {"authenticated": True, "user": USER, "audiences": [AUDIENCE]}
        self.rules: set[tuple[str, str, str]] = set()  # user or group, verb, printer
        self.asked = 0
        self.away = False

    async def token(self, token: str, audience: str) -> Mapping[str, Any]:
        self._ask()
        return self.status

    async def may(self, user: str, groups: Sequence[str], attributes: Mapping[str, str]) -> bool:
        self._ask()
        assert (attributes["group"], attributes["resource"], attributes["namespace"]) == (
            "printfabric.dev", "printers", "print",
        )  # fmt: skip
        return any(
            (who, attributes["verb"], name) in self.rules
            for who in (user, *groups)
            for name in {attributes.get("name", "*"), "*"}
        )

    def _ask(self) -> None:
        self.asked += 1
        if self.away:
            raise IssuerUnavailable("the cluster cannot be asked")


async def test_a_pod_is_its_service_account_on_its_node():
    proven = await Workloads(FakeCluster(), AUDIENCE, lambda: 1000.0).verify(token(), NOBODY)
    assert proven is not None
    assert (proven.kind, proven.name) == (Kind.WORKLOAD, "print/portmon")
    assert "node:edge-7" in proven.groups


async def test_an_answer_of_the_cluster_is_kept_a_minute_and_a_refusal_ten_seconds():
    now = [1000.0]
    cluster = FakeCluster()
    workloads = Workloads(cluster, AUDIENCE, lambda: now[0])
    for moment in (1000.0, 1059.0):
        now[0] = moment
        await workloads.verify(token(), NOBODY)
    assert cluster.asked == 1
    now[0] = 1061.0
    await workloads.verify(token(), NOBODY)
    assert cluster.asked == 2
    cluster.status = {"authenticated": False}
    for moment in (1061.0, 1070.0, 1072.0):
        now[0] = moment
        with pytest.raises(TokenInvalid):
            await workloads.verify(token(1), NOBODY)
    assert cluster.asked == 4


async def test_what_a_token_says_against_itself_needs_no_question():
    cluster = FakeCluster()
    workloads = Workloads(cluster, AUDIENCE, lambda: 1000.0)
    for audience in (["https://kubernetes"], "x", None, [7]):
        with pytest.raises(TokenWrongAudience):
            await workloads.verify(token(aud=audience), NOBODY)
    for expires in (999, None, "soon", float("nan"), -(10**400)):
        with pytest.raises(TokenExpired):
            await workloads.verify(token(exp=expires), NOBODY)
    plain = f"e30.{base64.urlsafe_b64encode(b'{}').decode()}.c2ln"
    for other in (
        "opaque",
        "a.b.c",
        plain,
        "e30.W10.x",
        "x" * 20_000,
        "..",
        "a.ä.c",
    ):
        assert await workloads.verify(other, NOBODY) is None
    assert cluster.asked == 0


@pytest.mark.parametrize(
    "status",
    [
        {"authenticated": False, "error": "token is unknown"},
        {"authenticated": True, "user": USER},  # it knows no audiences: proven for anybody
        {"authenticated": True, "user": USER, "audiences": ["another"]},
        {"authenticated": True, "user": {"username": "kubernetes-admin"}, "audiences": [AUDIENCE]},
        {"authenticated": "true", "user": USER, "audiences": [AUDIENCE]},
        {"error": "?"},
    ],
)
async def test_a_token_that_the_cluster_does_not_prove_for_us_is_nobodys(status):
    with pytest.raises(TokenInvalid):
        await Workloads(FakeCluster(**status), AUDIENCE, lambda: 1000.0).verify(token(), NOBODY)


async def test_while_the_cluster_is_away_known_tokens_are_good_and_new_ones_wait():
    cluster = FakeCluster()
    workloads = Workloads(cluster, AUDIENCE, lambda: 1000.0)
    await workloads.verify(token(), NOBODY)
    cluster.away = True
    assert await workloads.verify(token(), NOBODY) is not None
    with pytest.raises(IssuerUnavailable):
        await workloads.verify(token(1), NOBODY)


async def test_tokens_are_remembered_in_bounds_and_not_as_they_are(monkeypatch):
    monkeypatch.setattr("spooler.access.workloads._REMEMBERED", 2)
    workloads = Workloads(FakeCluster(), AUDIENCE, lambda: 1000.0)
    for number in range(5):
        await workloads.verify(token(number), NOBODY)
    assert len(workloads._known) == 2
    assert token(4) not in repr(workloads._known)


# --- rights by the cluster's rules

ADA = Identity(Kind.OIDC, "ada", frozenset({"kitchen"}))


def rights(cluster: FakeCluster, *printers: str, now: list[float] | None = None) -> ClusterRights:
    clock = now or [1000.0]
    return ClusterRights(cluster, "print", printers, lambda: clock[0])


@pytest.mark.parametrize(
    ("verb", "role"),
    [
        ("get", Role.VIEWER),
        ("print", Role.USER),
        ("manage-documents", Role.OPERATOR),
        ("administer", Role.ADMINISTRATOR),
    ],
)
async def test_a_rule_about_all_printers_gives_its_role_on_everything(verb, role):
    cluster = FakeCluster()
    cluster.rules = {("kitchen", verb, "*")}
    assert (await rights(cluster).grant(ADA)).roles == included(role)


async def test_a_rule_that_names_a_printer_gives_its_role_there():
    cluster = FakeCluster()
    cluster.rules = {("ada", "print", "*"), ("ada", "manage-documents", "bar"), ("ada", "print", "bar")}
    granted = await rights(cluster, "bar", "labels").grant(ADA)
    assert granted.roles == included(Role.USER)
    assert granted.on_printers == {PrinterRole(role, "bar") for role in included(Role.OPERATOR)}
    assert granted.has(Role.OPERATOR, "BAR")
    assert not granted.has(Role.OPERATOR, "labels")


async def test_a_pod_is_asked_about_by_its_name_in_the_cluster():
    cluster = FakeCluster()
    cluster.rules = {("system:serviceaccount:shop:till", "print", "*")}
    granted = await rights(cluster).grant(Identity(Kind.WORKLOAD, "shop/till"))
    assert granted.roles == included(Role.USER)


@pytest.mark.parametrize(
    "eve",
    [
        Identity(Kind.OIDC, "eve", frozenset({"system:masters"})),
        Identity(Kind.OIDC, "system:serviceaccount:shop:till"),
    ],
)
async def test_a_provider_cannot_give_names_that_are_the_clusters_own(eve):
    cluster = FakeCluster()
    cluster.rules = {
        ("system:masters", "administer", "*"),
        ("system:serviceaccount:shop:till", "administer", "*"),
    }
    assert (await rights(cluster).grant(eve)).roles == frozenset()


async def test_answers_are_kept_five_minutes_for_yes_and_half_a_minute_for_no():
    now, cluster = [1000.0], FakeCluster()
    cluster.rules = {("ada", "manage-documents", "*")}
    found = rights(cluster, now=now)
    for moment, asked in ((1000.0, 2), (1029.0, 2), (1031.0, 3), (1062.0, 4), (1301.0, 6)):
        now[0] = moment
        assert (await found.grant(ADA)).roles == included(Role.OPERATOR)
        assert cluster.asked == asked


async def test_while_the_cluster_is_away_the_roles_of_the_settings_stay_and_no_others_come():
    cluster = FakeCluster()
    cluster.rules, cluster.away = {("ada", "administer", "*")}, True
    mine = Identity(Kind.OIDC, "ada", roles=included(Role.USER))
    with capture_logs() as lines:
        assert await rights(cluster).grant(mine) == mine
    assert [line["event"] for line in lines] == ["the cluster gives no roles now"]


async def test_nobody_is_asked_about_who_brought_no_token_of_a_provider():
    cluster = FakeCluster()
    for kind in (Kind.LOCAL, Kind.TOKEN, Kind.CERTIFICATE, Kind.NOBODY):
        await rights(cluster).grant(Identity(kind, "ada"))
    assert cluster.asked == 0


def test_a_pod_speaks_for_the_host_that_is_its_node_whatever_its_name():
    pod = Identity(Kind.WORKLOAD, "print/edge-8", frozenset({"node:edge-7", "edge-9"}))
    assert is_host(pod, "edge-7")
    assert not is_host(pod, "portmon")
    somebody = Identity(Kind.OIDC, "edge-8", frozenset({"node:edge-7"}))
    assert not is_host(somebody, "edge-7")
