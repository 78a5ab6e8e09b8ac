"""The driver's half, with a Ray that has no machines: what is lost is heard again, what cannot be is said."""

from __future__ import annotations

import shutil
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from soundkin import __version__, cluster
from soundkin.cluster import Order, hand, hear, hearing, here
from soundkin.errors import InputError, LibraryError
from soundkin.library.outcome import Job, unpack
from soundkin.library.store import Store
from tests.cluster.stand_in import NEVER, RayError, RayTaskError, StandIn
from tests.library.making import InlineWorkers, contents, index, ledger, places, wav

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Inline(InlineWorkers):
    def close(self) -> None:
        pass


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setattr(cluster, "Workers", Inline)
    monkeypatch.setattr(cluster, "_hearing", {})
    monkeypatch.setattr("soundkin.library.ingest.GROUP_FILES", 3)
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "ray", stand_in)
    return stand_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty sounds, one of them twice, one also as FLAC, and two files that are none."""
    made = tmp_path / "S"
    for seed in range(20):
        wav(made / f"pack {seed % 3}" / f"{seed:02}.wav", seed, 0.1 + seed % 4 / 10)
    shutil.copy(made / "pack 0" / "00.wav", made / "again.wav")
    wav(made / "pack 1" / "01.flac", 1, 0.2)
    (made / "no sound.wav").write_text("words")
    (made / "empty.wav").write_bytes(b"")
    return made


def alone(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What a run without a cluster makes of a folder."""
    monkeypatch.setattr("soundkin.library.ingest.Workers", Inline)
    store = Store.open(tmp_path / "alone")
    index(store, folder)
    return contents(store)


def test_equal_row_by_row_although_machines_die(
    ray: StandIn, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Job, ...]] = []

    def fate(group: tuple[Job, ...]) -> Exception | None:
        seen.append(group)
        return RayError("its machine died") if len(group) > 1 and len(seen) % 2 else None

    ray.fate = fate
    store = Store.open(tmp_path / "library")
    report = index(store, folder, hearers=hearing("auto", folder))
    assert contents(store) == alone(tmp_path, folder, monkeypatch)
    assert (report.found, report.decoded, report.embedded, report.failed) == (24, 22, 20, 2)
    assert len(seen) > 12
    assert ray.options == {"num_cpus": 1, "max_retries": cluster.AGAIN}
    assert ray.most == cluster.AHEAD * sum(ray.machines.values())
    again = index(store, folder, hearers=hearing("auto", folder))
    assert (again.unchanged, again.decoded, again.failed_before) == (22, 0, 2)


@pytest.mark.parametrize("known", [True, False], ids=["known to be gone", "late"])
def test_what_a_machine_took_with_it_is_heard_by_others(
    ray: StandIn,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    """Two tasks never end: their machine was cut off. Ray says that it is gone, or nothing at all."""
    taken: list[tuple[Job, ...]] = []

    def fate(group: tuple[Job, ...]) -> Exception | None:
        if len(taken) >= 2 or group in taken:
            return None
        taken.append(group)
        if known and len(taken) == 2:
            ray.machines = {"one": 1.0}
        return NEVER

    ray.fate = fate
    monkeypatch.setattr(cluster, "LOOK_S", 0.0)
    monkeypatch.setattr(hand, "GRACE_S" if known else "PATIENCE_S", 0.0)
    if not known:
        monkeypatch.setattr(hand, "TIMES", 0.0)
    store = Store.open(tmp_path / "library")
    report = index(store, folder, hearers=hearing("auto", folder))
    assert contents(store) == alone(tmp_path, folder, monkeypatch)
    assert (report.decoded, report.embedded, report.failed) == (22, 20, 2)
    assert len(taken) == 2
    assert [ref[3] for ref in ray.given_back].count(NEVER) == 2, "they are told to stop"


def test_a_file_that_loses_every_process_is_blamed_alone(
    ray: StandIn, folder: Path, tmp_path: Path
) -> None:
    ray.fate = lambda group: (
        RayError("gone") if any(b"13.wav" in job.source for job in group) else None
    )
    store = Store.open(tmp_path / "library")
    report = index(store, folder, hearers=hearing("auto", folder))
    assert report.failed == 3
    assert ledger(store)[b"pack 1/13.wav"] == "crashed"
    message = store.read("failures", ["message"], "reason = 'crashed'")["message"][0].as_py()
    assert message.startswith("whatever machine heard it lost its process (RayError)")
    assert len(places(store)) == 21


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda order: Order("0.0", order.spaces, order.timeout_s, order.root),
            rf"the machine .*: it has Soundkin {__version__}, and is asked by Soundkin 0\.0",
        ),
        (
            lambda order: Order(order.version, order.spaces, order.timeout_s, b"/not/here"),
            "it has no folder '/not/here'; expected a folder that all machines share",
        ),
    ],
)
def test_a_machine_that_cannot_hear_ends_the_run(
    ray: StandIn,
    folder: Path,
    tmp_path: Path,
    spoil: Callable[[Order], Order],
    said: str,
) -> None:
    store = Store.open(tmp_path / "library")
    made = hearing("auto", folder)

    def spoilt(jobs: int | None, spaces: tuple[str, ...], timeout_s: float) -> object:
        workers = made(jobs, spaces, timeout_s)
        workers.order = spoil(workers.order)
        return workers

    with pytest.raises(LibraryError, match=said):
        index(store, folder, hearers=spoilt)
    assert contents(store)["sounds"] == []
    assert index(store, folder, hearers=made).embedded == 20


