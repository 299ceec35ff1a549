"""People sign in at a real OpenID provider; the spooler believes what it signed, once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from chassis import auth_errors, errors
from chassis.settings import AccessSettings
from printfabric.spooler.v1 import access_service_pb2 as pb
from printfabric.spooler.v1 import printer_service_pb2 as printers_pb
from tests.fabric.spooler_rig import SpoolerRig, spooler_running
from tests.rig.openid_provider import CLIENT, OpenIdProvider, openid_provider


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider({"ada": ["print-admins"], "olga": ["kitchen"], "ann": []}) as running:
        yield running


def access(provider: OpenIdProvider) -> AccessSettings:
    return AccessSettings.model_validate(
        {
            "trust_loopback": "never",
            "oidc": [{"issuer": provider.issuer, "audiences": [CLIENT]}],
            "roles": {"administrator": ["group:print-admins"]},
            "on_printers": [{"role": "operator", "callers": ["group:kitchen"], "printers": ["kitchen-*"]}],
        }
    )


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def brought(provider: OpenIdProvider, person: str, **how: str) -> str:
    """Return a person's ID token; they go through the provider's pages in a thread."""
    return await asyncio.to_thread(provider.id_token, person, **how)


async def sign_in(rig: SpoolerRig, token: str, nonce: str = "") -> Any:
    return await rig.access.SignIn(pb.SignInRequest(id_token=pb.IdToken(token=token, nonce=nonce)))


async def test_a_person_of_the_provider_signs_in_and_has_the_roles_of_their_groups(tmp_path, provider):
    async with spooler_running(tmp_path, access=access(provider)) as rig:
        for name in ("kitchen-1", "labels"):
            await rig.add_printer(name)
        options = await rig.access.GetSignInOptions(pb.GetSignInOptionsRequest())
        assert (options.needed, options.local) == (True, False)
        assert [(one.issuer, list(one.audiences)) for one in options.issuers] == [(provider.issuer, [CLIENT])]

        ada = bearer((await sign_in(rig, await brought(provider, "ada", nonce="n1"), "n1")).session_token)
        who = (await rig.access.WhoAmI(pb.WhoAmIRequest(), metadata=ada)).caller
        assert (who.kind, who.name, who.owner) == (pb.CALLER_KIND_OIDC, "ada", "oidc:ada")
        assert list(who.groups) == ["print-admins"]
        assert pb.ROLE_ADMINISTRATOR in who.roles

        olga = bearer((await sign_in(rig, await brought(provider, "olga"))).session_token)
        who = (await rig.access.WhoAmI(pb.WhoAmIRequest(), metadata=olga)).caller
        assert pb.PrinterRole(role=pb.ROLE_OPERATOR, printers="kitchen-*") in who.printer_roles
        await rig.printers.PausePrinter(
            printers_pb.PausePrinterRequest(name="printers/kitchen-1"), metadata=olga
        )
        with pytest.raises(errors.AccessDenied):
            await rig.printers.PausePrinter(
                printers_pb.PausePrinterRequest(name="printers/labels"), metadata=olga
            )


async def test_a_program_may_bring_the_providers_token_with_each_call(tmp_path, provider):
    async with spooler_running(tmp_path, access=access(provider)) as rig:
        token = bearer(await brought(provider, "ann"))
        for _ in range(2):
            who = (await rig.access.WhoAmI(pb.WhoAmIRequest(), metadata=token)).caller
            assert (who.owner, list(who.roles)) == ("oidc:ann", [pb.ROLE_VIEWER, pb.ROLE_USER])


async def test_an_id_token_opens_one_session_ever(tmp_path, provider):
    token = await brought(provider, "ada")
    async with spooler_running(tmp_path, access=access(provider)) as rig:
        await sign_in(rig, token)
        with pytest.raises(auth_errors.TokenReplayed):
            await sign_in(rig, token)
    async with spooler_running(tmp_path, access=access(provider)) as rig:
        with pytest.raises(auth_errors.TokenReplayed):
            await sign_in(rig, token)


async def test_an_id_token_for_another_client_sign_in_or_of_another_provider_opens_nothing(
    tmp_path, provider
):
    foreign = {"issuer": "http://127.0.0.1:1", "audiences": [CLIENT]}
    elsewhere = AccessSettings.model_validate({"trust_loopback": "never", "oidc": [foreign]})
    async with spooler_running(tmp_path / "a", access=access(provider)) as rig:
        with pytest.raises(auth_errors.TokenWrongAudience):
            await sign_in(rig, await brought(provider, "ada", client="webshop"))
        with pytest.raises(auth_errors.TokenInvalid, match="nonce"):
            await sign_in(rig, await brought(provider, "ada", nonce="mine"), "another")
        with pytest.raises(auth_errors.TokenInvalid, match="nonce"):
            await sign_in(rig, await brought(provider, "ada"), "mine")
    async with spooler_running(tmp_path / "b", access=elsewhere) as rig:
        with pytest.raises(auth_errors.TokenWrongIssuer):
            await sign_in(rig, await brought(provider, "ada"))
