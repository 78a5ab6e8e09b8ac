"""The client has manners: it waits, goes on, stops at bounds, and never enters a private network."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from soundkin.library.sources.net import WebError, is_public
from soundkin.library.sources.robots import Robots
from soundkin.library.sources.web import Client, Manners, Stopped
from tests.library.sources.standin import Reply, StandIn, faults, sound, standing_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = Manners(gap_s=0.0, first_wait_s=0.01, tries=3, most_bytes=100_000, timeout_s=5.0)


@pytest.fixture(scope="module")
def web() -> Iterator[StandIn]:
    with standing_in() as served:
        yield served


@pytest.fixture
def client(web: StandIn) -> Client:
    web.asked.clear()
    return Client(QUICK, trusted=[web.base.removeprefix("http://")])


def test_a_file_comes_whole_and_once(web: StandIn, client: Client, tmp_path: Path) -> None:
    url = web.put("/a.wav", sound(1))
    got = client.fetch(url, tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == sound(1)
    assert (got.size, got.media_type, got.unchanged) == (len(sound(1)), "audio/wav", False)
    again = client.fetch(url, tmp_path / "b.wav", etag=got.etag)
    assert again.unchanged
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]
    assert web.asked[0][1]["user-agent"].startswith("Soundkin/")


def test_who_runs_it_can_be_told(
    web: StandIn, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDKIN_CONTACT", "ada@example.org\r\nX-Evil: 1")
    told = Client(replace(QUICK, agent=Manners().agent), trusted=client.trusted)
    told.fetch(web.put("/a.wav", sound(1)), tmp_path / "a.wav")
    assert web.asked[0][1]["user-agent"].endswith("; ada@example.orgX-Evil: 1)")
    assert "x-evil" not in web.asked[0][1]


@pytest.mark.parametrize("reason", list(faults(StandIn())))
def test_what_cannot_be_had(web: StandIn, client: Client, tmp_path: Path, reason: str) -> None:
    url = faults(web)[reason]()
    with pytest.raises(WebError) as raised:
        client.fetch(url, tmp_path / "a.wav")
    assert raised.value.reason == reason
    assert raised.value.passing == (reason == "unreachable")
    assert len(web.asked) == {"unreachable": 3, "redirects": 8}.get(reason, 1)
    assert list(tmp_path.iterdir()) == []


def test_too_much_without_a_length_is_too_much(
    web: StandIn, client: Client, tmp_path: Path
) -> None:
    url = web.put("/endless.wav", Reply(body=b"x" * 300_000, promises=False))
    with pytest.raises(WebError, match="100,000 are allowed"):
        client.fetch(url, tmp_path / "a.wav")


def test_a_cut_connection_goes_on_where_it_was_cut(
    web: StandIn, client: Client, tmp_path: Path
) -> None:
    data = sound(2)
    url = web.put("/b.wav", [Reply(body=data, sends=5000), Reply(body=data)])
    assert client.fetch(url, tmp_path / "b.wav").size == len(data)
    assert (tmp_path / "b.wav").read_bytes() == data
    assert [headers.get("range") for _, headers in web.asked] == [None, "bytes=5000-"]


def test_a_file_that_changed_in_between_is_fetched_anew(
    web: StandIn, client: Client, tmp_path: Path
) -> None:
    old, new = sound(3), sound(4)
    url = web.put("/c.wav", [Reply(body=old, sends=5000), Reply(body=new)])
    client.fetch(url, tmp_path / "c.wav")
    assert (tmp_path / "c.wav").read_bytes() == new


def test_retry_after_is_kept(web: StandIn, tmp_path: Path) -> None:
    web.asked.clear()
    busy = Reply(503, b"busy", "text/plain", {"Retry-After": "1"})
    url = web.put("/d.wav", [busy, Reply(body=sound(5))])
    client = Client(QUICK, trusted=[web.base.removeprefix("http://")])
    begun = time.monotonic()
    client.fetch(url, tmp_path / "d.wav")
    assert time.monotonic() - begun >= 1.0
    assert len(web.asked) == 2
    later = web.put("/e.wav", Reply(503, b"", "text/plain", {"Retry-After": "86400"}))
    with pytest.raises(WebError, match="503"):
        client.fetch(later, tmp_path / "e.wav")
    assert len(web.asked) == 3, "longer than its patience: given up for now"


def test_requests_to_a_host_keep_their_distance(web: StandIn, tmp_path: Path) -> None:
    url = web.put("/f.wav", sound(6))
    client = Client(Manners(gap_s=0.1), trusted=[web.base.removeprefix("http://")])
    begun = time.monotonic()
    threads = [
        threading.Thread(target=client.fetch, args=(url, tmp_path / f"{n}.wav")) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - begun >= 0.3


def test_a_host_that_fails_again_and_again_is_left_alone(
    web: StandIn, client: Client, tmp_path: Path
) -> None:
    url = web.put("/down.wav", Reply(500, b"", "text/plain"))
    for _ in range(5):
        with pytest.raises(WebError):
            client.fetch(url, tmp_path / "a.wav")
    assert len(web.asked) == 3 * QUICK.tries


def test_waiting_can_be_stopped(web: StandIn, tmp_path: Path) -> None:
    url = web.put("/g.wav", sound(7))
    stopped = threading.Event()
    client = Client(
        Manners(gap_s=60.0), trusted=[web.base.removeprefix("http://")], stop=stopped.is_set
    )
    client.fetch(url, tmp_path / "g.wav")
    threading.Timer(0.1, stopped.set).start()
    with pytest.raises(Stopped):
        client.fetch(url, tmp_path / "h.wav")


# -- private networks ---------------------------------------------------------------------------------


def test_private_networks_are_closed(web: StandIn, tmp_path: Path) -> None:
    url = web.put("/i.wav", sound(8))
    with pytest.raises(WebError, match="private network") as raised:
        Client(QUICK).fetch(url, tmp_path / "i.wav")
    assert raised.value.reason == "refused"
    for name in ("localhost", "[::1]", "0.0.0.0", "2130706433"):
        with pytest.raises(WebError):
            Client(QUICK).fetch(url.replace("127.0.0.1", name), tmp_path / "i.wav")


def test_a_redirect_does_not_lead_into_one(
    web: StandIn, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standing_in() as other:
        inner = other.put("/secret.wav", sound(9))
        url = web.put("/j.wav", Reply(302, headers={"Location": inner}))
        with pytest.raises(WebError, match="private network"):
            client.fetch(url, tmp_path / "j.wav")
        assert other.asked == []
        file = web.put("/k.wav", Reply(302, headers={"Location": "file:///etc/passwd"}))
        with pytest.raises(WebError, match=r"http://"):
            client.fetch(file, tmp_path / "k.wav")


def test_a_name_is_looked_at_when_it_is_connected_to(
    web: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(web.base.rpartition(":")[2])
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(WebError, match=r"'rebound\.example' is in a private network"):
        Client(QUICK).fetch(f"http://rebound.example:{port}/a.wav", tmp_path / "a.wav")


def test_a_key_stays_with_its_host(web: StandIn, client: Client) -> None:
    with standing_in() as other:
        client.trusted |= {other.base.removeprefix("http://")}
        there = other.put("/list", {"a": 1})
        url = web.put("/moved", Reply(302, headers={"Location": there}))
        client.read(url, {"Authorization": "Token secret"})
        assert web.asked[-1][1]["authorization"] == "Token secret"
        assert "authorization" not in other.asked[-1][1]


@pytest.mark.parametrize(
    "address", ["100.64.0.1", "192.0.2.1", "224.0.0.1", "fe80::1%eth0", "fc00::1", "x"]
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


# -- robots -------------------------------------------------------------------------------------------


def test_robots(web: StandIn, client: Client) -> None:
    web.put(
        "/robots.txt",
        Reply(body=b"User-agent: Soundkin\nDisallow: /no/\nCrawl-delay: 2\n", kind="text/plain"),
    )
    robots = Robots(client)
    robots.check(f"{web.base}/yes/a.wav", frozenset())
    with pytest.raises(WebError, match=r"robots\.txt"):
        robots.check(f"{web.base}/no/a.wav", frozenset())
    assert web.paths() == ["/robots.txt"], "asked once"
    assert client.gaps == {web.base.removeprefix("http://"): 2.0}
    del web.pages["/robots.txt"]
    Robots(client).check(f"{web.base}/no/a.wav", frozenset())
