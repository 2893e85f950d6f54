"""What stands in the pages of a Parquet file, decompressed: also what no row leads to, such as a value of a dictionary.

A reader shows rows. Who has to prove that a text is nowhere in a file has to look at its bytes, and those are packed.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from backfill_assets.errors.setup import needs_extra

DICTIONARY_PAGE, DATA_PAGE_V2 = 2, 3
LENGTH = struct.Struct("<I")
TEXT = "BYTE_ARRAY"
# Of all bytes of a number but the last.
HIGH_BIT = 0x80
WIDE = ("FIXED_LEN_BYTE_ARRAY", TEXT)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of one column, decompressed, or without a column everything that stands beside pages.

    ``values`` are those of a dictionary, as they are written down.
    """

    column: str
    content: bytes
    values: tuple[bytes, ...] = ()


def refuse_without_reader() -> None:
    """Refuse what could not be proven.

    Raises:
        ExtraMissing: when what looks into the pages of Parquet is not installed.
    """
    with needs_extra("personal-data", "Looking into the pages of Parquet files"):
        import_module("pyarrow.parquet")


def pages(content: bytes) -> Iterator[Page]:
    """Every page of columns that can hold text, and last what stands beside the pages of all columns.

    Raises:
        ExtraMissing: when what decompresses them is not installed.
        Exception: of any kind where it is no whole Parquet file.
    """
    refuse_without_reader()
    reader: Any = import_module("pyarrow.parquet")
    metadata = reader.ParquetFile(io.BytesIO(content)).metadata
    bodies: list[tuple[int, int]] = []
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            for header, begins in _headers(content, column):
                bodies.append((begins, begins + header[3]))
                if column.physical_type in WIDE:
                    yield _page(content[begins : begins + header[3]], header, column)
    bounds = [0, *(end for body in sorted(bodies) for end in body), len(content)]
    yield Page("", b"\0".join(content[bounds[at] : bounds[at + 1]] for at in range(0, len(bounds), 2)))


def _headers(content: bytes, column: Any) -> Iterator[tuple[dict[int, Any], int]]:
    """The header of each page of a column, and where the page begins."""
    begins = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset:
        begins = min(begins, column.dictionary_page_offset)
    at, ends = begins, begins + column.total_compressed_size
    while at < ends:
        header, at = _struct(content, at)
        yield header, at
        at += header[3]


def _page(packed: bytes, header: dict[int, Any], column: Any) -> Page:
    page = _unpacked(packed, header, column.compression)
    is_dictionary = header[1] == DICTIONARY_PAGE and column.physical_type == TEXT
    return Page(column.path_in_schema, page, tuple(_values(page)) if is_dictionary else ())


def _unpacked(packed: bytes, header: dict[int, Any], compression: str) -> bytes:
    plain = 0
    if header[1] == DATA_PAGE_V2:
        # Its levels stand before the values and are never compressed, and the values may not be.
        plain = header[8].get(5, 0) + header[8].get(6, 0)
        if header[8].get(7) is False:
            return packed
    if compression == "UNCOMPRESSED" or len(packed) == plain:
        return packed
    arrow: Any = import_module("pyarrow")
    size = header[2] - plain
    codec = arrow.Codec({"LZ4": "lz4_raw"}.get(compression, compression.lower()))
    return packed[:plain] + bytes(codec.decompress(packed[plain:], size, asbytes=True))


def _values(page: bytes) -> Iterator[bytes]:
    """The texts of a dictionary, each after its length."""
    at = 0
    while at + LENGTH.size <= len(page):
        (length,) = LENGTH.unpack_from(page, at)
        at += LENGTH.size
        yield page[at : at + length]
        at += length


# The header of a page is a struct of Thrift's compact protocol; of it only numbers, truths and structs are read.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12


def _struct(content: bytes, at: int) -> tuple[dict[int, Any], int]:
    found: dict[int, Any] = {}
    field = 0
    while (first := content[at]) != 0:
        at += 1
        kind, step = first & 0x0F, first >> 4
        if step:
            field += step
        else:
            number, at = _varint(content, at)
            field = _signed(number)
        found[field], at = _value(content, at, kind)
    return found, at + 1


def _value(content: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in {_TRUE, _FALSE}:
        return kind == _TRUE, at
    if kind == _STRUCT:
        return _struct(content, at)
    if kind == _BYTE:
        return content[at], at + 1
    if kind == _DOUBLE:
        return None, at + 8
    if kind in {_LIST, _SET, _MAP}:
        message = "a list in the header of a page"
        raise ValueError(message)
    number, at = _varint(content, at)
    return (None, at + number) if kind == _BINARY else (_signed(number), at)


def _varint(content: bytes, at: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        byte = content[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < HIGH_BIT:
            return number, at
        shift += 7


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)
