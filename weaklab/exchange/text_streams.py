"""Opens files as text: compression, encodings, lines, and messages for files that cannot be read."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

from weaklab.core.errors import CorpusError

_SAMPLE_BYTES = 1 << 18
_WIDE = ("utf-16", "utf-32")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook: unpack it, or name it .xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save it as .xlsx or CSV"),
    (b"PAR1", "a Parquet file: name it .parquet"),
    (b"ARROW1", "an Arrow file: read it with pyarrow and pass the table"),
    (b"%PDF", "a PDF file: take the text out of it first"),
    (b"SQLite format 3\0", "an SQLite database: read it with pandas.read_sql and pass the DataFrame"),
    (b"BZh", "compressed with bzip2: unpack it, or compress it with gzip"),
    (b"\xfd7zXZ\0", "compressed with xz: unpack it, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it, or compress it with gzip"),
    (b"\x1f\x8b", "compressed with gzip: give its name the ending .gz"),
)


def suffix(path: Path) -> str:
    """Return the ending of a file name in lower case, that of compressed files without ``.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes[-1] if suffixes else "")


def short(value: Any) -> str:
    """Return a value for a message: on one line, cut after 80 characters."""
    shown = repr(value) if isinstance(value, str) else " ".join(repr(value).split())
    return shown if len(shown) <= 80 else shown[:77] + "..."


def first_line(error: Exception | str) -> str:
    """Return the first line of a message of another library."""
    text = next(iter(str(error).splitlines()), type(error).__name__)
    return text if len(text) <= 300 else text[:300] + "..."


def open_bytes(path: Path) -> BinaryIO:
    """Open a file, which may be compressed with gzip."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb")  # type: ignore[return-value]


def head_of(path: Path, size: int = _SAMPLE_BYTES) -> bytes:
    """Return the first bytes of what a file holds.

    Raises
    ------
    CorpusError
        It cannot be read.
    """
    try:
        with open_bytes(path) as stream:
            return stream.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(unreadable(path, error)) from None


def check_is_text(path: Path, encoding: str) -> None:
    """Raise a CorpusError if a file is plainly something else than text in this encoding.

    Text in UTF-16 is valid UTF-8 where its characters are ASCII: each comes with a NUL byte, which no error would show.
    """
    head = head_of(path)
    found = next((what for signature, what in _SIGNATURES if head.startswith(signature)), None)
    if found is not None:
        raise CorpusError(f"{path}: is no text file but {found}")
    if not encoding.startswith(_WIDE):
        wide = _wide_encoding(head)
        if wide is not None:
            raise CorpusError(f"{path}: is not {encoding} but {wide}; pass encoding={wide!r}")
        if head.count(0) > len(head) // 3:
            raise CorpusError(f"{path}: is no text file: {head.count(0):,} of its first {len(head):,} bytes are NUL")


def _wide_encoding(head: bytes) -> str | None:
    """Recognise UTF-16 and UTF-32, with and without a byte order mark."""
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked is not None:
        return marked
    for name, width, places in (
        ("utf-32-le", 4, (1, 2, 3)),
        ("utf-32-be", 4, (0, 1, 2)),
        ("utf-16-le", 2, (1,)),
        ("utf-16-be", 2, (0,)),
    ):
        whole = head[: len(head) // width * width]
        nul = [whole[place::width].count(0) for place in range(width)]
        cells = len(whole) // width
        # characters of other scripts have no NUL byte, so that spaces, digits and separators have to show it
        if (
            cells >= 2
            and all(nul[place] * 10 >= cells and nul[place] >= 4 for place in places)
            and all(
                nul[place] * 50 <= min(nul[high] for high in places) for place in range(width) if place not in places
            )
        ):
            return name
    return None


def lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, line); only LF and CRLF end a line, as an editor would count them."""
    check_is_text(path, encoding)
    number, raw = 1, b""
    try:
        if encoding.startswith(_WIDE):  # a line feed is not one byte there
            with open_bytes(path) as binary, io.TextIOWrapper(binary, encoding=encoding, newline="\n") as stream:
                for number, line in enumerate(stream, 1):
                    yield number, line.rstrip("\r\n")
        else:
            with open_bytes(path) as binary:
                for number, raw in enumerate(binary, 1):
                    yield (
                        number,
                        raw.decode("utf-8-sig" if number == 1 and encoding == "utf-8" else encoding).rstrip("\r\n"),
                    )
    except UnicodeError:
        raise CorpusError(not_encoded(path, f"line {number}", encoding, raw)) from None
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(unreadable(path, error)) from None


