"""What fetched files are called where they are kept, and what kind of sound they are."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from soundkin.audio.formats import AUDIO_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path

    from soundkin.library.sources.origins import Item

LONGEST = 120
"""Bytes of a name that is kept."""

SUFFIX_OF = {
    "audio/mpeg": ".mp3",
    "audio/mp3": ".mp3",
    "audio/flac": ".flac",
    "audio/x-flac": ".flac",
    "audio/ogg": ".ogg",
    "application/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "audio/vnd.wave": ".wav",
    "audio/aiff": ".aiff",
    "audio/x-aiff": ".aiff",
    "audio/mp4": ".m4a",
    "audio/x-m4a": ".m4a",
    "audio/aac": ".aac",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "audio/webm": ".webm",
}
HEADS = (
    (0, b"RIFF", ".wav"),
    (0, b"RF64", ".wav"),
    (0, b"fLaC", ".flac"),
    (0, b"OggS", ".ogg"),
    (0, b"ID3", ".mp3"),
    (0, b"FORM", ".aiff"),
    (4, b"ftyp", ".m4a"),
    (0, b"\x1aE\xdf\xa3", ".mkv"),
    (0, b"\xff\xfb", ".mp3"),
    (0, b"\xff\xf3", ".mp3"),
)
"""What files begin with: at which byte, and the suffix that goes with it."""


def slug(name: str) -> str:
    """Return a source's name as that of a folder; different ones for different names.

    >>> slug("ia:naturesounds")
    'ia-naturesounds-263d87bb'
    """
    digest = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9.]+', '-', name)[-60:].strip('-.')}-{digest}"


def relative_path(item: Item) -> str:
    """Return where an item is kept below its batch: a folder of its own, and its name.

    >>> from soundkin.library.sources.origins import Item
    >>> relative_path(Item("1", "https://example.org/a/Night%20owl.mp3?x=1"))
    'fc942c07/Night owl.mp3'
    """
    name = item.name or unquote(PurePosixPath(urlsplit(item.url).path).name)
    digest = hashlib.blake2b(item.item_id.encode(), digest_size=4).hexdigest()
    folder = f"{cleaned(item.folder)} {digest}" if item.folder else digest
    return f"{folder}/{cleaned(name) or 'sound'}"


def cleaned(name: str) -> str:
    """Return a name that any disk takes: no separators, nothing invisible, not hidden, not too long."""
    plain = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode()
    plain = "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in plain)
    plain = plain.strip(" .")
    suffix = PurePosixPath(plain).suffix[:12]
    stem = plain.removesuffix(suffix).encode()[: LONGEST - len(suffix.encode())]
    return stem.decode("utf-8", "ignore").strip() + suffix


def with_suffix_of_sound(path: Path, media_type: str) -> Path | None:
    """Return what a file should be called so that its suffix says what it is; None for what is no sound."""
    if path.suffix.lower() in AUDIO_SUFFIXES:
        return path
    suffix = SUFFIX_OF.get(media_type)
    if suffix is None:
        with path.open("rb") as file:
            head = file.read(16)
        found = (end for at, mark, end in HEADS if head[at : at + len(mark)] == mark)
        suffix = next(found, None)
    return None if suffix is None else path.with_name(path.name + suffix)
