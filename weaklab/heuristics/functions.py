"""Labeling functions: Python functions of the user as heuristics, called for each record or for each batch."""

from __future__ import annotations

import contextlib
import inspect
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import repeat
from numbers import Integral
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from weaklab.core.errors import HeuristicError, UnknownLabelError, did_you_mean
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.corpus.records import Columns, Record, Roles, sheet_of, visible
from weaklab.heuristics import fingerprint
from weaklab.heuristics.ballot import Ballot, FaultRow, Heuristic, Watch, faults_of
from weaklab.heuristics.columns_read import columns_read
from weaklab.heuristics.value_writer import Module

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
        self._fault_rows: list[FaultRow] = []
        self.ballot = Ballot.blank(len(columns))

    def put(self, row: int, vote: Any) -> None:
        """Store a vote as returned by the user's function; if it is not a label, it becomes a fault."""
        try:
            vote, confidence = split_vote(vote)
            self.ballot.votes[row] = code = self._labels.code(vote)
        except Exception as error:  # a vote may be any object, and comparing it may raise anything
            self.fault(row, error)
        else:
            if confidence < 1 and code != ABSTAIN:
                self._confidence[row] = confidence

    def put_all(self, rows: Sequence[int], votes: list[Any], watch: Watch) -> None:
        """Store one vote for each of ``rows``, as :meth:`put`, but faster: labels and None are looked up in a table."""
        import numpy as np

        codes: Iterable[int]
        table = code_table(self._labels)
        if _PLAIN_VOTES.issuperset(map(type, votes)):
            codes = map(table.get, votes, repeat(_UNSEEN))
        else:  # slow path: True equals 1, and objects of the user may define any equality
            codes = [table.get(vote, _UNSEEN) if type(vote) in _PLAIN_VOTES else _UNSEEN for vote in votes]
        found = np.fromiter(codes, dtype=np.int16, count=len(votes))
        where = slice(rows.start, rows.stop) if isinstance(rows, range) else np.asarray(rows, dtype=np.int64)
        self.ballot.votes[where] = np.maximum(found, ABSTAIN)
        for place in np.flatnonzero(found == _UNSEEN).tolist():
            watch.at(rows[place])
            self.put(rows[place], votes[place])

    def fault(self, row: int, error: BaseException | str) -> None:
        """Record a fault on a row; the row abstains."""
        kind = error if isinstance(error, str) else type(error).__name__
        self._fault_rows.append((row, sys.intern(kind), sys.intern(_message(error))))

    def close(self) -> Ballot:
        """Return the ballot with its confidences and faults."""
        import numpy as np

        if self._confidence:
            self.ballot.confidence = np.ones(len(self.ballot.votes), dtype=np.float32)
            self.ballot.confidence[list(self._confidence)] = list(self._confidence.values())
        if self._fault_rows:
            self.ballot.fault_rows = sorted(self._fault_rows, key=itemgetter(0))
            self.ballot.faults = faults_of(
                self._heuristic, self.ballot.fault_rows, self._columns[self._columns.roles.id]
            )
        return self.ballot


_PLAIN_VOTES = frozenset((str, int, type(None)))
_UNSEEN = ABSTAIN - 1


@lru_cache(maxsize=16)
def code_table(labels: LabelNames) -> dict[str | int | None, int]:
    """Return a table of simple votes and their codes, with the same result as :meth:`LabelNames.code`.

    >>> code_table(LabelNames(["ham", "spam"]))
    {None: -1, -1: -1, 0: 0, 1: 1, 'ham': 0, 'spam': 1}
    """
    found: dict[str | int | None, int] = {}
    for vote in (None, *range(ABSTAIN, len(labels)), *labels.spellings):
        with contextlib.suppress(UnknownLabelError):  # if label names are numbers, a number is not a code
            found[vote] = labels.code(vote)
    return found


_ADDRESS = re.compile(r"(?<=\w) at 0x[0-9a-fA-F]+(?=>)")
"""The memory address in the repr of an object; it is different in every run, so it is removed from messages."""


def _message(error: BaseException | str) -> str:
    if isinstance(error, str):
        return ""
    try:
        message = str(error)
    except Exception:  # a user's exception class may itself be broken
        message = "(its message cannot be shown)"
    message = _ADDRESS.sub("", message.encode("utf-8", "backslashreplace").decode())
    return message if len(message) <= 500 else message[:500] + "..."


