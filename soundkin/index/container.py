r"""The file that an index is saved as: one header and the arrays, ready to be memory-mapped.

::

    16 bytes   b"soundkin-index\n\0"
    16 bytes   format version (4), CRC-32 of the header (4), length of the header (8), little endian
    header     JSON: kind, space_id, dim, settings, arrays, size of the file
               (of each array its name, dtype, shape and offset)
    arrays     raw, each at a multiple of 64 bytes

Index files are a cache, never the truth: whoever meets one that cannot be read builds a new one.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from soundkin.errors import InputError, LibraryFormatError, NotFound, SpaceError, StorageError

MAGIC = b"soundkin-index\n\0"
FORMAT_VERSION = 2
ALIGNMENT = 64
MAX_HEADER = 1 << 24
PREAMBLE = struct.Struct("<16sIIQ")

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Header:
    """What an index file says about itself before any array."""

    kind: str
    space_id: str
    dim: int
    settings: dict[str, Any]


def write_container(path: str | os.PathLike[str], header: Header, arrays: Arrays) -> None:
    """Write `arrays` under `header` to `path`: beside it first, then renamed over it.

    A reader sees the old file or the new one, also when the writer is killed. `StorageError`
    when the disk is full or refuses.
    """
    target = Path(path)
    stored = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    head, size = _encode(header, stored)
    beside = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    try:
        file = beside.open("xb")
    except OSError as error:
        raise _refused(target, error) from error
    try:
        with file:
            file.write(head)
            for array in stored.values():
                file.seek(_aligned(file.tell()))
                file.write(array.reshape(-1).view(np.uint8).data)
            file.truncate(size)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _refused(target, error) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def read_container(
    path: str | os.PathLike[str], *, space_id: str | None = None, dim: int | None = None
) -> tuple[Header, Arrays]:
    """Header and memory-mapped arrays of the file at `path`; writing to them leaves the file alone.

    Raises as :func:`soundkin.index.load` says.
    """
    source = Path(path)
    try:
        with source.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = _decode(source, file)
            if size != head["size"]:
                raise LibraryFormatError(
                    f"the index file '{source}' has {size} bytes",
                    f"{head['size']} as its header says",
                    "delete it; it is built again",
                )
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except FileNotFoundError as error:
        raise NotFound(f"there is no index file '{source}'", "", "build the index") from error
    except OSError as error:
        raise StorageError(f"the index file '{source}' cannot be read ({error})") from error
    header = Header(head["kind"], head["space_id"], head["dim"], head["settings"])
    _check_wanted(source, header, space_id, dim)
    arrays = {entry["name"]: _view(mapped, entry) for entry in head["arrays"]}
    return header, arrays


def _encode(header: Header, arrays: Arrays) -> tuple[bytes, int]:
    """The bytes before the first array, and the size of the whole file."""
    entries: list[dict[str, Any]] = [
        {"name": name, "dtype": array.dtype.str, "shape": list(array.shape), "offset": 0}
        for name, array in arrays.items()
    ]
    content: dict[str, Any] = {
        "kind": header.kind,
        "space_id": header.space_id,
        "dim": header.dim,
        "settings": header.settings,
        "arrays": entries,
        "size": 0,
    }
    room = len(json.dumps(content)) + 20 * (len(entries) + 1)
    end = PREAMBLE.size + room
    for entry, array in zip(entries, arrays.values(), strict=True):
        entry["offset"] = _aligned(end)
        end = entry["offset"] + array.nbytes
    content["size"] = end
    text = json.dumps(content).encode().ljust(room)
    return PREAMBLE.pack(MAGIC, FORMAT_VERSION, zlib.crc32(text), len(text)) + text, end


def _decode(source: Path, file: BinaryIO) -> dict[str, Any]:
    """The header as JSON, after its format version and its checksum have been checked."""
    start = file.read(PREAMBLE.size)
    if len(start) < PREAMBLE.size or not start.startswith(MAGIC):
        raise LibraryFormatError(
            f"'{source}' is no index file", "a file written by an index's save", "build the index"
        )
    _, version, checksum, length = PREAMBLE.unpack(start)
    if version != FORMAT_VERSION:
        raise LibraryFormatError(
            f"'{source}' is an index file of format {version}",
            f"format {FORMAT_VERSION}",
            "delete it to have it built again, or use the Soundkin that wrote it",
        )
    text = file.read(min(length, MAX_HEADER))
    if zlib.crc32(text) != checksum:
        raise LibraryFormatError(
            f"the header of the index file '{source}' is damaged",
            "",
            "delete it; it is built again",
        )
    content: dict[str, Any] = json.loads(text)
    return content


def _check_wanted(source: Path, header: Header, space_id: str | None, dim: int | None) -> None:
    """Refuse a file of another space or dimension, naming both."""
    if space_id is not None and header.space_id != space_id:
        raise SpaceError(
            f"the index '{source}' holds vectors of the space {header.space_id!r}",
            f"{space_id!r}",
            "build an index for that space",
        )
    if dim is not None and header.dim != dim:
        raise InputError(
            f"the index '{source}' holds vectors of dimension {header.dim}",
            f"dimension {dim}",
            "build an index for those vectors",
        )


def _view(mapped: mmap.mmap, entry: dict[str, Any]) -> npt.NDArray[Any]:
    """One array, straight from the mapped file."""
    shape = tuple(entry["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    if count == 0:
        return np.empty(shape, entry["dtype"])
    flat = np.frombuffer(mapped, dtype=entry["dtype"], count=count, offset=entry["offset"])
    return flat.reshape(shape)


def _aligned(offset: int) -> int:
    """The next multiple of the alignment."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _refused(target: Path, error: OSError) -> StorageError:
    """The disk's refusal in a sentence."""
    return StorageError(
        f"the index '{target}' cannot be written ({error.strerror or error})",
        "a folder with room that may be written",
        "free some space or choose another folder",
    )
