"""Signing in and out: a name and a password, or an OpenID provider; what came of it is the spooler's word."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis.auth_errors import TooManyRequests, WrongPassword
from chassis.errors import FabricError
from portui.person import Opened
from portui.web import oidc_flow, record, security
from portui.web.changes import sentence, text_of
from portui.web.rendering import back, console_of, page
from portui.web.sessions import FLOW_S

FLOW = "pf_flow"


async def sign_in(request: Request) -> Response:
    """Show how to sign in."""
    return _page(request, back(request.query_params.get("back", "/")))


def _page(request: Request, target: str, error: str = "", user: str = "") -> Response:
    console = console_of(request)
    options, provider = console.doorman.options, console.provider
    believed = provider is not None and provider.issuer in options.issuers
    return page(
        request,
        "sign_in.html",
        401 if error else 200,
        local=options.local,
        provider=(provider.title if provider and believed else ""),
        misled=provider.issuer if provider and not believed and options.issuers else "",
        back_to=target,
        error=error,
        user=user,
    )


async def by_password(request: Request, form: FormData) -> Response:
    """Sign in with a name and a password."""
    target, user = back(text_of(form, "back")), text_of(form, "user").strip()
    try:
        opened = await console_of(request).doorman.access.by_password(user, text_of(form, "password"))
    except WrongPassword as error:
        record.refused(request.scope, error.reason, error.message)
        return _page(request, target, "That name and password do not belong together.", user)
    except TooManyRequests as error:
        record.refused(request.scope, error.reason, error.message)
        wait = error.metadata.get("retry_after_s", "60")
        return _page(request, target, f"Too many tries. Wait {wait} s, then try again.", user)
    except FabricError as error:
        return _page(request, target, sentence(error), user)
    return _welcome(request, opened, target)


async def begin(request: Request) -> Response:
    """Leave for the provider."""
    console, target = console_of(request), back(request.query_params.get("back", "/"))
    if console.provider is None:
        return _page(request, target, "No OpenID provider is set up here.")
    try:
        address, flow = await console.provider.begin(target)
    except FabricError as error:
        return _page(request, target, sentence(error))
    response = RedirectResponse(address, 303)
    sealed = console.doorman.seals.seal(flow.as_dict())
    # Lax, for the way back is a link on the provider's page.
    _keep(request, response, FLOW, sealed, int(FLOW_S))
    return response


async def finish(request: Request) -> Response:
    """Come back from the provider: the code is for this browser's own flow, or nothing happens."""
    console, asked = console_of(request), request.query_params
    flow = oidc_flow.flow_of(console.doorman.seals.unseal(request.cookies.get(FLOW, ""), FLOW_S))
    if flow is None or not flow.state or asked.get("state") != flow.state or console.provider is None:
        record.refused(request.scope, "SIGN_IN_NOT_BEGUN", "the sign-in was not begun in this browser")
        return _page(
            request, "/", "That sign-in was not begun in this browser, or too long ago. Begin again."
        )
    if "code" not in asked:
        said = asked.get("error_description") or asked.get("error") or "it says nothing"
        return _page(request, flow.back, f"The provider did not let you in: {said[:200]}.")
    try:
        token = await console.provider.finish(asked["code"], flow)
        opened = await console.doorman.access.by_id_token(token, flow.nonce)
    except FabricError as error:
        record.refused(request.scope, error.reason, error.message)
        return _page(request, flow.back, sentence(error))
    response = _welcome(request, opened, flow.back)
    response.delete_cookie(FLOW, path="/")
    return response


def _welcome(request: Request, opened: Opened, target: str) -> Response:
    """Give the browser its session, and a new visit: what was known before signing in opens nothing afterwards."""
    response = RedirectResponse(back(target), 303)
    ends = opened.ends.timestamp() if opened.ends else 0.0
    sealed = console_of(request).doorman.seals.session(opened.token, ends)
    _keep(request, response, security.SESSION, sealed, None)
    security.renew_visit(response, secure=security.is_secure(request))
    return response


def _keep(request: Request, response: Response, name: str, value: str, max_age: int | None) -> None:
    secure = security.is_secure(request)
    response.set_cookie(name, value, max_age=max_age, path="/", httponly=True, samesite="lax", secure=secure)


async def sign_out(request: Request, _form: FormData) -> Response:
    """End the session."""
    session = security.session_of(request)
    if session is not None:
        await console_of(request).doorman.let_out(session)
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(security.SESSION, path="/")
    security.renew_visit(response, secure=security.is_secure(request))
    return response


async def alive(_request: Request) -> Response:
    """Answer a script whether its person is still let in; the threshold answers for who is not."""
    return Response(status_code=204)


def address_of(request: Request) -> str:
    """Return where somebody who is not let in signs in, and comes back to what they wanted to see."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET":
        # Back to the page on which the form was.
        seen = urlsplit(request.headers.get("referer", ""))
        wanted = seen.path or "/"
    return f"/sign-in?back={quote(wanted, safe='/')}"
