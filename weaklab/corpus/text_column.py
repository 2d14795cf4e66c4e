"""Finds the text column of a table if the user does not name it; if several columns are possible, an error asks."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError
from weaklab.corpus.id_column import likely_id
from weaklab.corpus.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

TEXT_WORDS = 3
"""Strings with fewer words on average may be classes or names instead of texts."""
TEXT_IDEOGRAPHS = 6
"""In a script without spaces, strings with fewer characters on average may be classes or names."""
_SAMPLES = 3
_COLUMNS = 12


def guessed_text(batch: pa.RecordBatch, hidden: set[str | None], source: Source) -> tuple[str, ...]:
    """Return the text column of the first batch of a table, () where there is none.

    The column ``text``; else the only column of strings, if nothing else is there or they read like texts. Strings that
    are few, short and repeated are classes and never the text.

    Raises
    ------
    CorpusError
        There is more than one reading.
    """
    import pyarrow as pa

    if "text" in batch.schema.names and "text" not in hidden:
        return ("text",)
    strings = [
        field.name for field in batch.schema if pa.types.is_large_string(field.type) and field.name not in hidden
    ]
    lost = [name for name, reason in source.left_out.items() if name not in hidden and " str " in reason]
    if not strings and not lost:
        return ()
    if len(strings) + len(lost) > 1:
        names = ", ".join([*strings, *lost])
        like_texts = [
            name for name in strings if read_like_texts([value for value in batch.column(name).to_pylist() if value])
        ]
        name = (*like_texts, *strings, *lost)[0]
        one, none = f"text={name!r} (--text {shlex.quote(name)})", "text=[] (--no-text)"
        wanted = f"{one}, or {none} if none is" if like_texts else f"{none} for none, or one of them, as in {one}"
        raise CorpusError(
            f"{source.name}: several columns hold strings ({names}); say which is the text: {wanted}; "
            f"{_choices(batch, hidden)}"
        )
    if lost:
        raise CorpusError(
            f"{source.left_out[lost[0]]}; if it is the text, name it: text={lost[0]!r} "
            f"(--text {shlex.quote(lost[0])}), else say text=[] (--no-text); {_choices(batch, hidden)}"
        )
    values = [value for value in batch.column(strings[0]).to_pylist() if value]
    alone = all(name in hidden or name == strings[0] for name in batch.schema.names)
    if are_classes(values) or not (alone or read_like_texts(values)):
        name = strings[0]
        raise CorpusError(
            f"{source.name}: column {name!r} holds {len(set(values)):,} different strings in {len(values):,} records, "
            f"which may be texts, classes or names; say which: text={name!r}, label={name!r} or gold={name!r} "
            f"(--text, --label or --gold {shlex.quote(name)}), or text=[] (--no-text) where no column is text; "
            f"{_choices(batch, hidden)}"
        )
    return (strings[0],)


def are_classes(values: Sequence[str]) -> bool:
    """Whether strings are few, short and repeated.

    >>> are_classes(["spam", "ham", "ham", "spam", "ham"]), are_classes(["spam", "ham"])
    (True, False)
    """
    different = set(values)
    short = sum(map(_words, different)) < TEXT_WORDS * len(different)
    return len(values) > 3 and 2 * len(different) <= len(values) and short


def read_like_texts(values: Sequence[str]) -> bool:
    """Whether strings are mostly different and have the words, or the characters, of texts.

    >>> texts = ["win a prize now", "see you at noon"], ["Rome", "Paris"], ["你好吗今天天气"]
    >>> tuple(map(read_like_texts, texts))
    (True, False, True)
    """
    words = sum(map(_words, values))
    ideographs = sum(character > "\u2e80" for value in values for character in value)
    different = 2 * len(set(values)) > len(values)
    return (
        bool(values)
        and different
        and (words >= TEXT_WORDS * len(values) or ideographs >= TEXT_IDEOGRAPHS * len(values))
    )


def _words(value: str) -> int:
    return len(value[:1000].split())


def _choices(batch: pa.RecordBatch, hidden: set[str | None]) -> str:
    """Show the columns with some of their values, and the one that may be the id where none is named."""
    shown = []
    for name, column in list(zip(batch.schema.names, batch.columns, strict=True))[:_COLUMNS]:
        values = list(dict.fromkeys(map(_short, column.slice(0, 50).to_pylist())))
        shown.append(f"{name[:40]} ({', '.join(values[:_SAMPLES])}{', ...' if len(values) > _SAMPLES else ''})")
    more = batch.num_columns - len(shown)
    found = f"the columns are {', '.join(shown)}{f' and {more} more' if more else ''}"
    name = None if "id" not in hidden or "id" in batch.schema.names else likely_id(batch, hidden)
    return found if name is None else f"{found}; {name!r} may be the id: id={name!r} (--id {shlex.quote(name)})"


def _short(value: Any) -> str:
    shown = repr(value) if isinstance(value, str) else " ".join(str(value).split())
    return shown if len(shown) <= 24 else shown[:21] + "..."