def split_vote(vote: Any) -> tuple[Any, float]:
    """Return label and confidence of a vote: of a (label, confidence) pair, or of a label, with confidence 1.

    Raises
    ------
    UnknownLabelError
        The confidence is not a number in (0, 1].
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
    if label is None or (isinstance(label, Integral) and label == ABSTAIN):
        return None, 1.0
    if not 0 < number <= 1:
        raise UnknownLabelError(
            f"confidence {confidence!r} of vote {label!r} is out of range; wanted a number above 0 and up to 1"
        )
    return label, number


class LabelingFunction(Heuristic):
    """A Python function as a heuristic; made by :func:`labeling_function`.

    A call of the object calls the function, so that it can be tested like any other function.
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
        compile: bool = True,
    ) -> None:
        self.location = location_of(function)
        self.name, self.named = name or name_of(function), name is not None
        _check_signature(function, self.name, self.location)
        self.function = function
        self.batch_form = batch
        self.examples = example_pairs(examples, self.name)
        self.version = version
        self.compile = compile
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self._imports: dict[str, Any] = {}

    def __call__(self, x: Any) -> Any:
        return self.function(x)

    @property
    def fingerprint(self) -> str:
        return fingerprint.digest(self.batch_form or "record", fingerprint.of_function(self.function, self.version))

    @property
    def unseen(self) -> tuple[str, ...]:
        return fingerprint.look(self.function).unseen

    def columns_read(self) -> frozenset[str] | None:
        return None if self.batch_form is not None else columns_read(self.function)

    def modules(self) -> Mapping[str, Module]:
        arrived = {name: Module(module, set(vars(module)), True) for name, module in self._imports.items()}
        return {**fingerprint.look(self.function).modules, **arrived}

    def __getstate__(self) -> dict[str, Any]:
        """Include the modules that the function imports when called; another process may not find the same ones."""
        late = {name: module.module for name, module in self.modules().items() if module.imported_late}
        return {**self.__dict__, "_imports": late} if late else self.__dict__

    def fingerprint_parts(self) -> Any:
        return [self.batch_form, self.version, self.function]

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        watch = watch or Watch()
        sys.modules.update(self._imports)
        if self.batch_form is not None:
            return self._evaluate_batch(batch, labels, watch)
        columns, records = sheet_of(batch)
        box = BallotBox(self, columns, labels)
        rows: Sequence[int] = range(len(records))
        seen: list[Record] = records
        if watch.skip:
            rows = [row for row in rows if row not in watch.skip]
            seen = [records[row] for row in rows]
        box.put_all(rows, self._votes(rows, seen, watch.mark, box), watch)
        return box.close()

    def _votes(self, rows: Sequence[int], records: list[Record], mark: Any, box: BallotBox) -> list[Any]:
        """Call the function on every record; an exception becomes a fault of the record, which abstains.

        This loop runs once per record, so it does as little as possible.
        """
        votes: list[Any] = []
        function, put, pairs = self.function, votes.append, zip(rows, records, strict=True)
        while True:
            try:
                for mark[0], x in pairs:
                    put(function(x))
            except Exception as error:
                box.fault(mark[0], error)
                put(None)
            else:
                return votes

    def _evaluate_batch(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch) -> Ballot:
        """Call the function on the whole batch; if it raises, on halves of it, down to the single failing record.

        If it returns a wrong number of votes, all these records have a fault, because votes cannot be assigned.
        """
        columns = Columns(batch)
        box = BallotBox(self, columns, labels)
        shown = _with_text(visible(batch))
        pending = [] if -1 in watch.skip else [(0, len(columns))]
        while pending:
            start, stop = pending.pop()
            watch.at(-1)
            try:
                votes = self.function(_as_form(shown.slice(start, stop - start), self.batch_form))
            except Exception as error:  # any exception of the user's function is a fault of this record
                if stop - start == 1:
                    box.fault(start, error)
                else:
                    middle = (start + stop) // 2
                    pending += [(middle, stop), (start, middle)]
            else:
                self._put_all(votes, start, stop, box)
        return box.close()

    def _put_all(self, votes: Any, start: int, stop: int, box: BallotBox) -> None:
        try:
            listed = _vote_list(votes, stop - start)
        except Exception as error:  # returned objects may raise anything
            for row in range(start, stop):
                box.fault(row, error)
        else:
            box.put_all(range(start, stop), listed, Watch())


