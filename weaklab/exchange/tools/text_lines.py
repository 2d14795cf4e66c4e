"""A text a line: fastText's lines, and a folder with a file for each label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from weaklab.core.errors import warn
from weaklab.core.files import replacing
from weaklab.core.tables import counted
from weaklab.exchange.json_text import joined
from weaklab.exchange.text_files import UNLABELED_STEMS
from weaklab.exchange.text_streams import lines
from weaklab.exchange.tools.base import FORMATS, GIVEN, Answer, Example, Format, Head, Hints, Labeled
from weaklab.exchange.tools.fields import data_of, refuse

if TYPE_CHECKING:
    import pyarrow as pa

PREFIX = "__label__"
_BREAKS = r"[\r\n]+"
_EDGES = r"^[\s\x{feff}]+|\s+$"
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d|dataset|unlabell?ed)")


class OneLine(Format):
    """A format with a text a line."""

    endings: tuple[str, ...] = (".txt",)
    holds_ids = False
    holds_people = False
    one_line = True

    def texts(self, labeled: Labeled) -> tuple[pa.Array, int]:
        """Return the texts as they are written, and how many are not as they were."""
        import pyarrow.compute as pc

        assert labeled.text is not None
        before = labeled.text.fill_null("")
        found = before
        if any(pc.any(pc.match_substring(before, mark)).as_py() for mark in "\r\n"):
            found = pc.replace_substring_regex(before, _BREAKS, " ")
        found = pc.utf8_trim_whitespace(pc.utf8_trim(found, "\ufeff \t\r\n\v\f"))
        return found, int(pc.sum(pc.not_equal(found, before)).as_py() or 0)


@FORMATS.named("fasttext")
class FastText(OneLine):
    """fastText lines: __label__spam win a prize."""

    title = "fastText lines"
    needs_text = True

    @staticmethod
    def on_one_line(text: str) -> str:
        return re.sub(r"(?<!\S)__label__", "label__", Format.on_one_line(text))

    def recognises(self, head: Head) -> bool:
        return head.kind == ".txt" and bool(head.lines) and all(line.startswith(PREFIX) for line in head.lines)

    def read(self, path: Path, hints: Hints) -> Iterator[Example]:
        for number, line in lines(path, hints.encoding):
            if line.strip():
                yield _example(line, f"{path}:{number}", hints)

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        import pyarrow as pa
        import pyarrow.compute as pc

        texts, changed = self.texts(labeled)
        hidden = texts
        if pc.any(pc.match_substring(texts, PREFIX)).as_py():
            hidden = pc.replace_substring_regex(texts, r"(^|\s)__label__", r"\1label__")
        changed += int(pc.sum(pc.not_equal(hidden, texts)).as_py() or 0)
        names = pa.array([f"{PREFIX}{_encoded(name, whitespace)} " for name in labeled.labels], pa.large_string())
        known = pc.index_in(labeled.label, pa.array(labeled.labels, labeled.label.type))
        found = joined([names.take(known).fill_null(""), _whole(hidden), "\n"])
        with replacing(path) as temporary:
            temporary.write_bytes(data_of(found))
        _tell(changed, self.title)
        return []


@FORMATS.named("text-folder")
class TextFolder(OneLine):
    """A folder of text files: spam.txt and ham.txt, one file a label, and dataset.txt without; a text a line."""

    title = "a folder of text files"
    endings = ()
    in_groups = True

    def read(self, path: Path, hints: Hints) -> Iterator[Example]:
        files = sorted(path.glob("*.txt")) if path.is_dir() else []
        if not files:
            refuse(str(path), "wanted a folder with a .txt file for each label")
        for file in files:
            stem = file.name.removesuffix(".txt")
            label = None if stem.lower() in UNLABELED_STEMS else _decoded(stem, hints.label_names)
            for number, line in lines(file, hints.encoding):
                if line.strip():
                    answers = [] if label is None else [Answer(GIVEN, label, word="labeled")]
                    yield Example(f"{file}:{number}", None, line, {}, answers)

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        import pyarrow.compute as pc

        texts, changed = self.texts(labeled)
        texts = _whole(texts)
        names = _file_names(labeled.labels)
        path.mkdir(parents=True, exist_ok=True)
        found = [(names[name], pc.equal(labeled.label, name).fill_null(False)) for name in labeled.labels]
        for stem, mask in [*found, ("dataset", pc.is_null(labeled.label))]:
            with replacing(path / f"{stem}.txt") as temporary:
                temporary.write_bytes(data_of(joined([texts.filter(mask), "\n"])))
        _tell(changed, self.title)
        return []


def _example(line: str, place: str, hints: Hints) -> Example:
    names = []
    while found := re.match(r"__label__(\S+)(?:\s+|$)", line):
        names.append(_decoded(found[1], hints.label_names))
        line = line[found.end() :]
    if len(names) > 1:
        return Example(place, None, line, {}, [Answer("labels", names, word="with several labels")])
    return Example(place, None, line, {}, [Answer(GIVEN, names[0], word="labeled")] if names else [])


def _whole(texts: pa.Array) -> pa.Array:
    import pyarrow as pa

    return (texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts).cast(pa.large_string())


def whitespace(character: str) -> bool:
    """Whether a character cannot stand in a label of fastText."""
    return character.isspace() or character in "%\0"


def _encoded(name: str, is_odd: object) -> str:
    """Return a name with percent signs in the place of what cannot stand in it, as in the address of a web page."""
    assert callable(is_odd)
    return "".join(
        "".join(f"%{byte:02X}" for byte in character.encode()) if is_odd(character) else character for character in name
    )


def _odd_in_a_file_name(character: str) -> bool:
    return character in '/\\:*?"<>|%.' or not character.isprintable()


def _file_names(labels: Iterable[str]) -> dict[str, str]:
    """Return label -> the name of its file, which every system can hold."""
    found: dict[str, str] = {}
    for name in labels:
        stem = _encoded(name, _odd_in_a_file_name)
        taken = {each.lower() for each in found.values()}
        if _RESERVED.fullmatch(stem) or stem.lower() in taken or stem != stem.strip():
            stem = f"%{ord(stem[0]):02X}{stem[1:]}" if stem[0].isascii() else f"{stem}%20"
        found[name] = stem
    return found


def _decoded(name: str, labels: Iterable[str]) -> str:
    """Return the label that a name of a file stands for: the name itself, or with what stands for spaces in it."""
    known = list(labels)
    if name in known:
        return name
    plain = unquote(name)
    if plain in known or plain.strip() in known:
        return plain if plain in known else plain.strip()
    like = [label for label in known if re.sub(r"[\s_-]+", "_", label) == re.sub(r"[\s_-]+", "_", name)]
    return like[0] if len(like) == 1 else plain


def _tell(changed: int, title: str) -> None:
    if changed:
        warn(
            f"{title}: {counted(changed, 'text')} {'was' if changed == 1 else 'were'} changed, as one line holds one "
            "text: line breaks became spaces, spaces at the ends went"
        )
