"""A search of every byte: where a person can hide in a file, and what only looks like her."""

import bz2
import gzip
import html
import io
import json
import lzma
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backfill_assets.storage.needles import needles, strings_of
from backfill_assets.storage.searching import search_disk

PERSON, SHORT = "zoë o'neill-4711", "17841"
Make = Callable[[str], bytes]


def parquet(values: list[str | None], **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": values, "n": [*range(len(values))]}), file, **options)
    return file.getvalue()


def left_in_dictionary(person: str) -> bytes:
    """A Parquet file of whose dictionary no row has the second value any more."""
    whole = pa.array([0, 0, 0], pa.int32())
    column = pa.DictionaryArray.from_arrays(whole, pa.array(["nobody", person]))
    file = io.BytesIO()
    pq.write_table(pa.table({"a": column}), file, store_schema=False, write_statistics=False)
    assert person not in pl.read_parquet(io.BytesIO(file.getvalue()))["a"].cast(pl.String).to_list()
    return file.getvalue()


def database(person: str, *, deleted: bool) -> bytes:
    with closing(sqlite3.connect(":memory:")) as there:
        there.execute("create table event (id integer, body text)")
        there.execute("insert into event values (1, ?)", (json.dumps({"why": f"row of {person}"}),))
        there.execute("insert into event values (2, ?)", (json.dumps({"size": 17841}),))
        there.commit()
        if deleted:
            there.execute("delete from event where id = 1")
            there.commit()
        return there.serialize()


def zipped(person: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<t>{html.escape(person)}</t>")
    return file.getvalue()


HIDING: dict[str, tuple[str, Make]] = {
    "as text": ("a.csv", lambda person: f"x,{person},1\n".encode()),
    "in a page": ("a.html", lambda person: f"<td>{html.escape(person)}</td>".encode()),
    "as JSON": (
        "00.json",
        lambda person: json.dumps({"add": {"stats": json.dumps({"minValues": {"v": person}})}}).encode(),
    ),
    "as lines of JSON": ("a.ndjson", lambda person: f'{{"a": 1}}\n{json.dumps({"customer": person})}\n'.encode()),
    **{
        f"in Parquet by {codec}, version {version}, {'with' if with_dictionary else 'without'} a dictionary": (
            "a.parquet",
            lambda person, c=codec, v=version, d=with_dictionary: parquet(
                ["x", person, None], compression=c, data_page_version=v, use_dictionary=d, write_statistics=False
            ),
        )
        for codec, version, with_dictionary in [
            ("zstd", "1.0", True),
            ("snappy", "2.0", False),
            ("gzip", "1.0", False),
            ("lz4", "2.0", True),
            ("brotli", "1.0", True),
            ("none", "2.0", True),
        ]
    },
    "with lengths apart": (
        "a.parquet",
        lambda person: parquet(
            [f"x{person[:3]}", f"x{person[:3]}y", person],
            use_dictionary=False,
            column_encoding={"a": "DELTA_BYTE_ARRAY", "n": "PLAIN"},
        ),
    ),
    "in a list": ("a.parquet", lambda person: pl.DataFrame({"a": [[person]]}).pipe(_written)),
    "in a dictionary without a row": ("a.parquet", left_in_dictionary),
    "gzipped": ("a.gz", lambda person: gzip.compress(f"x {person}".encode())),
    "gzipped twice": ("a.gz", lambda person: gzip.compress(gzip.compress(f"x {person}".encode()))),
    "by bzip2": ("a.bz2", lambda person: bz2.compress(person.encode())),
    "by xz": ("a.xz", lambda person: lzma.compress(person.encode())),
    "by Zstandard": ("a.zst", lambda person: pa.Codec("zstd").compress(person.encode(), asbytes=True)),
    "in a workbook": ("a.xlsx", zipped),
    "in a PDF": ("a.pdf", lambda person: b"%PDF-1.7\nstream\n" + zlib.compress(person.encode()) + b"\nendstream"),
    "in a database": ("runs.db", lambda person: database(person, deleted=False)),
    "deleted from a database": ("runs.db", lambda person: database(person, deleted=True)),
    "in the name of a file": (f"{SHORT}.txt", lambda _: b""),
}


def _written(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize("case", HIDING)
@pytest.mark.parametrize("person", [PERSON, SHORT])
def test_a_person_is_found_wherever_she_hides(tmp_path: Path, case: str, person: str) -> None:
    name, make = HIDING[case]
    if case in {"in the name of a file", "deleted from a database"} and person == PERSON:
        pytest.skip("a name in letters that are escaped there")
    (tmp_path / name).write_bytes(make(person))
    for texts in ([person], [person, *(f"other-{number}" for number in range(40))]):
        found = search_disk(tmp_path, needles(texts))
        assert (len(found.hits), found.unread, found.files) == (1, [], 1)
        assert person not in found.hits[0].place.around


LOOKING_ALIKE: dict[str, bytes] = {
    "within a longer number": b"9178410 117841 178412",
    "as a part of a decimal": b"17841.25 and 0.17841",
    "within a hash": b"e3b0c44298fc1c149afbf17841b92427ae41e4649b934ca4",
}


@pytest.mark.parametrize("case", LOOKING_ALIKE)
def test_what_only_looks_like_a_short_number_is_no_trace(tmp_path: Path, case: str) -> None:
    (tmp_path / "a.txt").write_bytes(LOOKING_ALIKE[case])
    (tmp_path / "b.json").write_text('{"size": 17841, "pid": 17841}')
    assert search_disk(tmp_path, needles([SHORT])).hits == []


def test_a_short_number_in_a_sentence_may_be_there_by_chance_and_is_shown_with_what_is_beside_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("started (pid: 17841), done")
    (hit,) = search_disk(tmp_path, needles([SHORT])).hits
    assert (hit.place.is_certain, hit.place.around) == (False, "started (pid: █), done")


def test_what_cannot_be_looked_into_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 broken PAR1")
    (tmp_path / "a.gz").write_bytes(b"\x1f\x8b broken")
    assert len(search_disk(tmp_path, needles([PERSON])).unread) == 2


TEXTS = {
    "one that is no JSON, however many lines": ("a\n17841\nb", ["a\n17841\nb"]),
    "a bare number": ("17841", ["17841"]),
    "names and values": ('{"a": ["b", {"c": "d"}]}', ["a", "b", "c", "d"]),
    "JSON by line, one of them cut": ('{"a": "b"}\n{"c', ["a", "b", '{"c']),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_texts_in_a_text_are_looked_at_by_themselves(name: str) -> None:
    text, found = TEXTS[name]
    assert [*strings_of(text)] == found
