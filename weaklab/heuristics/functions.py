"""Labeling functions: the user's Python as a voter, one record or one batch at a time."""

from __future__ import annotations

import contextlib
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from weaklab.base import (
    ABSTAIN,
    MAX_FAULT_RECORDS,
    Fault,
    HeuristicError,
    LabelNames,
    UnknownLabelError,
    did_you_mean,
)
from weaklab.corpus.records import Columns, Record, Roles, visible
from weaklab.heuristics import fingerprint
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch

if TYPE_CHECKING:
    import pyarrow as pa

Examples = Mapping[str, Any] | Iterable[tuple[Any, Any]] | None
BATCH_FORMS = ("pandas", "arrow", "polars")


class BallotBox:
    """Collects the votes and faults of one heuristic on one batch."""

    def __init__(self, heuristic: Heuristic, columns: Columns, labels: LabelNames) -> None:
        self._heuristic = heuristic
        self._columns = columns
        self._labels = labels
        self._confidence: dict[int, float] = {}
        self._faults: dict[str, tuple[str, list[str], int]] = {}
        self.ballot = Ballot.blank(len(columns))

    def put(self, row: int, vote: Any) -> None:
        """Store a vote as the user's function returned it; one that is no label becomes a fault."""
        try:
            vote, confidence = split_vote(vote)
            self.ballot.votes[row] = code = self._labels.code(vote)
        except UnknownLabelError as error:
            self.fault(row, error)
        else:
            if confidence < 1 and code != ABSTAIN:
                self._confidence[row] = confidence

    def fault(self, row: int, error: BaseException | str) -> None:
        """Note what went wrong on a row, which abstains."""
        kind = error if isinstance(error, str) else type(error).__name__
        message, records, count = self._faults.get(kind, (_message(error), [], 0))
        if len(records) < MAX_FAULT_RECORDS:
            records.append(str(self._columns[self._columns.roles.id][row]))
        self._faults[kind] = (message, records, count + 1)

    def close(self) -> Ballot:
        """Return the ballot with its confidences and faults."""
        import numpy as np

        if self._confidence:
            self.ballot.confidence = np.ones(len(self.ballot.votes), dtype=np.float32)
            self.ballot.confidence[list(self._confidence)] = list(self._confidence.values())
        who = self._heuristic
        self.ballot.faults = [
            Fault(who.name, kind, message, who.location, tuple(records), count) for kind, (message, records, count) in self._faults.items()
        ]
        return self.ballot


def _message(error: BaseException | str) -> str:
    if isinstance(error, str):
        return ""
    try:
        message = str(error)
    except Exception:  # a user's exception class may itself be broken
        message = "(its message cannot be shown)"
    message = message.encode("utf-8", "backslashreplace").decode()
    return message if len(message) <= 500 else message[:500] + "..."


def split_vote(vote: Any) -> tuple[Any, float]:
    """Take a (label, confidence) pair apart; anything else is a vote with confidence 1.

    Raises
    ------
    UnknownLabelError
        The confidence is no number in (0, 1].
    """
    if not isinstance(vote, tuple):
        return vote, 1.0
    if len(vote) != 2:
        raise UnknownLabelError(f"{vote!r} is no vote; wanted a label or a (label, confidence) pair")
    label, confidence = vote
    try:
        number = float(confidence)
    except (TypeError, ValueError):
        number = math.nan
    if label is None or (isinstance(label, int) and label == ABSTAIN):
        return None, 1.0
    if not 0 < number <= 1:
        raise UnknownLabelError(f"confidence {confidence!r} of vote {label!r} is out of range; wanted a number above 0 and up to 1")
    return label, number


