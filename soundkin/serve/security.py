"""Who may ask, and the headers of every answer.

A page of another site can make this user's browser send requests to a server on this machine, and
with DNS rebinding even read the answers. So every request must name a host that is this server's, an
`Origin` must be this server's own, and requests a browser marks as cross-site reach no data. Without a
token only this machine is served; with one, every request must carry it: ``Authorization: Bearer``, or
the cookie that opening ``/?token=...`` once sets.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response

from soundkin.errors import InputError
from soundkin.serve.headers import SECURITY_HEADERS
from soundkin.serve.problems import problem_of, respond

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/health", "/ready"})
"""What says one word to anybody: balancers have no token and ask by address."""

COOKIE_SECONDS = 30 * 24 * 3600

LOGIN_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Soundkin</title>
<h1>Soundkin</h1><p>This library asks for its token. Open the address that the server printed when it
started, or enter the token here.</p>
<form action="/" method="get"><label>Token <input name="token" type="password" autocomplete="off"
required autofocus></label> <button>Open</button></form></html>"""


class Refused(InputError):  # noqa: N818 - as in soundkin.errors
    """A request from where none may come."""

    code = "refused"
    http_status = 403


class Unauthorised(InputError):  # noqa: N818 - as in soundkin.errors
    """A request without the token, or with a wrong one."""

    code = "unauthorised"
    http_status = 401


def host_name(host_header: str) -> str:
    """Return the name or address in a Host header: lower case, no port, no brackets.

    >>> host_name("[::1]:8765"), host_name("Localhost:8765"), host_name("localhost."), host_name("")
    ('::1', 'localhost', 'localhost', '')
    """
    try:
        return (urlsplit(f"//{host_header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Say whether a bind address, or a peer's, is this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("::1")
    (True, True, False, True)
    """
    address = _address(host)
    return address.is_loopback if address else host == "localhost"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return a literal address, or None for a name."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


class Guard:
    """ASGI middleware: refuses what must not come in, and sets the headers of what goes out.

    token: None serves this machine alone. allowed_hosts: names and addresses that a Host header may
    carry; with a token any literal address may stand there too, for no rebinding can forge one.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, allowed_hosts: Collection[str]) -> None:
        self.app = app
        self.token = token
        self.allowed_hosts = frozenset(host.lower() for host in allowed_hosts)
        digest = hashlib.sha256((token or "").encode()).hexdigest()
        self.cookie = f"soundkin_{digest[:8]}"
        self.secret = hmac.new((token or "").encode(), b"cookie", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer: ASGIApp
        try:
            self.check(scope, headers)
            answer = self._login(scope) or self.app
        except Unauthorised as problem:
            answer = self._ask(scope, problem)
        except InputError as problem:
            answer = _refusal(problem)
        await answer(scope, receive, _with_headers(send))

    def check(self, scope: Scope, headers: Headers) -> None:
        """Raise :class:`Refused` or :class:`Unauthorised` when this request must not be answered."""
        if scope["path"] in OPEN_PATHS and scope["method"] == "GET":
            return
        self._check_host(headers.get("host", ""))
        self._check_origin(scope, headers)
        self._check_peer(scope)
        if self.token is not None and not self._knows_token(headers) and not self._login(scope):
            raise Unauthorised(
                "this request carries no valid token",
                "the header 'Authorization: Bearer TOKEN'",
                "open the address with ?token=... that the server printed",
            )

    def _check_host(self, header: str) -> None:
        host = host_name(header)
        if host in self.allowed_hosts or (self.token is not None and _address(host) is not None):
            return
        raise Refused(
            f"the request names the host {header[:100]!r}",
            f"one of {sorted(self.allowed_hosts)}",
            "open the page under such a name, or serve it with --allow-host",
        )

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        own = f"{scope.get('scheme', 'http')}://{headers.get('host', '')}".lower()
        origin = headers.get("origin")
        todo = "open Soundkin's own page"
        if origin is not None and origin.lower() != own:
            raise Refused(f"the request comes from a page of {origin[:100]!r}", f"{own!r}", todo)
        foreign = headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}
        if foreign and scope["path"].startswith("/api"):
            raise Refused("the request comes from a page of another site", f"{own!r}", todo)

    def _check_peer(self, scope: Scope) -> None:
        peer = scope.get("client")
        if self.token is None and peer is not None and not is_loopback(peer[0]):
            raise Refused(
                f"the request comes from {peer[0]}",
                "this machine",
                "serve with a token to share it",
            )

    def _knows_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self.token or ""):
            return True
        return _same(cookie_parser(headers.get("cookie", "")).get(self.cookie, ""), self.secret)

    def _login(self, scope: Scope) -> Response | None:
        """Return the redirect that sets the cookie when ``/?token=...`` is opened with the right one."""
        if self.token is None or scope["path"] != "/" or scope["method"] != "GET":
            return None
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if not any(name == "token" and _same(value, self.token) for name, value in pairs):
            return None
        rest = urlencode([(name, value) for name, value in pairs if name != "token"])
        answer = RedirectResponse(f"/?{rest}" if rest else "/", 303, {"Cache-Control": "no-store"})
        secure = scope.get("scheme") == "https"
        answer.set_cookie(
            self.cookie,
            self.secret,
            COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        return answer

    @staticmethod
    def _ask(scope: Scope, problem: Unauthorised) -> Response:
        if scope["path"] == "/" and scope["method"] == "GET":
            return HTMLResponse(LOGIN_PAGE, 401)
        answer = _refusal(problem)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer


def _refusal(problem: InputError) -> Response:
    """Return a refusal as the body that every error has."""
    return respond(problem_of(problem), problem.http_status)


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds the security headers to the start of every answer."""

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
        await send(message)

    return sender


def _same(given: str, wanted: str) -> bool:
    """Compare two secrets without telling by the time taken where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())
