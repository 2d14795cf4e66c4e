"""Options for reading files, such as the encoding and the separator."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from weaklab.core.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Sequence


class FileKeywords(TypedDict, total=False):
    """The keyword arguments of functions that read files; see :class:`FileOptions`."""

    encoding: str
    sep: str | None
    quote: str | None
    escape: str | None
    header: bool | None
    names: Sequence[str] | None
    sheet: str | None
    na_values: Sequence[str]
    decimal: str


_DEFAULTS: tuple[tuple[str, object], ...] = (("encoding", "utf-8"), ("na_values", ()), ("decimal", "."))


@dataclass(frozen=True)
class FileOptions:
    r"""Options for reading files; the defaults are found from the content.

    Parameters
    ----------
    encoding : encoding of text files
    sep : the character between two values of a CSV file, such as ``";"`` or ``"\t"``; by default the one of comma,
        semicolon, tab and ``|`` that gives the first records the same number of values
    quote : the character around values that hold separators, by default ``"``; the empty string where quotes are part
        of the text
    escape : the character that makes the next one part of the text, such as a backslash; by default there is none, and
        a quote inside of quotes is doubled
    header : whether the first line holds the names of the columns; by default it does, and it is an error if it looks
        like data
    names : names of the columns of a file without them, with ``header=False``; by default ``column_1``, ``column_2``...
    na_values : texts that mean an empty cell in a column of numbers, in a CSV file, such as ``["n.a."]``, beside
        NA, NaN, null and the like
    decimal : the character before the decimals of a number in a CSV file, such as ``","``
    sheet : the sheet of an Excel workbook; needed only if several hold something

    Raises
    ------
    CorpusError
        An option is not what it has to be.

    Examples
    --------
    >>> FileOptions(sep=";").chosen
    {'sep': ';'}
    """

    encoding: str = "utf-8"
    sep: str | None = None
    quote: str | None = None
    escape: str | None = None
    header: bool | None = None
    names: Sequence[str] | None = None
    sheet: str | None = None
    na_values: Sequence[str] = ()
    decimal: str = "."

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoding", _encoding(self.encoding))
        _check_character("sep", self.sep, "such as sep=';' or sep='\\t'")
        _check_character("quote", self.quote or None, "or quote='' where quotes are part of the text")
        _check_character("escape", self.escape, "such as escape='\\\\'")
        _check_character("decimal", self.decimal, "such as decimal=','")
        if isinstance(self.na_values, str) or not all(isinstance(value, str) for value in self.na_values):
            raise CorpusError(f"na_values must be a list of texts, got {self.na_values!r}")
        object.__setattr__(self, "na_values", tuple(self.na_values))
        used = [mark for mark in (self.sep, self.quote, self.escape) if mark]
        if len(set(used)) < len(used):
            raise CorpusError(f"sep, quote and escape must be different characters, got {', '.join(map(repr, used))}")
        if self.names is not None:
            self._check_columns(self.names)

    def _check_columns(self, names: Any) -> None:
        if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
            raise CorpusError(f"names must be a list of column names, got {names!r}")
        if self.header is not False:
            raise CorpusError(
                "names= names the columns of a file that has no header; pass header=False (--no-header) with it"
            )
        object.__setattr__(self, "names", tuple(names))

    @property
    def chosen(self) -> dict[str, object]:
        """The options that differ from the defaults."""
        return {
            name: value for name, value in vars(self).items() if value is not None and (name, value) not in _DEFAULTS
        }


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except (LookupError, TypeError):
        raise CorpusError(
            f"no text encoding is named {name!r}; wanted one such as utf-8, latin-1, cp1252 or utf-16"
        ) from None


def _check_character(option: str, value: object, hint: str) -> None:
    if value is not None and not (
        isinstance(value, str) and len(value) == 1 and value.isascii() and value not in "\r\n\0"
    ):
        raise CorpusError(f"{option}={value!r}: wanted one ASCII character, {hint}")