def _with_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with a column ``text``, also if its text column has another name; nulls become empty texts."""
    import pyarrow as pa

    roles = Roles.of(batch.schema)
    texts = {
        name: pa.array(Columns(batch)[name], pa.large_string()) for name in roles.text if batch.column(name).null_count
    }
    if roles.text and "text" not in batch.schema.names:
        texts["text"] = pa.array(Columns(batch).text, pa.large_string())
    for name, column in texts.items():
        place = batch.schema.get_field_index(name)
        batch = batch.append_column(name, column) if place < 0 else batch.set_column(place, name, column)
    return batch


def _as_form(batch: pa.RecordBatch, form: str | None) -> Any:
    if form == "arrow":
        return batch
    if form == "polars":
        import polars

        return polars.from_arrow(batch)
    return batch.to_pandas()


def _vote_list(votes: Any, n: int) -> list[Any]:
    """Return the result of a batch function (list, array, Series, Arrow array) as a list of n votes."""
    for method in ("to_pylist", "tolist", "to_list"):
        if hasattr(votes, method):
            votes = getattr(votes, method)()
            break
    if not isinstance(votes, (list, tuple)):
        raise TypeError(
            f"a batch function must return one vote per record, {n:,} in all, got {type(votes).__name__}; return a "
            "list of votes"
        )
    if len(votes) != n:
        raise TypeError(
            f"a batch function must return one vote per record, {n:,} in all, got {len(votes):,}; return None to "
            "abstain"
        )
    return [_plain_vote(vote) for vote in votes]


def _plain_vote(vote: Any) -> Any:
    """Return None for missing values of pandas, and an integer code if pandas turned it into a float."""
    if isinstance(vote, float):
        return None if vote != vote else int(vote) if vote.is_integer() else vote
    return None if type(vote).__name__ in ("NAType", "NaTType") else vote


def location_of(function: Any) -> str:
    """Return ``file:line`` of a function; an empty string if it has no source."""
    function = _inner(function)
    code = getattr(function, "__code__", None) or getattr(vars(type(function)).get("__call__"), "__code__", None)
    if code is None:
        return ""
    file = str(code.co_filename)
    if "ipykernel" in file or file.startswith("<"):
        return f"notebook:{code.co_firstlineno}" if "ipy" in file else ""
    return place(file, code.co_firstlineno)


def place(file: str | Path, line: int) -> str:
    """Return ``file:line``, with a relative path if the file is below the working folder."""
    with contextlib.suppress(ValueError):
        file = Path(file).relative_to(Path.cwd())
    return f"{file}:{line}"


def name_of(function: Any) -> str:
    """Return the name of a function, of the function in a ``functools.partial``, or of a callable object's class."""
    function = _inner(function)
    return str(getattr(function, "__name__", type(function).__name__))


def _inner(function: Any) -> Any:
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function) if callable(function) else function


