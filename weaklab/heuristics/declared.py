"""Heuristics that need no code of the user: keywords, regular expressions, and votes from a column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import HeuristicError
from weaklab.core.labels import LabelNames
from weaklab.corpus.records import Columns
from weaklab.heuristics import fingerprint
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch
from weaklab.heuristics.functions import BallotBox, Examples, example_pairs, shortened

if TYPE_CHECKING:
    import pyarrow as pa


class Declared(Heuristic):
    """A heuristic that is known by what it was made with, so that this cannot be changed later."""

    made_with: tuple[str, ...]
    """Names of the attributes that decide its votes."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.made_with and name in vars(self):
            raise HeuristicError(
                f"{self.name!r} is made with {name}={shortened(vars(self)[name])}, which cannot be changed to "
                f"{shortened(value)}; make a new heuristic and add it under the same name"
            )
        super().__setattr__(name, value)


class TextSearch(Declared):
    """Votes for a label where a regular expression is found in a column; the base of keywords and patterns."""

    label: str | int
    column: str
    regex: re.Pattern[str]

    def reads(self) -> frozenset[str]:
        return frozenset((self.column,))

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        columns = Columns(batch)
        box = BallotBox(self, columns, labels)
        code, search = labels.code(self.label), self.regex.search
        try:
            values = columns[self.column]
        except KeyError as error:
            for row in range(len(columns)):
                box.fault(row, error)
            return box.close()
        at, skip = (watch.at, watch.skip) if watch is not None else (None, ())
        votes = box.ballot.votes
        for row, value in enumerate(values):
            if at is not None:
                if row in skip:
                    continue
                at(row)
            if value is not None and search(value if isinstance(value, str) else str(value)):
                votes[row] = code
        return box.close()


class Keywords(TextSearch):
    """Votes for a label where a text contains one of some words; made by :func:`keywords`."""

    made_with = ("label", "words", "case", "column")

    def __init__(
        self,
        label: str | int,
        words: Iterable[str],
        *,
        name: str | None = None,
        case: bool = False,
        column: str = "text",
        examples: Examples = None,
    ) -> None:
        words = _word_list(words)
        self.label, self.words, self.case, self.column = _label(label, "keywords"), tuple(words), case, column
        self.name, self.named = name or f"keywords_{label}_{_slug(words[0])}", name is not None
        self.examples = example_pairs(examples, self.name)

    @cached_property
    def regex(self) -> re.Pattern[str]:  # type: ignore[override]  # it can be set as any cached property can
        """The regular expression that finds one of the words; compiled on first use, as most lists never need it."""
        return words_regex(self.words, self.case)

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint.digest("keywords", str(self.label), self.column, str(self.case), *sorted(set(self.words)))

    def spec(self) -> dict[str, Any]:
        return {
            "kind": "keywords",
            "label": self.label,
            "words": list(self.words),
            "name": self.name,
            "case": self.case,
            "column": self.column,
        }