class Utf8Stream:
    """The content of a file of any encoding, as UTF-8 without a byte order mark.

    Parameters
    ----------
    path : the file, which may be compressed with gzip
    encoding : of the file
    """

    def __init__(self, path: Path, encoding: str) -> None:
        check_is_text(path, encoding)
        self.path, self.encoding = path, encoding
        self._stream = open_bytes(path)
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
        self._start = True
        self._line = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.close()

    def read(self, size: int) -> bytes:
        """Return about ``size`` bytes, fewer only at the end of the file, and none after it.

        Raises
        ------
        CorpusError
            The file cannot be read, or is not in this encoding.
        """
        raw = self._raw(size)
        data = raw if self._decoder is None else self._decode(raw, self._decoder.decode)
        while raw and not data:  # a character may be cut, or a byte order mark be all there was
            raw = self._raw(size)
            data = self._decode(raw, self._decoder.decode)  # type: ignore[union-attr]  # undecoded bytes are not empty
        if self._start and data:
            self._start = False
            data = data.removeprefix(codecs.BOM_UTF8)
        return data

    def _raw(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise CorpusError(unreadable(self.path, error)) from None

    def _decode(self, raw: bytes, decode: Callable[..., str]) -> bytes:
        try:
            data = decode(raw, final=not raw).encode()
        except UnicodeError as error:
            start = error.start if isinstance(error, UnicodeDecodeError) else 0
            line = self._line + count_lines(raw[:start])
            raise CorpusError(not_encoded(self.path, f"line {line:,}", self.encoding, raw)) from None
        self._line += count_lines(data)
        return data


def count_lines(data: bytes) -> int:
    """Return how many lines end in some bytes: with LF, CRLF or CR."""
    return data.count(b"\n") + (data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0)


def unreadable(path: Path, error: Exception) -> str:
    """Say why a file cannot be opened or read."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
    broken = "; the compressed file is cut short or is none: make it again" if path.suffix.lower() == ".gz" else ""
    return f"{path}: cannot be read: {reason}{broken}"


def not_encoded(path: Path, what: str, encoding: str, raw: bytes = b"") -> str:
    """Say that text is not in the encoding in which it was read, and in which it may be."""
    other, language = _likely_encoding(raw or head_of(path), encoding)
    return (
        f"{path}: {what} is not {encoding}; pass the file's encoding, such as "
        f"encoding={other!r}{language and f' ({language})'}"
    )


_SCRIPTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("shift_jis", "Japanese", ("HIRAGANA", "KATAKANA")),
    ("euc_jp", "Japanese", ("HIRAGANA", "KATAKANA")),
    ("gb18030", "Chinese", ()),
    ("big5", "Chinese", ()),
    ("euc_kr", "Korean", ("HANGUL",)),
    ("cp1251", "Cyrillic", ("CYRILLIC",)),
    ("koi8-r", "Cyrillic", ("CYRILLIC",)),
)


def _likely_encoding(raw: bytes, encoding: str) -> tuple[str, str]:
    """Return the encoding that bytes seem to be in, and the script that makes it likely.

    Western letters with accents stand alone between ASCII letters; in other scripts bytes beyond ASCII stand in runs.
    """
    if encoding != "utf-8":
        return "utf-8", ""
    runs = re.findall(rb"[\x80-\xff]+", raw[:_SAMPLE_BYTES])
    if runs and sum(map(len, runs)) >= 2 * len(runs):
        scores = [(_plausibility(raw, name, script), name, language) for name, language, script in _SCRIPTS]
        best = max(scores, key=lambda score: score[0])
        if best[0] > 0.6:
            return best[1], best[2]
    return ("cp1252", "") if re.search(rb"[\x80\x82-\x8c\x91-\x9c]", raw) else ("latin-1", "")


def _plausibility(raw: bytes, name: str, script: tuple[str, ...]) -> float:
    """Return the share of the non-ASCII characters that are common in texts of this encoding."""
    try:
        text = codecs.getincrementaldecoder(name)().decode(raw[:_SAMPLE_BYTES])
    except UnicodeDecodeError:
        return 0.0
    found = [character for character in text if character > "\x7f"]
    if (
        name in ("shift_jis", "euc_jp")
        and sum("\u3040" <= character <= "\u30ff" for character in found) < len(found) / 8
    ):
        return 0.0  # Japanese is written with many kana, Chinese with none
    common = sum(_is_common(character, name, script) for character in found)
    return common / len(found) if found else 0.0


def _is_common(character: str, name: str, script: tuple[str, ...]) -> bool:
    described = unicodedata.name(character, "")
    if script:
        plain = described.startswith(script) or (name in ("shift_jis", "euc_jp") and "\u4e00" <= character <= "\u9fff")
        return plain and (script != ("CYRILLIC",) or character.islower() or not character.isalpha())
    if not "\u4e00" <= character <= "\u9fff":
        return "\u3000" <= character <= "\u303f" or "\uff00" <= character <= "\uffef"
    lead = character.encode(name)[0]  # the characters that are used most come first in both tables
    return 0xB0 <= lead <= 0xD7 if name == "gb18030" else 0xA4 <= lead <= 0xC6