def _check_signature(function: Any, name: str, location: str) -> None:
    where = f" ({location})" if location else ""
    if isinstance(function, Heuristic) or hasattr(function, "_resources"):  # the latter is Snorkel's
        raise HeuristicError(
            f"{name!r}{where} is a heuristic already; register it as it is, without @labeling_function"
        )
    if not callable(function):
        raise HeuristicError(
            f"a labeling function must be a function of a record, got {type(function).__name__} {shortened(function)}"
        )
    if not isinstance(name, str):
        raise HeuristicError(f"the name of a labeling function{where} must be text, got {type(name).__name__} {name!r}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise HeuristicError(
            f"labeling function {name!r}{where} must return its vote; an async function or a generator does not"
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise HeuristicError(
            f"labeling function {name!r}{where} must take one argument, the record, got {inspect.signature(function)}; "
            "give other arguments a default, or use functools.partial"
        ) from None
    except ValueError:  # some built-in functions have no signature
        pass


def example_pairs(examples: Examples, name: str) -> tuple[tuple[Any, Any], ...]:
    """Return examples as (record, wanted vote) pairs, or raise a HeuristicError."""
    if examples is None:
        return ()
    pairs: Any = examples.items() if isinstance(examples, Mapping) else examples
    try:
        found = tuple((record, wanted) for record, wanted in pairs)
    except (TypeError, ValueError):
        found = ((None, None),)
    if not all(isinstance(record, (str, Mapping)) for record, _ in found):
        raise HeuristicError(
            f"examples of {name!r} must be a dict of text to label or pairs of a record (text or dict) and label, got "
            f"{shortened(examples)}"
        )
    return found


def check_examples(heuristic: Heuristic, labels: LabelNames) -> None:
    """Raise a HeuristicError for the first example on which a heuristic does not give the expected vote."""
    where = f"{heuristic.name} ({heuristic.location})" if heuristic.location else heuristic.name
    for record, wanted in heuristic.examples or ():
        shown = shortened(record)
        try:
            expected = labels.code(split_vote(wanted)[0])
        except UnknownLabelError as error:
            raise HeuristicError(f"example {shown} of {where}: {error}") from None
        ballot = heuristic.evaluate(_example_batch(heuristic, record, f"example {shown} of {where}"), labels)
        if ballot.faults:
            fault = ballot.faults[0]
            raise HeuristicError(f"{where} fails on its example {shown}: {fault.exception}: {fault.message}")
        if ballot.votes[0] != expected:
            raise HeuristicError(
                f"{where} votes {labels.name(int(ballot.votes[0]))!r} on its example {shown}, "
                f"which says {labels.name(expected)!r}; correct one of them"
            )


def _example_batch(heuristic: Heuristic, record: Any, what: str) -> pa.RecordBatch:
    import pyarrow as pa

    row = (
        dict(record) if isinstance(record, Mapping) else {"text": record, getattr(heuristic, "column", "text"): record}
    )
    try:
        table = pa.Table.from_pylist([{"id": "example", **row}])
    except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError) as error:
        raise HeuristicError(
            f"{what} cannot be made a record: {error}; wanted text, numbers, dates, or lists or dicts of these"
        ) from None
    roles = Roles("id", ("text",) if "text" in row else ())
    return table.replace_schema_metadata(roles.attach(table.schema).metadata).to_batches()[0]


def shortened(value: Any) -> str:
    """Return the repr of a value, cut to 80 characters."""
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


@overload
def labeling_function(function: Callable[[Any], Any], /) -> LabelingFunction: ...
@overload
def labeling_function(
    *,
    name: str | None = None,
    batch: bool | str = False,
    examples: Examples = None,
    version: str | None = None,
    compile: bool = True,
) -> Callable[[Callable[[Any], Any]], LabelingFunction]: ...
def labeling_function(
    function: Callable[[Any], Any] | None = None,
    /,
    *,
    name: str | None = None,
    batch: bool | str = False,
    examples: Examples = None,
    version: str | None = None,
    compile: bool = True,
) -> LabelingFunction | Callable[[Callable[[Any], Any]], LabelingFunction]:
    """Make a labeling function from a Python function of a record.

    The function returns a label name, a label code, ``None`` to abstain, or a (label, confidence) pair.

    Parameters
    ----------
    name : str, optional
        By default the name of the function.
    batch : bool or {"pandas", "arrow", "polars"}
        Call the function once per batch, with a table of this type (True: a pandas DataFrame), for vectorised code. It
        returns one vote per record: a list, array or Series of names, codes or None.
    examples : dict of text to label, or (record, label) pairs
        Records with expected votes; checked when the function is added to a committee.
    version : str, optional
        Change it when something changes that the function depends on and that is not in its code, such as a file.
    compile : bool
        Whether it may be compiled, so that it need not be called on each record; its votes are the same.

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
        raise HeuristicError(
            f"no batch form {batch!r};{did_you_mean(str(batch), BATCH_FORMS)} available: {', '.join(BATCH_FORMS)}"
        )

    def wrap(function: Callable[[Any], Any]) -> LabelingFunction:
        return LabelingFunction(function, name=name, batch=form, examples=examples, version=version, compile=compile)

    return wrap if function is None else wrap(function)
