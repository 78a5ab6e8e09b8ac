"""From a source to vectors: every service's shape, every fault, stopped, killed, run again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from soundkin.errors import InputError, LibraryBusy, SourceError
from soundkin.library.sources import naming, origins, run, settle
from soundkin.library.sources.net import WebError
from soundkin.library.sources.web import Client, Manners
from tests.library.making import column, contents, ledger
from tests.library.sources.standin import (
    Reply,
    StandIn,
    archive,
    faults,
    freesound,
    sound,
    standing_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from soundkin.library.ingest import IndexReport
    from soundkin.library.sources.origins import Origin
    from soundkin.library.store import Store

QUICK = Manners(gap_s=0.0, first_wait_s=0.01, tries=2, most_bytes=100_000, timeout_s=5.0)

pytestmark = pytest.mark.usefixtures("inline")


@pytest.fixture
def web() -> Iterator[StandIn]:
    with standing_in() as served:
        yield served


def fetch(store: Store, source: naming.Source | str, **how: object) -> IndexReport:
    """One run, without waiting."""
    how = {"client": Client(QUICK), "check_after": timedelta(0), "spaces": ["mfcc"], **how}
    source = naming.source_named(source) if isinstance(source, str) else source
    return run.index_source(store, source, **how)


def urls_file(folder: Path, *urls: str) -> str:
    path = folder / "urls.txt"
    path.write_text("# sounds\n\n" + "\n".join(urls) + "\n")
    return f"urls:{path}"


def files_of(store: Store) -> list[str]:
    return sorted(p.name for p in (store.path / "sources").rglob("*") if p.is_file())


def known(store: Store) -> dict[str, Origin]:
    return {row.item_id: row for row in origins.read(store)}


# -- a list of addresses ------------------------------------------------------------------------------


def test_a_list_with_every_fault_in_it(store: Store, web: StandIn, tmp_path: Path) -> None:
    good = [web.put(f"/good {n}.wav".replace(" ", "_"), sound(n)) for n in range(3)]
    bad = {reason: lay() for reason, lay in faults(web).items()}
    noise = web.put("/noise.wav", Reply(body=b"RIFF, it says", kind="audio/wav"))
    nameless = web.put(
        "/stream", Reply(body=sound(7, form="FLAC"), kind="application/octet-stream")
    )
    text = web.put("/text", Reply(body=b"hello", kind="application/octet-stream"))
    spec = urls_file(
        tmp_path, good[0], *bad.values(), noise, good[1], "ftp://x/y.wav", nameless, text, good[2]
    )
    report = fetch(store, spec)
    assert (report.found, report.embedded, report.failed) == (6 + 7, 4, 9)
    assert not report.stopped
    reasons = {path.decode().rpartition("/")[2]: why for path, why in ledger(store).items()}
    assert reasons == {
        "gone.wav": "not-there",
        "closed.wav": "refused",
        "page.wav": "wrong-type",
        "huge.wav": "too-large",
        "loop.wav": "redirects",
        "cut.wav": "unreachable",
        "y.wav": "refused",
        "text": "wrong-type",
        "noise.wav": "corrupt",
    }
    rows = known(store)
    assert rows[noise].state == "failed"
    assert rows[noise].reason == "corrupt"
    for url in (*good, nameless):
        [where] = origins.of_sound(store, rows[url].sound_id)
        assert (where.url, where.state, where.etag != "") == (url, "done", True)
    assert files_of(store) == ["good_0.wav", "good_1.wav", "good_2.wav", "noise.wav", "stream.flac"]
    assert web.paths().count("/robots.txt") == 1

    web.asked.clear()
    again = fetch(store, spec)
    assert (again.decoded, again.unchanged, again.failed_before) == (0, 4, 8)
    assert sorted(set(web.paths())) == sorted(
        ["/robots.txt", *(f"/good_{n}.wav" for n in range(3)), "/stream", "/cut.wav"]
    ), "what may be had later is tried again, what is known is asked whether it changed"
    retried = fetch(store, spec, retry_failed=True)
    assert (retried.failed, retried.failed_before) == (9, 0)

    web.put("/cut.wav", sound(20))
    healed = fetch(store, spec)
    assert (healed.embedded, healed.failed) == (1, 8)
    assert b"cut.wav" not in b" ".join(ledger(store))


def test_what_changed_takes_the_place_of_what_was(
    store: Store, web: StandIn, tmp_path: Path
) -> None:
    url = web.put("/a.wav", sound(1))
    spec = urls_file(tmp_path, url, web.put("/b.wav", sound(2)))
    fetch(store, spec)
    before = known(store)[url]
    web.put("/a.wav", sound(3))
    report = fetch(store, spec)
    assert (report.embedded, report.unchanged) == (1, 1)
    after = known(store)[url]
    assert after.sound_id != before.sound_id
    placed = {row["sound_id"] for row in store.read("locations").to_pylist()}
    assert after.sound_id in placed
    assert before.sound_id not in placed
    assert files_of(store) == ["a.wav", "b.wav"]
    assert fetch(store, spec, check_after=timedelta(days=1)).unchanged == 2


def test_what_was_a_sound_stays_one_when_its_host_is_gone(
    store: Store, web: StandIn, tmp_path: Path
) -> None:
    url = web.put("/a.wav", sound(1))
    spec = urls_file(tmp_path, url)
    fetch(store, spec)
    before = known(store)[url]
    web.put("/a.wav", Reply(404))
    report = fetch(store, spec)
    assert (report.failed, report.unchanged) == (1, 0)
    after = known(store)[url]
    assert (after.state, after.sound_id, after.reason) == ("done", before.sound_id, "not-there")
    assert set(ledger(store).values()) == {"not-there"}
    assert files_of(store) == ["a.wav"]
    web.put("/a.wav", sound(2))
    assert fetch(store, spec).embedded == 1
    assert known(store)[url].reason == ""
    assert ledger(store) == {}


def test_robots_are_asked(store: Store, web: StandIn, tmp_path: Path) -> None:
    web.put("/robots.txt", Reply(body=b"User-agent: *\nDisallow: /private\n", kind="text/plain"))
    spec = urls_file(tmp_path, web.put("/private/a.wav", sound(1)), web.put("/b.wav", sound(2)))
    report = fetch(store, spec)
    assert (report.embedded, report.failed) == (1, 1)
    assert "/private/a.wav" not in web.paths()
    [row] = [row for row in known(store).values() if row.state == "failed"]
    assert "robots.txt" in row.message


def test_two_items_with_one_name_and_one_sound(store: Store, web: StandIn, tmp_path: Path) -> None:
    one, two, same = (web.put(f"/{d}/x.wav", sound(n)) for d, n in (("a", 1), ("b", 2), ("c", 1)))
    report = fetch(store, urls_file(tmp_path, one, two, same))
    assert (report.found, report.embedded, report.failed) == (3, 2, 0)
    rows = known(store)
    assert rows[one].sound_id == rows[same].sound_id != rows[two].sound_id
    assert [o.item_id for o in origins.of_sound(store, rows[one].sound_id)] == sorted([one, same])


# -- pointers -----------------------------------------------------------------------------------------


def test_pointers_keep_no_audio_and_the_very_same_vectors(web: StandIn, tmp_path: Path) -> None:
    from soundkin.library.store import Store

    spec = urls_file(tmp_path, *(web.put(f"/{n}.wav", sound(n)) for n in range(3)))
    audio, pointers = Store.open(tmp_path / "audio"), Store.open(tmp_path / "pointers")
    fetch(audio, spec)
    report = fetch(pointers, spec, keep="pointers")
    assert (report.embedded, report.failed) == (3, 0)
    assert files_of(pointers) == []
    kept, pointed = contents(audio), contents(pointers)
    for part in ("sounds", "segments", "vectors"):
        assert pointed[part] == kept[part]
    again = fetch(pointers, spec, keep="pointers")
    assert (again.decoded, again.unchanged) == (0, 3)
    web.put("/1.wav", sound(9))
    assert fetch(pointers, spec, keep="pointers").embedded == 1
    assert set(column(pointers, "locations", "state")) == {"present"}
    assert len(column(pointers, "locations", "path")) == 3
    assert files_of(pointers) == []


# -- stopped and killed -------------------------------------------------------------------------------


def test_a_run_that_was_stopped_goes_on(store: Store, web: StandIn, tmp_path: Path) -> None:
    spec = urls_file(tmp_path, *(web.put(f"/{n}.wav", sound(n)) for n in range(12)))
    first = fetch(store, spec, stop=lambda: sum(p.endswith("wav") for p in web.paths()) > 5)
    assert first.stopped
    assert first.embedded < 12
    n_before = len(web.paths())
    second = fetch(store, spec, check_after=timedelta(days=1))
    assert first.embedded + second.embedded == 12
    assert second.unchanged == first.embedded
    assert len([p for p in web.paths()[n_before:] if p.endswith("wav")]) == second.embedded


@pytest.mark.parametrize(
    ("keep", "step"),
    [
        ("audio", "index_folder"),
        ("pointers", "write"),
        ("pointers", "rmtree"),
    ],
)
def test_a_run_that_was_killed_goes_on(
    store: Store,
    web: StandIn,
    tmp_path: Path,
    keep: str,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed before hearing, before writing down, and before taking the audio away."""
    spec = urls_file(tmp_path, *(web.put(f"/{n}.wav", sound(n)) for n in range(3)))

    class Killed(BaseException):
        pass

    def kill(*args: object, **how: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if step == "index_folder":
            heard = settle.index_folder
            patched.setattr(
                settle,
                step,
                lambda s, f, **h: heard(s, f, **h) if not f.name.isdecimal() else kill(),
            )
        elif step == "write":
            patched.setattr(origins, "write", kill)
        else:
            patched.setattr(settle.shutil, "rmtree", kill)
        with pytest.raises(Killed):
            fetch(store, spec, keep=keep)
    web.asked.clear()
    after = fetch(store, spec, keep=keep, check_after=timedelta(days=1))
    assert after.failed == 0
    assert not [p for p in web.paths() if p.endswith("wav")], (
        "what was fetched is not fetched again"
    )
    assert len(column(store, "sounds", "sound_id")) == 3
    assert {row.state for row in known(store).values()} == {"done"}
    assert set(column(store, "locations", "state")) == {"present"}
    assert files_of(store) == (["0.wav", "1.wav", "2.wav"] if keep == "audio" else [])


def test_a_forgotten_source_is_fetched_anew(store: Store, web: StandIn, tmp_path: Path) -> None:
    from soundkin.library.places import forget_places

    spec = urls_file(tmp_path, web.put("/a.wav", sound(1)))
    fetch(store, spec, keep="pointers")
    [root] = store.read("roots").to_pylist()
    assert forget_places(store, root["root_id"]) == 1
    assert fetch(store, spec, keep="pointers").embedded == 1


def test_audio_that_is_kept_is_never_taken_away(store: Store, web: StandIn, tmp_path: Path) -> None:
    from soundkin.library.places import forget_places

    spec = urls_file(tmp_path, web.put("/a.wav", sound(1)))
    fetch(store, spec)
    [root] = store.read("roots").to_pylist()
    forget_places(store, root["root_id"])
    fetch(store, spec, keep="pointers")
    assert files_of(store) == ["a.wav"]
    assert set(column(store, "locations", "state")) == {"present"}


def test_one_at_a_time(store: Store, web: StandIn, tmp_path: Path) -> None:
    source = naming.source_named(urls_file(tmp_path, web.put("/a.wav", sound(1))))
    from soundkin.library.sources.places import slug

    with store.storage.locks.hold(f"source-{slug(source.name)}") as other:
        assert not other
        with pytest.raises(LibraryBusy):
            fetch(store, source)


def test_a_rehearsal_writes_nothing(store: Store, web: StandIn, tmp_path: Path) -> None:
    spec = urls_file(tmp_path, *(web.put(f"/{n}.wav", sound(n)) for n in range(3)))
    report = fetch(store, spec, dry_run=True)
    assert (report.dry_run, report.found, report.decoded) == (True, 3, 3)
    assert web.asked == []
    assert not (store.path / "sources").exists()


# -- manifests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_manifests(tmp_path: Path, suffix: str) -> None:
    rows = [
        {
            "ID": f"n{n}",
            "url": f"https://example.org/{n}.wav",
            "Title": f"take {n}, öffentlich",
            "license": "CC0",
            "page": f"https://example.org/{n}",
            "creator": "ada" if n else None,
        }
        for n in range(2)
    ]
    path = tmp_path / f"list{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [",".join(rows[0]), *(",".join(f'"{v or ""}"' for v in r.values()) for r in rows)]
        path.write_text("\n".join(lines))
    source = naming.source_named(f"manifest:{path}")
    found = {item.item_id: item for item in source.items(Client(QUICK), {}, {})}
    assert set(found) == {"n0", "n1"}
    one = found["n1"]
    assert (one.title, one.licence, one.author) == ("take 1, öffentlich", "CC0", "ada")
    assert one.page == "https://example.org/1"


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("ia", "the source 'ia'"),
        ("tape:x", "the source 'tape:x'"),
        ("ia:a b/c", "the collection"),
        ("feed:not a url", "the feed"),
        ("urls:nowhere.txt", "cannot be read"),
        ("manifest:list.xls", "the manifest"),
        ("freesound:kick", "FREESOUND_API_KEY is not set"),
    ],
)
def test_sources_that_cannot_be(spec: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FREESOUND_API_KEY", raising=False)
    with pytest.raises(InputError) as raised:
        naming.source_named(spec)
    assert found in str(raised.value)


def test_a_manifest_without_an_address(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("url,title\nhttp://x/a.wav,a\n,b\n")
    with pytest.raises(InputError, match=r"row 2 .* names no address"):
        naming.source_named(f"manifest:{tmp_path / 'm.csv'}")


# -- feeds --------------------------------------------------------------------------------------------

RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"
 xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>Birds</title>
<itunes:author>ada</itunes:author><copyright>CC BY 4.0</copyright>{more}
{items}</channel></rss>"""
ITEM = """<item><title>Wren &amp; {n}</title><link>https://example.org/{n}</link>
<guid isPermaLink="false">g{n}</guid>
<enclosure url="{url}" length="{length}" type="{kind}"/></item>"""


def rss(web: StandIn, numbers: list[int], more: str = "") -> str:
    items = [
        ITEM.format(n=n, url=web.put(f"/e{n}.wav", sound(n)), length=99, kind="audio/wav")
        for n in numbers
    ]
    return RSS.format(items="".join(items), more=more)


def test_a_podcast(store: Store, web: StandIn) -> None:
    feed = web.put("/feed.xml", rss(web, [1, 2]))
    report = fetch(store, f"feed:{feed}")
    assert (report.found, report.embedded) == (2, 2)
    one = known(store)["g1"]
    assert (one.title, one.page, one.author, one.licence) == (
        "Wren & 1", "https://example.org/1", "ada", "CC BY 4.0",
    )  # fmt: skip
    assert "/robots.txt" not in web.paths(), "a feed is made for programs"
    web.asked.clear()
    assert fetch(store, f"feed:{feed}").unchanged == 2
    assert web.paths() == ["/feed.xml"]
    assert "if-none-match" in web.asked[0][1]
    web.put("/feed.xml", rss(web, [1, 2, 3]))
    assert fetch(store, f"feed:{feed}").embedded == 1
    assert web.paths()[-1] == "/e3.wav"


def test_a_feed_in_pages_and_one_in_atom(store: Store, web: StandIn) -> None:
    web.put("/p2.xml", rss(web, [3]))
    more = '<atom:link rel="next" href="/p2.xml"/>'
    assert fetch(store, f"feed:{web.put('/p1.xml', rss(web, [1], more))}").embedded == 2
    atom = f"""<feed xmlns="http://www.w3.org/2005/Atom"><author><name>bob</name></author>
    <link rel="license" href="https://creativecommons.org/licenses/by/4.0/"/>
    <entry><id>tag:x</id><title>Owl</title><link href="https://example.org/owl"/>
    <link rel="enclosure" type="audio/wav" href="{web.put("/owl.wav", sound(9))}"/>
    <link rel="enclosure" type="image/png" href="/owl.png"/></entry></feed>"""
    assert fetch(store, f"feed:{web.put('/atom.xml', atom)}").embedded == 1
    owl = known(store)["tag:x"]
    assert (owl.author, owl.page) == ("bob", "https://example.org/owl")
    assert owl.licence.endswith("by/4.0/")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<rss", "it is no feed"),
        ("<html/>", "it is no feed but <html>"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><rss>&a;</rss>', "entities of its own"),
        (Reply(404), "it is not there"),
    ],
)
def test_what_is_no_feed(web: StandIn, body: object, found: str) -> None:
    source = naming.feed_source(web.put("/x.xml", body))
    with pytest.raises(WebError) as raised:
        list(source.items(Client(QUICK, trusted=source.hosts), {}, {}))
    assert found in str(raised.value)


def test_a_feed_does_not_lead_into_a_private_network(store: Store, web: StandIn) -> None:
    with standing_in() as other:
        item = ITEM.format(n=1, url=other.put("/a.wav", sound(1)), length=1, kind="audio/wav")
        feed = web.put("/f.xml", RSS.format(items=item, more=""))
        report = fetch(store, f"feed:{feed}")
        assert (report.embedded, report.failed) == (0, 1)
        assert other.asked == []
    [row] = known(store).values()
    assert "private network" in row.message


# -- the Internet Archive -----------------------------------------------------------------------------


def birds() -> dict[str, dict[str, object]]:
    """Three items: an original with derivatives, a derivative alone, and none that sounds."""

    def file(name: str, source: str, **more: str) -> dict[str, str]:
        return {"name": name, "source": source, "md5": f"md5 of {name}", **more}

    return {
        "wrens-2020": {
            "metadata": {
                "title": "Wrens",
                "creator": ["ada", "bob"],
                "licenseurl": "https://creativecommons.org/publicdomain/zero/1.0/",
            },
            "files": [
                file("disc 1/one.flac", "original", title="Dawn"),
                file("disc 1/one.mp3", "derivative", original="disc 1/one.flac"),
                file("wrens_meta.xml", "metadata"),
                file("cover.jpg", "original"),
            ],
            "bytes": {"disc 1/one.flac": sound(1, form="FLAC")},
        },
        "owls": {
            "metadata": {"title": "Owls"},
            "files": [
                file("owl.shn", "original"),
                file("owl.ogg", "derivative", original="owl.shn"),
                file("owl.mp3", "derivative", original="owl.shn"),
                file("hidden.wav", "original", private="true"),
            ],
            "bytes": {"owl.ogg": Reply(body=sound(2, form="OGG"), kind="audio/ogg")},
        },
        "texts": {"metadata": {}, "files": [file("a.pdf", "original")], "bytes": {}},
    }


def test_a_collection(store: Store, web: StandIn) -> None:
    items = birds()
    archive(web, items)
    source = naming.archive_source("birds", web.base)
    report = fetch(store, source)
    assert (report.found, report.embedded, report.failed) == (2, 2, 0)
    one = known(store)["wrens-2020/disc 1/one.flac"]
    assert (one.title, one.author) == ("Wrens - Dawn", "ada, bob")
    assert one.page == f"{web.base}/details/wrens-2020"
    assert one.licence.endswith("zero/1.0/")
    assert files_of(store) == ["one.flac", "owl.ogg"]
    web.asked.clear()
    again = fetch(store, source)
    assert again.decoded == 0
    assert not [p for p in web.paths() if "scrape" not in p], "nothing is asked that is known"
    items["texts"] |= {"updated": ["2026-02-02"]}  # a mark, and nothing to fetch
    archive(web, items)
    assert fetch(store, source).found == 0
    assert known(store)["texts"].version == "2026-02-02"
    items["owls"] |= {"updated": ["2026-02-02"]}
    items["owls"]["files"][1]["md5"] = "another"
    archive(web, items | {"owls": items["owls"] | {"bytes": {"owl.ogg": sound(5, form="OGG")}}})
    third = fetch(store, source)
    assert (third.found, third.embedded) == (1, 1)


def test_an_item_that_fails_for_a_while_is_asked_for_again(store: Store, web: StandIn) -> None:
    items = birds()
    archive(web, items)
    web.put("/download/owls/owl.ogg", Reply(503, b"", "text/plain"))
    source = naming.archive_source("birds", web.base)
    assert fetch(store, source).failed == 1
    archive(web, items)
    assert fetch(store, source).embedded == 1
    web.put("/services/search/v1/scrape", Reply(503, b"", "text/plain"))
    with pytest.raises(SourceError, match="503"):
        fetch(store, source)


# -- Freesound ----------------------------------------------------------------------------------------


def test_freesound(store: Store, web: StandIn) -> None:
    def row(n: int) -> dict[str, object]:
        previews = {
            "preview-lq-mp3": f"{web.base}/never.mp3",
            "preview-hq-ogg": web.put(
                f"/p/{n}-hq.ogg", Reply(body=sound(n, form="OGG"), kind="audio/ogg")
            ),
        }
        return {
            "id": n,
            "name": f"Kick/{n}.wav",
            "license": "https://creativecommons.org/licenses/by/4.0/",
            "username": "ada",
            "url": f"https://freesound.org/people/ada/sounds/{n}/",
            "previews": previews,
        }

    freesound(web, [row(n) for n in range(3)], "secret")
    source = naming.freesound_source("kick", "secret", web.base)
    report = fetch(store, source)
    assert (report.found, report.embedded, report.failed) == (3, 3, 0)
    one = known(store)["1"]
    assert (one.author, one.page) == ("ada", "https://freesound.org/people/ada/sounds/1/")
    assert one.licence.endswith("by/4.0/")
    assert "authorization" not in dict(web.asked)["/p/1-hq.ogg"], "previews need no key"
    assert "secret" not in json.dumps([str(r) for r in origins.read(store)])
    assert fetch(store, source).unchanged == 3
    with pytest.raises(SourceError, match="401"):
        fetch(store, naming.freesound_source("kick", "wrong", web.base))


def test_the_key_is_not_taken_elsewhere(store: Store, web: StandIn) -> None:
    web.put("/apiv2/search/text/", {"results": [], "next": "http://elsewhere.example/"})
    with pytest.raises(SourceError, match="may not see the key"):
        fetch(store, naming.freesound_source("kick", "secret", web.base))
