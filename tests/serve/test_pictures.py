"""One sound drawn and compared with itself; shown in the file manager, here and only here."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from soundkin.audio.picture import LOWEST_HZ, RANGE_DB, WINDOW, png, spectrogram
from soundkin.serve import picture_routes, reveal
from tests.serve.live import EVENT, EVENT_HZ, LONG_S, RATE_HZ, TONES_HZ, ask

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from fastapi import FastAPI

    from soundkin.facade import Library


def shades_of(body: bytes) -> np.ndarray:
    """Read a grey PNG by hand: what this module does not write with."""
    assert body[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, size = 8, b"", (0, 0)
    while at < len(body):
        (length,), kind = struct.unpack(">I", body[at : at + 4]), body[at + 4 : at + 8]
        part = body[at + 8 : at + 8 + length]
        assert struct.unpack(">I", body[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            kind + part
        )
        if kind == b"IHDR":
            size = struct.unpack(">II", part[:8])
        data += part if kind == b"IDAT" else b""
        at += 12 + length
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(size[1], size[0] + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:]


def row_of(hz: float, rate_hz: int, rows: int) -> int:
    """The row from the top at which a tone must stand."""
    centres = np.geomspace(LOWEST_HZ, rate_hz / 2, rows)
    return rows - 1 - int(np.argmin(np.abs(np.log(centres / hz))))


def test_png_reads_back() -> None:
    shades = np.random.default_rng(0).integers(0, 256, (7, 13), dtype=np.uint8)
    assert (shades_of(png(shades)) == shades).all()


@pytest.mark.parametrize("cut", [1, 100, 5_000, 70_000])
def test_the_picture_does_not_depend_on_the_blocks(cut: int) -> None:
    x = np.random.default_rng(1).normal(0, 0.1, 60_000 if cut > 1 else 3_000).astype(np.float32)
    whole = spectrogram([x], 16_000, len(x), columns=40, rows=32)
    blocks = [x[i : i + cut] for i in range(0, len(x), cut)]
    assert (spectrogram(blocks, 16_000, len(x), columns=40, rows=32) == whole).all()


def test_the_picture_is_that_of_a_plain_loop() -> None:
    rate_hz, columns, rows = 16_000, 30, 24
    x = np.random.default_rng(2).normal(0, 0.1, 20_000).astype(np.float32)
    x *= np.linspace(0, 1, len(x), dtype=np.float32)
    padded = np.pad(x, WINDOW)
    power = np.zeros((columns, rows))
    n_frames = int(np.clip(len(x) / (WINDOW / 4), columns, 4 * columns))
    centres = np.geomspace(LOWEST_HZ, rate_hz / 2, rows)
    for frame in range(n_frames):
        at = int((frame + 0.5) * len(x) / n_frames) + WINDOW // 2
        spectrum = np.abs(np.fft.rfft(padded[at : at + WINDOW] * np.hanning(WINDOW))) ** 2
        for row, hz in enumerate(centres):
            width = max(hz * (centres[1] / centres[0] - 1), rate_hz / WINDOW)
            near = np.maximum(
                0, 1 - np.abs(np.arange(len(spectrum)) * rate_hz / WINDOW - hz) / width
            )
            level = (near * spectrum).sum() / max(near.sum(), 1e-9)
            column = frame * columns // n_frames
            power[column, row] = max(power[column, row], level)
    level = 10 * np.log10(power + 1e-20)
    expected = np.clip(255 * (1 + (level - level.max()) / RANGE_DB), 0, 255).T[::-1]
    assert (
        np.abs(spectrogram([x], rate_hz, len(x), columns=columns, rows=rows) - expected).max() < 2
    )


def test_a_tone_stands_at_its_row(client: httpx.Client, ids: dict[str, str]) -> None:
    for hz in TONES_HZ[::3]:
        path = f"/api/sounds/{ids[f'tone_{hz:04d}.wav']}/spectrogram.png"
        answer = client.get(path, params={"columns": 50, "rows": 96})
        assert answer.headers["content-type"] == "image/png"
        shades = shades_of(answer.content)
        assert shades.shape == (96, 50)
        assert abs(int(shades[:, 25].argmax()) - row_of(hz, RATE_HZ, 96)) <= 1


def test_the_moment_in_a_long_sound_and_a_range_of_it(
    client: httpx.Client, ids: dict[str, str]
) -> None:
    path = f"/api/sounds/{ids['field.flac']}/spectrogram.png"
    shades = shades_of(client.get(path, params={"columns": 700, "rows": 96}).content)
    line = shades[row_of(EVENT_HZ, RATE_HZ, 96)].astype(int)
    loud = np.flatnonzero(line > line.max() - 20) / 700 * LONG_S
    assert loud.min() == pytest.approx(EVENT[0], abs=0.2)
    assert loud.max() == pytest.approx(EVENT[1], abs=0.2)
    cut = {"start_s": EVENT[0] - 1, "end_s": EVENT[1] + 1, "columns": 400, "rows": 96}
    shades = shades_of(client.get(path, params=cut).content)
    line = shades[row_of(EVENT_HZ, RATE_HZ, 96)].astype(int)
    loud = np.flatnonzero(line > line.max() - 20)
    assert (loud.min(), loud.max()) == (pytest.approx(100, abs=6), pytest.approx(300, abs=6))
    assert client.get(path, params={"start_s": 80}).status_code == 400
    assert client.get(path, params={"columns": 9_999_999}).status_code == 422


def test_where_else_it_sounds_like_here(
    client: httpx.Client, library: Library, ids: dict[str, str]
) -> None:
    field = ids["field.flac"]
    answer = client.get(f"/api/sounds/{field}/alike", params={"at_s": 41.0}).json()
    segments = library.segments(field)
    assert [s["segment_id"] for s in answer["segments"]] == [s.segment_id for s in segments]
    (here,) = [s for s in answer["segments"] if s["segment_id"] == answer["segment_id"]]
    assert here["start_s"] <= 41.0 <= here["end_s"]
    assert here["closeness"] == pytest.approx(1.0, abs=1e-5)
    inside = [
        s["closeness"]
        for s in answer["segments"]
        if EVENT[0] <= s["start_s"] and s["end_s"] <= EVENT[1]
    ]
    outside = [
        s["closeness"]
        for s in answer["segments"]
        if s["end_s"] <= EVENT[0] or s["start_s"] >= EVENT[1]
    ]
    assert min(inside) > max(outside)
    assert client.get(f"/api/sounds/{'0' * 32}/alike").status_code == 404
    assert client.get(f"/api/sounds/{field}/alike?space=nowhere").status_code == 404


def test_reveal_runs_one_known_command(
    app: FastAPI, library: Library, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    class Done:
        returncode = 0

    def run(command: list[str], **_: object) -> Done:
        asked.append(command)
        return Done()

    monkeypatch.setattr(reveal.subprocess, "run", run)
    monkeypatch.setattr(reveal.shutil, "which", lambda name: f"/bin/{name}")
    odd = ids["a name, with % & 'ü'.wav"]
    path = f"/api/sounds/{odd}/reveal"
    answer = ask(app, path, method="POST")
    assert answer.json() == {"path": library.sound(odd).path}
    (command,) = asked
    assert command[0] in {"/bin/dbus-send", "/bin/open", "/bin/explorer"}
    if command[0] == "/bin/dbus-send":
        assert command[-2].startswith("array:string:file:///")
        assert command[-2].count(",") == 0, "a comma would begin another file"

    monkeypatch.setattr(picture_routes, "show", lambda path: False)
    assert ask(app, path, method="POST").status_code == 400
    assert ask(app, path).status_code == 405, "looking at an address opens nothing"


def test_reveal_is_for_this_machine_alone(library: Library, ids: dict[str, str]) -> None:
    from soundkin.serve import create_app

    token = "a token of some length"
    shared = create_app(library, token=token)
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/sounds/{ids['tone_0440.wav']}/reveal"
    answer = ask(shared, path, method="POST", peer="192.168.1.20", headers=headers)
    assert answer.status_code == 403
    assert "copy the path" in answer.json()["error"]["todo"]


def test_commands_for_every_desktop(tmp_path: Path) -> None:
    path = tmp_path / "-x, y.wav"
    for platform in ("linux", "darwin", "win32"):
        for command in reveal.commands(path, platform):
            assert not any(part.startswith("-x") for part in command)
