"""Who is answered and who is not, and what every answer says to the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soundkin.facade import Library
from soundkin.serve import create_app
from soundkin.serve.headers import SECURITY_HEADERS
from tests.serve.live import ask

if TYPE_CHECKING:
    from fastapi import FastAPI

TOKEN = "a-token-of-24-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def shared(library: Library) -> FastAPI:
    """An app that asks for a token, as one bound to every address does."""
    return create_app(library, token=TOKEN, allowed_hosts={"studio", "localhost"})


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8765", "127.0.0.1:1", "[::1]:8765", "LOCALHOST"]
)
def test_own_names_are_answered(app: FastAPI, host: str) -> None:
    assert ask(app, "/api/health", headers={"Host": host}).json()["status"] == "ok"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.9", "", "["],
)
@pytest.mark.parametrize("path", ["/", "/api/health", "/api/library", "/assets/x.js"])
def test_a_rebound_name_is_refused(app: FastAPI, host: str, path: str) -> None:
    answer = ask(app, path, headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "refused"
    assert "sounds" not in answer.text


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:9999", "null", "https://localhost:8765"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_foreign_origin_is_refused(app: FastAPI, origin: str, method: str) -> None:
    path = "/api/library" if method == "GET" else "/api/index"
    answer = ask(app, path, method=method, headers={"Origin": origin}, json={"folder": "/"})
    assert answer.status_code == 403


def test_its_own_origin_is_answered(app: FastAPI) -> None:
    assert ask(app, "/api/library", headers={"Origin": "http://localhost:8765"}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_marks_as_foreign_reaches_no_data(app: FastAPI, site: str) -> None:
    marked = {"Sec-Fetch-Site": site}
    assert ask(app, "/api/library", headers=marked).status_code == 403
    assert ask(app, "/", headers=marked).status_code != 403, "a link to the page may be followed"


@pytest.mark.parametrize("peer", ["192.168.1.9", "10.0.0.1", "2001:db8::1", "::ffff:192.168.1.9"])
def test_without_a_token_only_this_machine_is_served(app: FastAPI, peer: str) -> None:
    answer = ask(app, "/api/library", peer=peer)
    assert answer.status_code == 403
    assert "token" in answer.json()["error"]["todo"]


def test_with_a_token_others_are_served_too(shared: FastAPI) -> None:
    for host in ("http://studio:8765", "http://192.168.1.2:8765", "http://[2001:db8::2]:8765"):
        answer = ask(shared, "/api/health", host=host, peer="192.168.1.9", headers=BEARER)
        assert answer.status_code == 200, host


def test_with_a_token_a_foreign_name_is_still_refused(shared: FastAPI) -> None:
    assert ask(shared, "/api/health", host="http://evil.example", headers=BEARER).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer"},
        {"Cookie": f"soundkin={TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/api/library", "/api/events", "/assets/x.js", "/api/openapi.json"]
)
def test_without_the_token_nothing_is_answered(
    shared: FastAPI, headers: dict[str, str], path: str
) -> None:
    answer = ask(shared, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "unauthorised"


def test_the_page_asks_for_the_token(shared: FastAPI) -> None:
    answer = ask(shared, "/")
    assert answer.status_code == 401
    assert 'name="token"' in answer.text


def test_opening_the_page_with_the_token_sets_a_cookie_that_is_enough(shared: FastAPI) -> None:
    answer = ask(shared, f"/?q=kick&token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?q=kick", "the token must leave the address bar"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert "Secure" not in cookie
    name_and_value = cookie.partition(";")[0]
    kept = {"Cookie": f'odd="{{1}}"; {name_and_value}'}
    assert ask(shared, "/api/library", headers=kept).status_code == 200
    assert ask(shared, "/api/library", headers={"Cookie": name_and_value[:-1]}).status_code == 401


def test_over_https_the_cookie_is_secure(shared: FastAPI) -> None:
    answer = ask(shared, f"/?token={TOKEN}", host="https://studio")
    assert "Secure" in answer.headers["set-cookie"]


def test_a_wrong_token_in_the_address_sets_nothing(shared: FastAPI) -> None:
    answer = ask(shared, "/?token=wrong")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/api/library", "/api/nowhere", "/assets/nowhere.js"])
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_every_answer_carries_the_headers(app: FastAPI, path: str, host: str) -> None:
    answer = ask(app, path, headers={"Host": host})
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value


def test_a_failure_of_the_server_carries_them_too(
    app: FastAPI, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Library) -> None:
        raise RuntimeError("the inside of the machine")

    monkeypatch.setattr(Library, "roots", fail)
    answer = ask(app, "/api/roots", raises=False)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "inside of the machine" not in answer.text
    assert answer.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]


def test_no_policy_lets_anything_in_from_elsewhere() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    for loose in ("unsafe-inline", "unsafe-eval", "http:", "https:", "*"):
        assert loose not in policy
