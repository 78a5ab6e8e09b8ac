"""A served library for the tests: sounds with known frequencies, a real server, requests of any kind."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import numpy as np
import soundfile
import uvicorn

from soundkin.serve.bind import _listen, _Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI

RATE_HZ = 22_050
TONES_HZ = (220, 311, 440, 622, 880, 1245, 1760, 2489)
EVENT = (40.0, 42.0)
EVENT_HZ = 880.0
LONG_S = 70.0


def tone(frequency_hz: float, seconds: float, *, level: float = 0.5) -> np.ndarray:
    """A sine with two weak overtones, soft at both ends."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    wave = sum(
        a * np.sin(2 * np.pi * n * frequency_hz * t) for n, a in ((1, 1), (2, 0.1), (3, 0.05))
    )
    edge = np.minimum(1, np.minimum(t, t[-1] - t) / 0.01)
    return (level * wave * edge).astype(np.float32)


def noise(seconds: float, seed: int, *, level: float = 0.2) -> np.ndarray:
    return (level * np.random.default_rng(seed).normal(size=int(seconds * RATE_HZ)) / 3).astype(
        np.float32
    )


def write_sounds(folder: Path) -> None:
    """Tones, noises, one long recording with a tone in the middle, odd names, and a broken file."""
    for sub in ("tones", "noises", "long", "odd", "broken"):
        (folder / sub).mkdir(parents=True)
    for hz in TONES_HZ:
        soundfile.write(folder / f"tones/tone_{hz:04d}.wav", tone(hz, 1.2), RATE_HZ)
    for seed in range(12):
        soundfile.write(
            folder / f"noises/noise_{seed:02d}.flac", noise(0.8 + seed / 10, seed), RATE_HZ
        )
    long = noise(LONG_S, 99, level=0.1)
    first, last = (int(s * RATE_HZ) for s in EVENT)
    long[first:last] = tone(EVENT_HZ, EVENT[1] - EVENT[0])[: last - first]
    soundfile.write(folder / "long/field.flac", long, RATE_HZ)
    stereo = np.stack([noise(0.5, 77), noise(0.5, 78)], axis=1)
    soundfile.write(folder / "odd/a name, with % & 'ü'.wav", stereo, RATE_HZ)
    (folder / "broken/no sound.wav").write_text("this is text")
    (folder / "secret.txt").write_text("not a sound of the library")


@contextlib.contextmanager
def serving(app: FastAPI, port: int = 0) -> Iterator[str]:
    """Serve an app on this machine, as `run` does, on a free port unless told; gives its address."""
    listening = _listen("127.0.0.1", port)
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, timeout_graceful_shutdown=8
    )
    server = _Server(config, app.state.serving)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        for _ in range(200):
            if server.started:
                break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.handle_exit(2, None)
        thread.join(60)
        listening.close()
    assert not thread.is_alive(), "the server did not stop"


def ask(
    app: FastAPI,
    path: str,
    *,
    method: str = "GET",
    host: str = "http://localhost:8765",
    peer: str = "127.0.0.1",
    headers: dict[str, str] | None = None,
    raises: bool = True,
    **kwargs: object,
) -> httpx.Response:
    """Send one request to an app without a network: any Host, any peer."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=raises, client=(peer, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=host) as client:
            return await client.request(method, path, headers=headers, **kwargs)

    # In a thread of its own: the browser's driver, where a test has one, runs a loop in this one.
    with ThreadPoolExecutor(1) as one:
        return one.submit(lambda: asyncio.run(send())).result()