class Pattern(TextSearch):
    """Votes for a label where a regular expression is found in a text; made by :func:`pattern`."""

    opaque = True
    made_with = ("label", "regex", "column")

    def __init__(
        self,
        label: str | int,
        regex: str | re.Pattern[str],
        *,
        name: str | None = None,
        flags: int = re.IGNORECASE,
        column: str = "text",
        examples: Examples = None,
    ) -> None:
        try:
            compiled = regex if isinstance(regex, re.Pattern) else re.compile(regex, flags)
            compiled.search("")
        except (re.error, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise HeuristicError(
                f"pattern for {label!r}: {shortened(regex)} is not a regular expression for text: {error}"
            ) from None
        self.label, self.regex, self.column = _label(label, "a pattern"), compiled, column
        self.name, self.named = name or f"pattern_{label}_{_slug(compiled.pattern)}", name is not None
        self.examples = example_pairs(examples, self.name)

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint.digest("pattern", str(self.label), self.column, str(self.regex.flags), self.regex.pattern)

    def spec(self) -> dict[str, Any]:
        return {
            "kind": "pattern",
            "label": self.label,
            "regex": self.regex.pattern,
            "flags": self.regex.flags & ~re.UNICODE,
            "name": self.name,
            "column": self.column,
        }


class ColumnVotes(Declared):
    """Votes from a data column: label codes or names, or one position of a list column."""

    made_with = ("column", "position")

    def __init__(self, name: str, column: str, position: int | None = None) -> None:
        self.name, self.column, self.position = name, column, position

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint.digest("column", self.column, str(self.position))

    def reads(self) -> frozenset[str]:
        return frozenset((self.column,))

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        columns = Columns(batch)
        box = BallotBox(self, columns, labels)
        for row, value in enumerate(columns[self.column]):
            box.put(row, value if self.position is None or value is None else value[self.position])
        return box.close()

    def spec(self) -> dict[str, Any]:
        return {"kind": "column", "name": self.name, "column": self.column, "position": self.position}


def _word_list(words: Any) -> list[str]:
    try:
        found = [] if isinstance(words, str) else sorted(words) if isinstance(words, (set, frozenset)) else list(words)
    except TypeError:
        found = []
    if not found or not all(isinstance(word, str) and word.strip() for word in found):
        raise HeuristicError(f"keywords need a list of words, such as ['prize', 'free entry'], got {shortened(words)}")
    return found


def _label(label: Any, what: str) -> str | int:
    """Return the label that a heuristic votes for, as name or code, after a check."""
    if isinstance(label, bool) or not isinstance(label, (str, Integral)):
        raise HeuristicError(f"{what} must vote for one label, by its name or code, got {label!r}")
    return str(label) if isinstance(label, str) else int(label)


def words_regex(words: Iterable[str], case: bool) -> re.Pattern[str]:
    """Return a regular expression that finds one of ``words`` as a whole word."""
    alternatives = "|".join(_whole_word(word) for word in sorted(set(words), key=lambda word: (-len(word), word)))
    return re.compile(alternatives, 0 if case else re.IGNORECASE)


def _whole_word(word: str) -> str:
    """Return a regular expression that matches a word only if it is not part of a longer word."""
    word = word.strip()
    left = r"(?<!\w)" if re.match(r"\w", word) else ""
    right = r"(?!\w)" if re.search(r"\w\Z", word) else ""
    return left + r"\s+".join(re.escape(part) for part in word.split()) + right


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_").lower()[:24] or "x"


def keywords(
    label: str | int,
    words: Iterable[str],
    *,
    name: str | None = None,
    case: bool = False,
    column: str = "text",
    examples: Examples = None,
) -> Keywords:
    r"""Vote ``label`` where the text contains one of ``words`` as a whole word; abstain elsewhere.

    Parameters
    ----------
    label : label name or code
    words : words or phrases; a space in a phrase matches any white space
    case : whether upper and lower case are different
    column : the column to search, by default the text

    Examples
    --------
    >>> keywords("news", ["central bank", "minister"]).name
    'keywords_news_central_bank'
    """
    return Keywords(label, words, name=name, case=case, column=column, examples=examples)


def pattern(
    label: str | int,
    regex: str | re.Pattern[str],
    *,
    name: str | None = None,
    flags: int = re.IGNORECASE,
    column: str = "text",
    examples: Examples = None,
) -> Pattern:
    r"""Vote ``label`` where ``regex`` is found in the text (Python's ``re.search``); abstain elsewhere.

    Parameters
    ----------
    label : label name or code
    regex : regular expression; a compiled one keeps its own flags
    flags : flags of :mod:`re`, by default ``re.IGNORECASE``
    column : the column to search, by default the text

    Examples
    --------
    >>> pattern("clickbait", r"^\d+ (things|reasons)", name="list").name
    'list'
    """
    return Pattern(label, regex, name=name, flags=flags, column=column, examples=examples)
