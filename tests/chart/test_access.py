"""Who may do what in a release: the console looks, people sign in at the spooler, the cluster is asked where that is wanted."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from chassis.errors import AccessDenied
from chassis.identity import Identity, Kind, Role, RoleMap, included
from chassis.settings_sources import load
from portui.settings import PortuiSettings
from printfabric_client.command.check import check_command
from spooler.api.rights import METHODS, Right, authorize, everybody
from spooler.settings import SpoolerSettings
from tests.chart.rendering import MATRIX, Object, objects, pods, texts, values_of

CONSOLES = [name for name in MATRIX if "console" in values_of(name).get("portui", {})]
CONSOLE = Identity(Kind.CERTIFICATE, "spiffe://print-fabric/portui")


def toml(release: list[Object], service: str) -> str:
    (text,) = [
        str(one["data"][f"{service}.toml"])
        for one in release
        if one["kind"] == "ConfigMap" and f"{service}.toml" in one["data"]
    ]
    return text


def spooler(values: Object) -> SpoolerSettings:
    return SpoolerSettings(**tomllib.loads(toml(objects(values), "spooler")))


def portui(values: Object) -> PortuiSettings:
    return PortuiSettings(**tomllib.loads(toml(objects(values), "portui")))


def granted(settings: SpoolerSettings, caller: Identity) -> Identity:
    """Return a caller with the roles that a spooler of these settings gives it, as `chassis.authentication` does."""
    access = settings.server.access
    bindings = [(one.role, one.callers, one.printers) for one in access.on_printers]
    return RoleMap(access.roles, bindings, everybody(settings.everybody)).grant(caller)


def pod_of(release: list[Object], component: str) -> Object:
    (pod,) = [pod for name, pod in pods(release) if name.endswith(f"-{component}")]
    return pod


def mounted(pod: Object, file: Path) -> tuple[str, str]:
    """Return the Secret and the key that a file of a pod is."""
    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if Path(one["mountPath"]) == file.parent]
    (volume,) = [one for one in pod["volumes"] if one["name"] == mount["name"]]
    (item,) = volume["secret"]["items"]
    assert item["path"] == file.name
    # No subPath: a changed Secret reaches a pod that runs. Root's, and our group's to read.
    assert "subPath" not in mount
    assert volume["secret"]["defaultMode"] == 0o440
    return volume["secret"]["secretName"], item["key"]


@pytest.mark.parametrize("name", MATRIX)
def test_the_consoles_certificate_looks_and_does_nothing_else(name: str):
    console = granted(spooler(values_of(name)), CONSOLE)
    assert console.roles == included(Role.VIEWER)
    for method, right in METHODS.items():
        if right in (Right.ASK, Right.SEE):
            authorize(console, method)
        else:
            with pytest.raises(AccessDenied):
                authorize(console, method)


def test_the_releases_own_test_may_look_and_no_more():
    settings = spooler({"access": {"everybody": "none"}})
    tester = Identity(Kind.CERTIFICATE, "spiffe://print-fabric/spooler")
    assert granted(settings, tester).roles == included(Role.VIEWER)
    (pod,) = [pod for name, pod in pods(objects({})) if name.endswith("-test")]
    (volume,) = pod["volumes"]
    assert volume["secret"]["secretName"] == "fabric-print-fabric-spooler-tls"


def test_the_releases_own_test_expects_hosts_where_there_are_to_be_some():
    def command(values: Object) -> list[str]:
        (pod,) = [pod for name, pod in pods(objects(values)) if name.endswith("-test")]
        _, _, module, name, *words = pod["containers"][0]["command"]
        assert (module, name) == ("printfabric_client.command", "check")
        check_command.make_context(name, list(words)).close()  # it understands them
        return [str(word) for word in words]

    assert command({})[-1] == "--hosts=1"
    assert command({"helmTest": {"hosts": 3}})[-1] == "--hosts=3"
    # Its port monitors are hosts of another release.
    elsewhere = {"portmon": {"dialOut": {"enabled": True, "spoolers": ["spool.example:443"]}}}
    assert command({**elsewhere, "cluster": {"tokenAudience": "spool"}})[-1] == "--hosts=0"


def test_without_a_console_nobody_has_its_role():
    settings = spooler({"portui": {"enabled": False}, "access": {"everybody": "none"}})
    assert granted(settings, CONSOLE).roles == frozenset()


def test_roles_are_whose_the_values_say():
    settings = spooler(values_of("sign-in"))

    def roles(kind: Kind, name: str, *groups: str) -> frozenset[Role]:
        return granted(settings, Identity(kind, name, frozenset(groups))).roles

    assert roles(Kind.OIDC, "ada", "sso:print-admins") == included(Role.ADMINISTRATOR)
    assert roles(Kind.OIDC, "bob", "sso:warehouse") == included(Role.OPERATOR)
    assert roles(Kind.OIDC, "eve") == included(Role.USER)
    assert roles(Kind.WORKLOAD, "shop/web") == included(Role.VIEWER)
    assert roles(Kind.CERTIFICATE, "spiffe://print-fabric/portmon") == frozenset()
    cook = granted(settings, Identity(Kind.OIDC, "kim", frozenset({"sso:kitchen"})))
    assert cook.has(Role.OPERATOR, "kitchen-2")
    assert not cook.has(Role.OPERATOR, "labels")


def test_console_and_spooler_believe_the_same_provider():
    at_console, at_spooler = portui(values_of("sign-in")), spooler(values_of("sign-in"))
    assert at_console.oidc is not None
    (provider,) = at_spooler.server.access.oidc
    assert provider.issuer == at_console.oidc.issuer
    assert provider.audiences == (at_console.oidc.client_id, "print-programs")
    assert provider.prefix == "sso:"
    assert (provider.name_claim, provider.groups_claim) == ("preferred_username", "roles")
    assert at_console.oidc.title == 'The shop\'s "own"'


def test_the_spooler_keeps_to_the_limits_that_the_values_say():
    given = spooler(values_of("gateway")).server
    limits = given.limits
    assert (limits.calls_per_s, limits.calls_at_once, limits.streams) == (50, 500, 200)
    assert given.max_message_bytes == 1 << 20
    unsaid, usual = spooler({}).server, SpoolerSettings().server
    assert (unsaid.limits, unsaid.max_message_bytes) == (usual.limits, usual.max_message_bytes)


def test_the_consoles_secret_at_the_provider_comes_by_the_environment(tmp_path: Path):
    release = objects(values_of("sign-in"))
    (variable,) = pod_of(release, "portui")["containers"][0]["env"]
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "print-oidc", "key": "secret"}
    config = tmp_path / "portui.toml"
    config.write_text(toml(release, "portui"), "utf-8")
    settings = load(PortuiSettings, [f"--config={config}"], {variable["name"]: "hush"})
    assert settings.oidc is not None
    assert settings.oidc.client_secret is not None
    assert settings.oidc.client_secret.get_secret_value() == "hush"
    assert settings.oidc.client_id == "print-console"


@pytest.mark.parametrize(("name", "key"), [("sign-in", "users"), ("users", "people")])
def test_the_user_file_is_the_secrets(name: str, key: str):
    file = spooler(values_of(name)).sign_in.user_file
    assert file is not None
    assert mounted(pod_of(objects(values_of(name)), "spooler"), file) == ("print-users", key)


def test_several_consoles_seal_sessions_with_the_secrets_key():
    settings = portui(values_of("sign-in"))
    assert settings.session_key_file is not None
    pod = pod_of(objects(values_of("sign-in")), "portui")
    assert mounted(pod, settings.session_key_file) == ("print-session", "session-key")
    assert settings.idle_s == 900


def test_a_console_is_served_only_under_its_origin():
    assert portui({}).web_listen is None
    settings = portui(values_of("custom-resources"))
    assert settings.web_origin == "https://printers.example.com"
    assert settings.sign_in_always
    assert settings.web_listen == "0.0.0.0:26154"


@pytest.mark.parametrize("name", CONSOLES)
def test_the_way_from_an_ingress_to_the_console_is_tls_unless_the_values_say_plain(name: str):
    release, settings = objects(values_of(name)), portui(values_of(name))
    services = {one["metadata"]["name"]: one["spec"] for one in release if one["kind"] == "Service"}
    (port,) = [one for one in services["fabric-print-fabric-portui"]["ports"] if one["name"] == "web"]
    ingresses = [one["metadata"] for one in release if one["kind"] == "Ingress"]
    if values_of(name)["portui"]["console"].get("plaintext"):
        assert settings.web_tls is None
        assert settings.web_plaintext
        assert port["appProtocol"] == "http"
        return
    assert settings.web_tls is not None
    mounts = pod_of(release, "portui")["containers"][0]["volumeMounts"]
    assert str(settings.web_tls.cert_file.parent) in {mount["mountPath"] for mount in mounts}
    assert port["appProtocol"] == "https"
    for one in ingresses:
        assert one["annotations"]["nginx.ingress.kubernetes.io/backend-protocol"] == "HTTPS"


@pytest.mark.parametrize(
    ("proof", "cluster", "resources"),
    [
        ("token", {}, ["tokenreviews"]),
        ("certificate", {}, []),
        ("certificate", {"tokenAudience": "print"}, ["tokenreviews"]),
        ("certificate", {"accessReviews": True}, ["subjectaccessreviews"]),
        (
            "token",
            {"tokenAudience": "print", "accessReviews": True},
            ["tokenreviews", "subjectaccessreviews"],
        ),
    ],
    ids=str,
)
def test_rights_in_the_whole_cluster_are_those_that_are_asked_for(
    proof: str, cluster: Object, resources: list[str]
):
    portmon = values_of("own-certificates")["portmon"] if proof == "certificate" else {}
    release = objects({"cluster": cluster, "portmon": portmon})
    rules = [rule for one in release if one["kind"] == "ClusterRole" for rule in one["rules"]]
    assert [rule["resources"] for rule in rules] == [[name] for name in resources]
    assert all(rule["verbs"] == ["create"] for rule in rules)
    bound = [one["roleRef"]["name"] for one in release if one["kind"] == "ClusterRoleBinding"]
    assert bound == [one["metadata"]["name"] for one in release if one["kind"] == "ClusterRole"]
    section = spooler({"cluster": cluster}).cluster
    assert section.token_audience == cluster.get("tokenAudience", "")
    assert section.access_namespace == ("print" if cluster.get("accessReviews") else "")


def test_two_namespaces_have_cluster_roles_of_their_own():
    values = {"cluster": {"accessReviews": True}}
    names = {
        one["metadata"]["name"]
        for namespace in ("print", "shop")
        for one in objects(values, namespace=namespace)
        if one["kind"] == "ClusterRole"
    }
    assert len(names) == 2


def test_a_certificate_is_asked_of_every_caller_unless_the_values_let_tokens_suffice():
    for values, asked in (({}, True), ({"access": {"requireClientCertificate": False}}, False)):
        at_spooler, at_console = spooler(values).server.tls, portui(values).server.tls
        assert at_spooler is not None
        assert at_spooler.require_client_certificate is asked
        assert at_console is not None
        assert at_console.require_client_certificate


@pytest.mark.parametrize(
    ("cidrs", "to"), [(["198.51.100.0/24"], [{"ipBlock": {"cidr": "198.51.100.0/24"}}]), ([], None)], ids=str
)
def test_the_way_to_the_provider_is_open_for_spooler_and_console(cidrs: list[str], to: list[Object] | None):
    values = values_of("sign-in")
    values["networkPolicy"]["providerCidrs"] = cidrs
    for one in objects(values):
        if one["kind"] == "NetworkPolicy":
            found = [
                rule.get("to")
                for rule in one["spec"]["egress"]
                if {"port": 8443, "protocol": "TCP"} in rule.get("ports", ())
            ]
            assert found == ([] if one["metadata"]["name"].endswith("-portmon") else [to])


def test_who_cannot_sign_in_is_told_how_people_get_rights():
    def notes(values: Object) -> str:
        (text,) = [text for path, text in texts(values).items() if path.endswith("NOTES.txt")]
        return text

    assert notes({}).count("Nobody can sign in, so the console lets nobody change anything: ") == 1
    assert "Nobody can sign in" not in notes(values_of("users"))
    assert "Nobody can sign in" not in notes(values_of("sign-in"))
    assert "Nobody may administer yet" not in notes(values_of("users"))
    assert "signs people out" in notes(values_of("users"))
    assert "signs people out" not in notes(values_of("sign-in"))
