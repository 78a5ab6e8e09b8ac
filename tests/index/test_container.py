"""The file of an index: whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin.errors import LibraryFormatError, StorageError
from soundkin.index.container import Header, read_container, write_container


@settings(max_examples=40, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=4),
    dtype=st.sampled_from(["f4", "i8", "u1", "?", "f2"]),
)
def test_arrays_come_back_as_they_were(tmp_path_factory, shapes, dtype):
    path = tmp_path_factory.mktemp("c") / "x"
    rng = np.random.default_rng(0)
    arrays = {f"a{i}": (rng.random(s) * 9).astype(dtype) for i, s in enumerate(shapes)}
    header = Header("exact", "späce", 3, {"leaf": 4, "metric": "angle"})
    write_container(path, header, arrays)
    again, found = read_container(path)
    assert again == header
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert array.size == 0 or found[name].ctypes.data % 64 == 0


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x"
    write_container(path, Header("exact", "old", 1, {}), {"a": np.arange(3)})

    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=r"cannot be written \(No space left on device\)"):
        write_container(path, Header("exact", "new", 1, {}), {"a": np.arange(4)})
    assert read_container(path)[0].space_id == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        write_container(tmp_path / "no" / "x", Header("exact", "", 1, {}), {})


def test_a_kill_in_the_middle_leaves_a_whole_file(tmp_path):
    """A writer saves two versions for ever; it is killed; what is there is one of the two."""
    path = tmp_path / "x"
    writer = textwrap.dedent(
        """
        import sys, numpy as np
        from soundkin.index.container import Header, write_container
        while True:
            for version in (1, 2):
                a = np.full(200_000, version)
                write_container(sys.argv[1], Header("exact", str(version), 1, {}), {"a": a})
                print(version, flush=True)
        """
    )
    for delay in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", writer, str(path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3 + delay):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        header, arrays = read_container(path)
        assert (arrays["a"] == int(header.space_id)).all()
        assert len(arrays["a"]) == 200_000


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_damaged_header_is_an_error_of_ours_or_harmless(tmp_path_factory, at, byte):
    path = tmp_path_factory.mktemp("c") / "x"
    write_container(path, Header("exact", "s", 1, {}), {"a": np.arange(50)})
    damaged = bytearray(path.read_bytes())
    damaged[at] = byte
    path.write_bytes(damaged)
    try:
        _, arrays = read_container(path)
    except LibraryFormatError:
        return
    assert all(isinstance(a, np.ndarray) for a in arrays.values())