class LabelingFunction(Heuristic):
    """A plain Python function as a voter; made by :func:`labeling_function`.

    Calling it calls the function itself, so that it can be tested like any other.
    """

    opaque = True

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        name: str | None = None,
        batch: str | None = None,
        examples: Examples = None,
        version: str | None = None,
    ) -> None:
        self.function = function
        self.name = name or function.__name__
        self.batch_form = batch
        self.examples = _example_pairs(examples, self.name)
        self.version = version
        self.location = location_of(function)
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self._fingerprint: str | None = None
        _check_signature(function, self.name, self.location)

    def __call__(self, x: Any) -> Any:
        return self.function(x)

    @property
    def fingerprint(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = fingerprint.digest(self.batch_form or "record", fingerprint.of_function(self.function, self.version))
        return self._fingerprint

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        if self.batch_form is not None:
            return self._evaluate_batch(batch, labels, watch or Watch())
        columns = Columns(batch)
        box = BallotBox(self, columns, labels)
        function, put = self.function, box.put
        at, skip = (watch.at, watch.skip) if watch is not None else (None, ())
        for row in range(len(columns)):
            if at is not None:
                if row in skip:
                    continue
                at(row)
            try:
                vote = function(Record(columns, row))
            except Exception as error:  # whatever a user's function raises is a fault of that record
                box.fault(row, error)
            else:
                if vote is not None:
                    put(row, vote)
        return box.close()

    def _evaluate_batch(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch) -> Ballot:
        """Call the function on the whole batch; where it raises, on halves of it, down to the record at fault."""
        columns = Columns(batch)
        box = BallotBox(self, columns, labels)
        shown = visible(batch)
        pending = [] if -1 in watch.skip else [(0, len(columns))]
        while pending:
            start, stop = pending.pop()
            watch.at(-1)
            try:
                votes = _vote_list(self.function(_as_form(shown.slice(start, stop - start), self.batch_form)), stop - start)
            except Exception as error:  # whatever a user's function raises is a fault of that record
                if stop - start == 1:
                    box.fault(start, error)
                else:
                    middle = (start + stop) // 2
                    pending += [(middle, stop), (start, middle)]
            else:
                for row, vote in enumerate(votes, start):
                    box.put(row, vote)
        return box.close()


def _as_form(batch: pa.RecordBatch, form: str | None) -> Any:
    if form == "arrow":
        return batch
    if form == "polars":
        import polars

        return polars.from_arrow(batch)
    frame = batch.to_pandas()
    roles = Roles.of(batch.schema)
    if "text" not in frame and roles.text:
        frame["text"] = list(Columns(batch).text)
    return frame.fillna(dict.fromkeys(roles.text, ""))


def _vote_list(votes: Any, n: int) -> list[Any]:
    """Turn what a batch function returned (list, array, Series, Arrow array) into n votes."""
    for method in ("to_pylist", "tolist", "to_list"):
        if hasattr(votes, method):
            votes = getattr(votes, method)()
            break
    if isinstance(votes, str) or not isinstance(votes, (list, tuple)):
        raise TypeError(f"a batch function must return one vote a record, {n} in all, got {type(votes).__name__}")
    if len(votes) != n:
        raise TypeError(f"a batch function must return one vote a record, {n} in all, got {len(votes)}")
    return [None if isinstance(v, float) and v != v else int(v) if isinstance(v, float) and v.is_integer() else v for v in votes]


def location_of(function: Any) -> str:
    """Return ``file:line`` of a function, an empty string where there is none."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return ""
    file = str(code.co_filename)
    if "ipykernel" in file or file.startswith("<"):
        return f"notebook:{code.co_firstlineno}" if "ipy" in file else ""
    with contextlib.suppress(ValueError):
        file = str(Path(file).relative_to(Path.cwd()))
    return f"{file}:{code.co_firstlineno}"


def _check_signature(function: Any, name: str, location: str) -> None:
    where = f" ({location})" if location else ""
    if not callable(function):
        raise HeuristicError(f"a labeling function must be a function of a record, got {type(function).__name__} {function!r}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise HeuristicError(f"labeling function {name!r}{where} must return its vote; an async function or a generator does not")
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise HeuristicError(
            f"labeling function {name!r}{where} must take one argument, the record, got {inspect.signature(function)}; "
            "give other arguments a default, or use functools.partial"
        ) from None
    except ValueError:  # some built-in functions have no signature
        pass


def _example_pairs(examples: Examples, name: str) -> tuple[tuple[Any, Any], ...]:
    if examples is None:
        return ()
    pairs = examples.items() if isinstance(examples, Mapping) else examples
    try:
        return tuple((record, wanted) for record, wanted in pairs)
    except (TypeError, ValueError):
        raise HeuristicError(f"examples of {name!r} must be a dict of text to label, or (record, label) pairs, got {examples!r}") from None


def check_examples(heuristic: Heuristic, labels: LabelNames) -> None:
    """Raise a HeuristicError for the first example on which a heuristic does not vote as promised."""
    import pyarrow as pa

    for record, wanted in heuristic.examples or ():
        row = dict(record) if isinstance(record, Mapping) else {"text": record}
        table = pa.Table.from_pylist([{"id": "example", **row}])
        batch = table.replace_schema_metadata(Roles("id", ("text",) if "text" in row else ()).attach(table.schema).metadata).to_batches()[0]
        ballot = heuristic.evaluate(batch, labels)
        where = f" ({heuristic.location})" if heuristic.location else ""
        if ballot.faults:
            raise HeuristicError(f"{heuristic.name}{where} fails on its example {record!r}: {ballot.faults[0]}")
        try:
            expected = labels.code(split_vote(wanted)[0])
        except UnknownLabelError as error:
            raise HeuristicError(f"example {record!r} of {heuristic.name}{where}: {error}") from None
        if ballot.votes[0] != expected:
            raise HeuristicError(
                f"{heuristic.name}{where} votes {labels.name(int(ballot.votes[0]))!r} on its example {record!r}, "
                f"which says {labels.name(expected)!r}; correct one of them"
            )


@overload
def labeling_function(function: Callable[[Any], Any], /) -> LabelingFunction: ...
@overload
def labeling_function(
    *, name: str | None = None, batch: bool | str = False, examples: Examples = None, version: str | None = None
) -> Callable[[Callable[[Any], Any]], LabelingFunction]: ...
def labeling_function(
    function: Callable[[Any], Any] | None = None,
    /,
    *,
    name: str | None = None,
    batch: bool | str = False,
    examples: Examples = None,
    version: str | None = None,
) -> LabelingFunction | Callable[[Callable[[Any], Any]], LabelingFunction]:
    """Make a labeling function out of a plain function of a record.

    The function returns a label name, a label code, ``None`` to abstain, or a (label, confidence) pair.

    Parameters
    ----------
    name : str, optional
        By default the function's own name.
    batch : bool or {"pandas", "arrow", "polars"}
        Call the function once a batch, with a table of this form (True: a pandas DataFrame), for vectorised code; it
        returns one vote a record: a list, array or Series of names, codes or None.
    examples : dict of text to label, or (record, label) pairs
        What the function must vote; checked when it joins a committee.
    version : str, optional
        Change it when the function depends on something that is not in its code, such as a file.

    Examples
    --------
    >>> @labeling_function(examples={"10 cats you must see": "clickbait", "Rates rise": None})
    ... def starts_with_number(x):
    ...     return "clickbait" if x.text[:1].isdigit() else None
    >>> starts_with_number.name
    'starts_with_number'

    >>> @labeling_function(batch=True)
    ... def long(frame):
    ...     return frame.text.str.len().gt(90).map({True: "news", False: None})
    """
    form = "pandas" if batch is True else batch or None
    if form not in (None, *BATCH_FORMS):
        raise HeuristicError(f"no batch form {batch!r};{did_you_mean(str(batch), BATCH_FORMS)} available: {', '.join(BATCH_FORMS)}")

    def wrap(function: Callable[[Any], Any]) -> LabelingFunction:
        return LabelingFunction(function, name=name, batch=form, examples=examples, version=version)

    return wrap if function is None else wrap(function)


# ---- heuristics without code


class Keywords(Heuristic):
    """Votes a label where a text holds one of some words; made by :func:`keywords`."""

    def __init__(
        self,
        label: str,
        words: Sequence[str],
        *,
        name: str | None = None,
        case: bool = False,
        column: str = "text",
        examples: Examples = None,
    ) -> None:
        if isinstance(words, str) or not len(words) or not all(str(word).strip() for word in words):
            raise HeuristicError(f"keywords need a list of words, got {words!r}")
        self.label, self.words, self.case, self.column = label, tuple(words), case, column
        self.name = name or f"keywords_{label}_{_slug(words[0])}"
        self.examples = _example_pairs(examples, self.name)
        alternatives = "|".join(_whole_word(word) for word in sorted(set(words), key=lambda word: (-len(word), word)))
        self._search = re.compile(alternatives, 0 if case else re.IGNORECASE).search

    @property
    def fingerprint(self) -> str:
        return fingerprint.digest("keywords", self.label, self.column, str(self.case), *sorted(set(self.words)))

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        return _search_column(self, batch, labels, self._search, watch)

    def spec(self) -> dict[str, Any]:
        return {
            "kind": "keywords",
            "label": self.label,
            "words": list(self.words),
            "name": self.name,
            "case": self.case,
            "column": self.column,
        }


class Pattern(Heuristic):
    """Votes a label where a regular expression is found in a text; made by :func:`pattern`."""

    opaque = True

    def __init__(
        self,
        label: str,
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
        except (re.error, TypeError) as error:
            raise HeuristicError(f"pattern for {label!r}: {regex!r} is not a regular expression for text: {error}") from None
        self.label, self.regex, self.column = label, compiled, column
        self.name = name or f"pattern_{label}_{_slug(compiled.pattern)}"
        self.examples = _example_pairs(examples, self.name)

    @property
    def fingerprint(self) -> str:
        return fingerprint.digest("pattern", self.label, self.column, str(self.regex.flags), self.regex.pattern)

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        return _search_column(self, batch, labels, self.regex.search, watch)

    def spec(self) -> dict[str, Any]:
        return {
            "kind": "pattern",
            "label": self.label,
            "regex": self.regex.pattern,
            "flags": self.regex.flags & ~re.UNICODE,
            "name": self.name,
            "column": self.column,
        }


class ColumnVotes(Heuristic):
    """Votes that stand in a column already: codes or names, or one position of a list column."""

    def __init__(self, name: str, column: str, position: int | None = None) -> None:
        self.name, self.column, self.position = name, column, position

    @property
    def fingerprint(self) -> str:
        return fingerprint.digest("column", self.column, str(self.position))

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        columns = Columns(batch)
        box = BallotBox(self, columns, labels)
        for row, value in enumerate(columns[self.column]):
            box.put(row, value if self.position is None or value is None else value[self.position])
        return box.close()

    def spec(self) -> dict[str, Any]:
        return {"kind": "column", "name": self.name, "column": self.column, "position": self.position}


def _search_column(heuristic: Any, batch: pa.RecordBatch, labels: LabelNames, search: Callable[[str], Any], watch: Watch | None) -> Ballot:
    columns = Columns(batch)
    box = BallotBox(heuristic, columns, labels)
    code = labels.code(heuristic.label)
    try:
        values = columns[heuristic.column]
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


def _whole_word(word: str) -> str:
    """Escape a word and let it match only where it is not part of a longer one."""
    word = word.strip()
    left = r"(?<!\w)" if re.match(r"\w", word) else ""
    right = r"(?!\w)" if re.search(r"\w\Z", word) else ""
    return left + r"\s+".join(re.escape(part) for part in word.split()) + right


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_").lower()[:24] or "x"


def keywords(
    label: str, words: Sequence[str], *, name: str | None = None, case: bool = False, column: str = "text", examples: Examples = None
) -> Keywords:
    r"""Vote ``label`` where the text holds one of ``words`` as a whole word; abstain elsewhere.

    Parameters
    ----------
    label : label name
    words : list of words or phrases; any white space matches the spaces of a phrase
    case : whether capital letters matter
    column : the column to search, by default the text

    Examples
    --------
    >>> keywords("news", ["central bank", "minister"]).name
    'keywords_news_central_bank'
    """
    return Keywords(label, words, name=name, case=case, column=column, examples=examples)


def pattern(
    label: str,
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
    label : label name
    regex : pattern; a compiled one keeps its own flags
    flags : flags of :mod:`re`, by default ``re.IGNORECASE``
    column : the column to search, by default the text

    Examples
    --------
    >>> pattern("clickbait", r"^\d+ (things|reasons)", name="list").name
    'list'
    """
    return Pattern(label, regex, name=name, flags=flags, column=column, examples=examples)
