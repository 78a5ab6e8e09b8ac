"""Addresses of the web, and connections to those of the public net alone.

An address is looked at after its name was resolved, at the moment of connecting, so that no name leads into
a private network.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import urllib.request
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


class WebError(Exception):
    """Why something could not be had.

    reason: "not-there", "refused", "wrong-type", "too-large", "redirects" or "unreachable"; passing: it may
    be had later; after_s: the host said when.
    """

    def __init__(
        self, reason: str, message: str, *, passing: bool = False, after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.passing = passing
        self.after_s = after_s


def checked(url: str) -> None:
    """Raise `WebError` for what is no address of the web."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or any(c <= " " or c == "\x7f" for c in url):
        raise WebError("refused", "it is no address beginning with http:// or https://")


def host_of(url: str) -> str:
    """Return host and port of an address.

    >>> host_of("https://Example.org/a"), host_of("http://[::1]:8/a")
    ('example.org:443', '::1:8')
    """
    parts = urlsplit(url)
    return (
        f"{(parts.hostname or '').lower()}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    )


def is_public(address: str) -> bool:
    """Say whether an address is one of the public net.

    >>> [is_public(a) for a in ("8.8.8.8", "10.0.0.1", "::1", "::ffff:192.168.0.1", "169.254.169.254")]
    [True, False, False, False, False]
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return bool(mapped.is_global and not mapped.is_multicast)


def _connected(host: str, port: int, timeout_s: float | None, *, trusted: bool) -> socket.socket:
    """Return a socket to a host, on an address that was looked at."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    may = [info for info in found if trusted or is_public(str(info[4][0]))]
    if not may:
        raise WebError("refused", f"'{host}' is in a private network")
    last: OSError = OSError("no address")
    for family, kind, protocol, _, address in may:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout_s)
            connection.connect(address)
        except OSError as error:
            connection.close()
            last = error
        else:
            return connection
    raise last


class _Looks:
    """What both connections do: connect to addresses that were looked at."""

    def __init__(self, host: str, *, trusted: frozenset[str], proxied: bool, **how: Any) -> None:
        super().__init__(host, **how)  # type: ignore[call-arg]
        me: Any = self
        known = proxied or f"{me.host.strip('[]').lower()}:{me.port}" in trusted
        me._create_connection = lambda address, timeout, *_: _connected(
            address[0], address[1], timeout, trusted=known
        )


class _PlainConnection(_Looks, http.client.HTTPConnection):
    """HTTP."""


class _SecureConnection(_Looks, http.client.HTTPSConnection):
    """HTTPS."""


class _Plain(urllib.request.HTTPHandler):
    """Opens http addresses."""

    def __init__(self, trusted: frozenset[str]) -> None:
        super().__init__()
        self.trusted = trusted

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Open one."""
        how: Any = partial(_PlainConnection, trusted=self.trusted, proxied=request.has_proxy())
        return self.do_open(how, request)


class _Secure(urllib.request.HTTPSHandler):
    """Opens https addresses."""

    def __init__(self, trusted: frozenset[str]) -> None:
        super().__init__()
        self.trusted = trusted

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Open one."""
        proxied = bool(getattr(request, "_tunnel_host", None))
        how: Any = partial(_SecureConnection, trusted=self.trusted, proxied=proxied)
        return self.do_open(how, request)


def asked(
    url: str, headers: Mapping[str, str], *, timeout_s: float, trusted: frozenset[str]
) -> http.client.HTTPResponse:
    """Ask a host once and return whatever it answers. trusted: hosts that may be in a private network.

    Raises `WebError` for a private address, and as the connection does.
    """
    request = urllib.request.Request(url)  # noqa: S310 - `checked` has looked at the scheme
    for name, value in headers.items():
        request.add_unredirected_header(name, value)
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), _Plain(trusted), _Secure(trusted)):
        opener.add_handler(handler)
    response: http.client.HTTPResponse = opener.open(request, timeout=timeout_s)
    return response