def test_what_a_machine_lacks_is_said(
    ray: StandIn, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray.fate = lambda _: RayTaskError("Traceback\n  ...\nModuleNotFoundError: No module named 'x'")
    with pytest.raises(LibraryError, match=r"cannot hear \(ModuleNotFoundError: No module named"):
        index(Store.open(tmp_path / "library"), folder, hearers=hearing("auto", folder))
    ray.fate = lambda _: ConnectionError("the head went away.")
    with pytest.raises(
        LibraryError, match=r"cluster at auto cannot be used \(the head went away\)"
    ):
        index(Store.open(tmp_path / "library"), folder, hearers=hearing("auto", folder))
    ray.machines.clear()
    monkeypatch.setattr(cluster, "JOIN_S", 0.0)
    with pytest.raises(LibraryError, match="no machine of the cluster has a processor"):
        index(Store.open(tmp_path / "library"), folder, hearers=hearing("auto", folder))


def test_a_run_that_is_stopped_gives_back_what_is_in_hand(
    ray: StandIn, folder: Path, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "library")
    asked = iter([False] * 2)
    report = index(store, folder, hearers=hearing("auto", folder), stop=lambda: next(asked, True))
    assert report.stopped
    assert 0 < report.decoded < 22
    assert len(ray.given_back) == 1
    ray.most = 0
    rest = index(store, folder, hearers=hearing("auto", folder), jobs=1)
    assert rest.decoded + rest.copied == 22 - report.decoded
    assert ray.most == 1, "one at a time, as was asked for"


def test_a_machine_keeps_its_process_while_the_order_stays(ray: StandIn, folder: Path) -> None:
    order = Order(__version__, ("mfcc",), 60.0, bytes(folder))
    job = Job(7, bytes(folder / "pack 0" / "00.wav"))
    (outcome,) = unpack(hear(order, (job,)))
    assert outcome.key == 7
    assert outcome.heard is not None
    kept = cluster._hearing[order]
    hear(order, (job,))
    assert cluster._hearing == {order: kept}
    hear(Order(__version__, ("mfcc",), 5.0, bytes(folder)), (job,))
    assert list(cluster._hearing) != [order]


def test_addresses_and_a_missing_ray_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="--cluster head:6379; expected auto, or ray://head:10001"):
        hearing("head:6379", tmp_path)
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"run `pip install 'soundkin\[cluster\]'`"):
        hearing("auto", tmp_path)


def test_a_head_that_does_not_answer_is_said_at_once(ray: StandIn, tmp_path: Path) -> None:
    ray.is_initialized = lambda: False
    made = cluster.ClusterWorkers("ray://127.0.0.1:9", Order("", (), 0.0, bytes(tmp_path)))
    with pytest.raises(LibraryError, match=r"no Ray cluster answers at ray://127\.0\.0\.1:9"):
        made.__enter__()


def test_a_busy_head_is_asked_again(
    ray: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "LOOK_S", 0.0)
    asked: list[str] = []
    needed = cluster.JOINS

    def init(address: str, **_: object) -> None:
        asked.append(address)
        if len(asked) < needed:
            raise ConnectionError("it is starting.")

    ray.is_initialized, ray.init = lambda: False, init
    ray.shutdown = lambda: None
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"ray://127.0.0.1:{head.getsockname()[1]}"
        order = Order(__version__, (), 0.0, bytes(tmp_path))
        with cluster.ClusterWorkers(address, order) as workers:
            assert workers.n == 2
        assert asked == [address] * needed
        monkeypatch.setattr(cluster, "JOINS", 1)
        asked.clear()
        with (
            pytest.raises(LibraryError, match=r"cannot be used \(it is starting\)"),
            cluster.ClusterWorkers(address, order),
        ):
            pass


def test_a_cluster_that_is_no_more_is_not_joined(
    ray: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "note"
    ray.is_initialized = lambda: False
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(here, "NOTE", note)
    assert not here.is_there()
    with socket.create_server(("127.0.0.1", 0)) as head:
        note.write_text(f"127.0.0.1:{head.getsockname()[1]}\n")
        assert here.is_there()
    assert not here.is_there()
    note.write_text("nonsense")
    assert not here.is_there()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library"


def test_the_command_refuses_what_no_cluster_does(run: Callable[..., str], folder: Path) -> None:
    said = run("index", str(folder), "--cluster", "auto", "--watch", code=2)
    assert "--cluster with --watch" in said
    said = run("index", str(folder), "--cluster", "nonsense", code=2)
    assert "ray://head:10001" in said
