"""Notes stay with their sound, come page by page, are found by words, and cross every kind of file."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundkin import Library
from soundkin.errors import InputError, NotFound
from soundkin.library import noteforms
from soundkin.library.noteforms import Filed
from soundkin.library.notes import MAX_TEXT, Note, checked, new_ids
from tests.library.making import RATE_HZ, heard, lay_root, put, sound_id, unit, wav

if TYPE_CHECKING:
    from soundkin.library.store import Store

FORMAT_1 = Path(__file__).parent / "format_1.tar.gz"
DURATION_S = 3.0
ROOT = "/nowhere/Samples"
NAMES = ("birds/wren.wav", "birds/owl.wav", "städte/tram [2].wav")


@pytest.fixture
def library(store: Store) -> Library:
    """Three sounds of three seconds, five segments each, without audio."""
    lay_root(store)
    sounds = [heard(sound_id(n), unit(n, 5), duration_s=DURATION_S) for n in range(3)]
    put(store, sounds, 1, paths=NAMES)
    with Library.open(store.path) as opened:
        yield opened


# -- what may be written ------------------------------------------------------------------------------

printable = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"))
texts = st.text(printable | st.sampled_from("\n\t []\\;,\"'#"), max_size=40)
tag_names = st.text(printable, min_size=1, max_size=8).filter(
    lambda tag: tag.strip() and not set(tag) & set(",;[]")
)
seconds = st.floats(0, DURATION_S) | st.sampled_from([0.0, 1.5, DURATION_S])
hertz = st.floats(0, 2e4) | st.sampled_from([0.0, RATE_HZ / 2])
moments = st.integers(0, 2**51).map(
    lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)


@st.composite
def kept(draw: st.DrawFn) -> Note:
    """A note as the library keeps it."""
    start_s, end_s = sorted([draw(seconds), draw(seconds)]) if draw(st.booleans()) else (None, None)
    low_hz, high_hz = sorted([draw(hertz), draw(hertz)]) if draw(st.booleans()) else (None, None)
    note = Note(
        note_id=new_ids(1)[0],
        sound_id=sound_id(draw(st.integers(0, 2))),
        start_s=start_s,
        end_s=end_s,
        text="x" + draw(texts),
        tags=tuple(draw(st.lists(tag_names, max_size=3))),
        author=draw(st.text(printable, max_size=8)),
        made_at=draw(moments),
        low_hz=low_hz,
        high_hz=high_hz,
    )
    return checked(note, duration_s=DURATION_S, rate_hz=RATE_HZ)


@settings(max_examples=40)
@given(kept())
def test_what_is_kept_is_kept_as_it_is(note: Note) -> None:
    assert checked(note, duration_s=DURATION_S, rate_hz=RATE_HZ) == note


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"text": " "}, "says nothing"),
        ({"text": "a\0b"}, "a note of 3 characters"),
        ({"text": "x" * (MAX_TEXT + 1)}, f"a note of {MAX_TEXT + 1} characters"),
        ({"tags": ("a;b",)}, "the tag 'a;b'"),
        ({"tags": ("",)}, "the tag ''"),
        ({"author": "a\nb"}, "the author"),
        ({"start_s": -1.0, "end_s": 1.0}, "the range -1-1 s"),
        ({"start_s": 2.0, "end_s": 1.0}, "the range 2-1 s"),
        ({"start_s": 1.0, "end_s": 3.2}, "the range 1-3.2 s"),
        ({"start_s": float("nan"), "end_s": 1.0}, "the range nan-1 s"),
        ({"low_hz": 500.0, "high_hz": 100.0}, "the band 500-100 Hz"),
    ],
)
def test_what_is_refused(change: dict[str, object], found: str) -> None:
    note = replace(Note("", "", None, None, "a wren"), **change)
    with pytest.raises(InputError) as raised:
        checked(note, duration_s=DURATION_S, rate_hz=RATE_HZ)
    assert found in raised.value.found


def test_others_round_so_a_little_past_the_end_is_the_end() -> None:
    note = checked(Note("", "", 2.5, 3.04, "x"), duration_s=DURATION_S, rate_hz=RATE_HZ)
    assert (note.start_s, note.end_s) == (2.5, DURATION_S)


def test_ids_grow_with_time() -> None:
    ids = [note_id for _ in range(5) for note_id in new_ids(3)]
    assert ids == sorted(set(ids))


# -- files --------------------------------------------------------------------------------------------


def filed(note: Note) -> Filed:
    path = f"{ROOT}/{NAMES[[sound_id(n) for n in range(3)].index(note.sound_id)]}"
    return Filed(note, path, DURATION_S, RATE_HZ)


def flat(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


@settings(max_examples=30)
@given(st.lists(kept(), max_size=4))
def test_csv_and_json_keep_all(notes: list[Note]) -> None:
    for form in ("csv", "json"):
        back = noteforms.read(noteforms.written([filed(n) for n in notes], form), form)
        assert [one.note for one in back] == notes
        assert [one.path for one in back] == [filed(n).path for n in notes]


@settings(max_examples=40)
@given(st.lists(kept(), max_size=4))
def test_labels_and_tables_keep_what_they_have_room_for(notes: list[Note]) -> None:
    for form in ("audacity", "raven"):
        back = noteforms.read(noteforms.written([filed(n) for n in notes], form), form)
        assert len(back) == len(notes)
        for one, note in zip(back, notes, strict=True):
            wanted = replace(note, text=flat(note.text))
            if form == "audacity":  # no room for these
                found = replace(one.note, sound_id=note.sound_id, note_id="", author="")
                wanted = replace(wanted, note_id="", author="", made_at=found.made_at)
            else:
                found = one.note
                assert one.path == filed(note).path
            assert checked(found, duration_s=DURATION_S, rate_hz=RATE_HZ) == wanted


def test_csv_is_what_another_reader_reads() -> None:
    note = Note("", sound_id(0), 0.5, 1.0, 'say "a,\nb"', ("x", "y z"))
    [row] = csv.DictReader(io.StringIO(noteforms.written([filed(note)], "csv"), newline=""))
    assert (row["text"], row["tags"], float(row["start_s"])) == ('say "a,\nb"', "x;y z", 0.5)
    assert row["low_hz"] == ""


def test_a_selection_table_of_another_program() -> None:
    table = (
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\t"
        "Common Name\tConfidence\tBegin Path\tFile Offset (s)\r\n"
        "1\tWaveform 1\t1\t63.0\t64.5\t0\t8000\tWren\t0.91\t/x/wren.wav\t0.5\r\n"
        "1\tSpectrogram 1\t1\t63.0\t64.5\t2000.5\t7000\tWren\t0.91\t/x/wren.wav\t0.5\r\n"
        "2\tSpectrogram 1\t1\t66.0\t66.5\t\t\t\t\t/x/owl.wav\t1.0\r\n"
    )
    first, second = noteforms.read(table, "raven")
    assert (first.note.text, first.note.low_hz, first.path) == ("Wren", 2000.5, "/x/wren.wav")
    assert (first.note.start_s, first.note.end_s) == (0.5, 2.0), "counted from its file's beginning"
    assert (second.note.text, second.note.low_hz, second.note.end_s) == ("", None, 1.5)


def test_labels_of_another_program() -> None:
    text = "0.500000\t0.900000\tWren\r\n\\\t-1.000000\t-1.000000\r\n1.0\t1.0\t\n\\\t100.0\t900\n\n"
    first, second = noteforms.read(text, "audacity")
    assert (first.note.start_s, first.note.end_s, first.note.text) == (0.5, 0.9, "Wren")
    assert first.note.low_hz is None
    assert (second.note.start_s, second.note.end_s, second.note.high_hz) == (1.0, 1.0, 900.0)


@pytest.mark.parametrize(
    ("form", "text", "found"),
    [
        ("csv", "a,b\n1,2\n", "the columns a, b"),
        ("csv", "path,text,start_s\nx,y,soon\n", "'soon' where a number should be in line 2"),
        ("csv", "path,text,made_at\nx,y,soon\n", "the time 'soon' in line 2"),
        ("json", "{", "no JSON"),
        ("json", '{"a": 1}', "no list of notes"),
        ("json", '[{"text": "x", "tags": "a"}]', "the tags 'a' in line 1"),
        ("audacity", "1.0\n", "'1.0', which is no label, in line 1"),
        ("raven", "Selection\tView\n", "'Selection\\tView'"),
        ("midi", "", "the form 'midi'"),
    ],
)
def test_files_that_cannot_be_read(form: str, text: str, found: str) -> None:
    with pytest.raises(InputError) as raised:
        noteforms.read(text, form)
    assert found in raised.value.found


@pytest.mark.parametrize("name", ["n.csv", "n.json", "n.tsv"])
def test_a_library_s_notes_cross_over(library: Library, tmp_path: Path, name: str) -> None:
    library.annotate("wren.wav@0.5-1.25", "two calls", tags=["dawn", "bird"], author="ada")
    library.annotate("tram [2].wav", "bell", low_hz=200.0, high_hz=900.0)
    before = library.annotations()
    assert library.export_notes(tmp_path / name) == 2
    again = library.import_notes(tmp_path / name)
    assert (again.added, again.known) == (0, 2), "a second time adds nothing"
    library.unannotate([note.note_id for note in before])
    back = library.import_notes(tmp_path / name)
    assert (back.added, back.known, back.unknown) == (2, 0, ())
    assert library.annotations() == before


def test_labels_cross_over_by_the_name_of_their_file(library: Library, tmp_path: Path) -> None:
    note = library.annotate("wren.wav@0.5-1.25", "two calls [sic]", tags=["dawn"], author="ada")
    path = tmp_path / "wren.labels.txt"
    assert library.export_notes(path, scope="name:wren") == 1
    assert library.import_notes(path).known == 1
    library.unannotate([note.note_id])
    assert library.import_notes(path, author="bob").added == 1
    [back] = library.annotations()
    assert back.said == note.said
    assert back.author == "bob"
    assert library.import_notes(path, sound="owl.wav").added == 1
    shutil.copy(path, tmp_path / "eagle.txt")
    with pytest.raises(InputError, match="no sounds by the name 'eagle'"):
        library.import_notes(tmp_path / "eagle.txt")


def test_an_import_is_whole_or_not_at_all(library: Library, tmp_path: Path) -> None:
    rows = [{"path": "wren.wav", "text": "x"}, {"path": "gone.wav", "text": "y"}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    done = library.import_notes(tmp_path / "a.json")
    assert (done.added, done.unknown) == (1, ("gone.wav",))
    rows = [{"path": "owl.wav", "text": "x"}, {"path": "owl.wav", "text": "y", "start_s": 99}]
    (tmp_path / "b.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"in line 2; .* nothing was imported"):
        library.import_notes(tmp_path / "b.json")
    assert library.annotations("owl.wav") == []


# -- in a library -------------------------------------------------------------------------------------


def test_on_sounds_ranges_and_segments(library: Library) -> None:
    whole = library.annotate(sound_id(0), "a take", author="ada")
    assert (whole.start_s, whole.end_s, whole.author) == (None, None, "ada")
    segment = library.segments(sound_id(0))[2]
    on_it = library.annotate(segment.segment_id, "here")
    assert (on_it.start_s, on_it.end_s) == (segment.start_s, segment.end_s)
    path = f"{ROOT}/birds/owl.wav"
    ranged = library.annotate(f"{path}@1-1.5", "hoo")
    assert (ranged.sound_id, ranged.start_s, ranged.end_s) == (sound_id(1), 1.0, 1.5)
    assert library.annotations(path) == [ranged]
    assert library.annotations(sound_id(0)) == [whole, on_it]
    assert library.annotations(f"{sound_id(0)}-0") == [whole, on_it], "ranges that touch"
    assert library.annotations("wren.wav@2.5-3") == [whole]
    assert library.annotations(author="ada") == [whole]
    assert library.annotations(saying="HOO") == [ranged]
    for wrong in ("eagle.wav", sound_id(9), f"{sound_id(0)}-77", "wav"):
        with pytest.raises(NotFound):
            library.annotate(wrong, "x")


def test_pages_miss_nothing_while_others_write(library: Library) -> None:
    made = [library.annotate(sound_id(n % 3), f"note {n}").note_id for n in range(12)]
    seen: list[str] = []
    after = ""
    while page := library.annotations(after=after, limit=5):
        seen += [note.note_id for note in page]
        after = page[-1].note_id
        if len(seen) == 5:
            library.unannotate([made[0], made[7]])
            made.append(library.annotate(sound_id(0), "late").note_id)
    assert seen == [note_id for note_id in made if note_id != made[7]]
    with pytest.raises(NotFound, match="there is no note"):
        library.unannotate([made[7]])


def test_words_find_notes(library: Library) -> None:
    library.annotate("wren.wav@0.5-1", "Zaunkönig, ruft", tags=["dawn chorus"])
    library.annotate("owl.wav", "ruft zurück")

    def found(query: str) -> set[str]:
        return {sound.name for sound in library.sounds(query)[0]}

    assert found("note:RUFT") == {"wren.wav", "owl.wav"}
    assert found('note:"dawn chorus"') == {"wren.wav"}
    assert found("note:ruft -note:zurück") == {"wren.wav"}
    assert found("-note:ruft") == {"tram [2].wav"}
    assert found("note:zaunkönig note:zurück") == set()
    assert found("ruft") == set(), "plain words are of paths and tags"


def test_they_go_with_their_sound_alone(library: Library) -> None:
    library.annotate(sound_id(0), "first")
    stays = library.annotate(sound_id(1), "second")
    library.forget(sound_id(0))
    assert library.annotations() == [stays]
    assert library.to_arrow("notes")["note_id"].to_pylist() == [stays.note_id]


def test_they_survive_moves_and_another_index(tmp_path: Path, inline: None) -> None:
    folder = tmp_path / "Sounds"
    wav(folder / "a.wav", 1)
    wav(folder / "other.wav", 2)
    with Library.open(tmp_path / "library") as library:
        library.add(folder)
        note = library.annotate(folder / "a.wav", "mine", start_s=0.1, end_s=0.2)
        (folder / "deep").mkdir()
        (folder / "a.wav").rename(folder / "deep" / "b.wav")
        assert library.add(folder).moved == 1
        assert library.annotations("deep/b.wav") == [note]
        (folder / "deep" / "b.wav").rename(tmp_path / "b.wav")
        library.add(folder)
        assert library.sounds()[1] == 1
        (tmp_path / "b.wav").rename(folder / "c.wav")
        library.add(folder)
        assert library.annotations("c.wav") == [note]
        library.compact()
    with Library.open(tmp_path / "library") as library:
        assert library.annotations() == [note]


def _write(path: str, who: int) -> None:
    with Library.open(path) as library:
        for n in range(4):
            library.annotate(sound_id(who % 3), f"{who} says {n}", author=str(who))


def test_several_write_at_once(library: Library) -> None:
    """Each has a library and lock files of its own, as processes have."""
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(_write, str(library.path), who) for who in range(2)]
    for writer in writers:
        writer.result()
    with Library.open(library.path) as opened:
        said = {note.text for note in opened.annotations()}
    assert said == {f"{who} says {n}" for who in range(2) for n in range(4)}


def test_a_library_of_format_1_takes_notes(tmp_path: Path) -> None:
    with tarfile.open(FORMAT_1) as archive:
        archive.extractall(tmp_path, filter="data")
    with Library.open(tmp_path / "library", create=False) as library:
        assert library.annotations() == []
        note = library.annotate("kick.wav", "low")
        assert library.annotations("kick.wav") == [note]
        assert [sound.name for sound in library.sounds("note:low")[0]] == ["kick.wav"]
