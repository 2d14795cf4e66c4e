"""Reading values of label and gold columns as labels, in the same way for imports, crowds, simulations and batches."""

from __future__ import annotations

import difflib
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import UnknownLabelError, WeaklabError, did_you_mean
from weaklab.core.labels import ABSTAIN, LabelNames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{0,40})?", re.ASCII)
_TRUTH = {"true": Decimal(1), "false": Decimal(0)}
NOT_THERE = frozenset({"nan", "none", "null", "<na>", "nat"})
"""Words, in lower case, that programs write for a missing value. They mean no label, unless a label has such a name."""
_SHOWN = 6
_NEGATIVE = re.compile(r"(?i)(?:no|not|non|none|false|negative|neg|without)(?![a-z])")
"""Label names that 0 rather than 1 stands for."""


def written(value: Any) -> str:
    """Return a value as text, as in a data file: whole numbers without a point, and '' for None and NaN.

    >>> [written(value) for value in (" spam ", 1.0, 1, True, None, float("nan"), 0.5)]
    ['spam', '1', '1', 'True', '', '', '0.5']
    """
    if isinstance(value, str):
        return value.strip()
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:  # a number of numpy
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, (float, Decimal)):
        number = Decimal(value)
        if number.is_nan():
            return ""
        if number.is_finite() and number == number.to_integral_value():
            return str(int(number))
    return str(value)


def number_of(text: str) -> Decimal | None:
    """Return the number that a text represents, None if it is not a number.

    >>> number_of("1.0") == number_of("01") == 1, number_of("one")
    (True, None)
    """
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def stands_for_nothing(text: str) -> bool:
    """Whether a value of a label column means "no label", if no label has this name: '', -1, NaN and similar words.

    >>> [text for text in ("", "NaN", "-1.0", "0", "spam") if stands_for_nothing(text)]
    ['', 'NaN', '-1.0']
    """
    return not text or text.lower() in NOT_THERE or number_of(text) == ABSTAIN


def names_in(values: Iterable[Any], map: Mapping[Any, Any] | None = None) -> set[str]:
    """Return the label names in a column if they are not given: all its values, except those that mean "no label".

    >>> sorted(names_in(["1.0", 2, "", None, "b"], {"b": "3"}))
    ['1', '2', '3']
    """
    known = {_plain_number(written(key)): written(name) for key, name in (map or {}).items()}
    texts = {_plain_number(written(value)) for value in dict.fromkeys(values)}
    return {known.get(text, text) for text in texts if not stands_for_nothing(known.get(text, text))}


class LabelReader:
    """Converts values of a label or gold column to label codes.

    A value is looked up among the keys of ``map``, then among the label names. It is compared as text and as a number,
    so that 1, 1.0 and '1' are the same value. True and False also count as 1 and 0 if both numbers are keys or names.
    A number that is not a name is an error; it is never a position in the list of labels. An empty value, NaN and -1
    mean "no label", unless a label has this name.

    Parameters
    ----------
    labels : the label names of the project
    map : value -> label name, for values that are not label names; None or '' as the name means "no label"

    Raises
    ------
    WeaklabError
        A value of ``map`` is not a label, or two of its keys are the same value with different labels.

    Examples
    --------
    >>> reader = LabelReader(LabelNames(["ham", "spam"]), {"1": "spam", "0": "ham"})
    >>> [reader.code(value) for value in ("spam", 1, "0.0", True, None, -1)]
    [1, 1, 0, 1, -1, -1]
    >>> LabelReader(LabelNames(["1", "2", "3"])).code(2.0)
    1
    >>> LabelReader(LabelNames(["1", "2", "3"])).code(0)
    Traceback (most recent call last):
        ...
    weaklab.core.errors.UnknownLabelError: 0 is not a label; the labels are '1', '2', '3', and a number stands for no
    place in this list; ...
    """

    def __init__(self, labels: LabelNames, map: Mapping[Any, Any] | None = None) -> None:
        self.labels = labels
        self._names = {**labels.former, **{name: code for code, name in enumerate(labels)}}
        self._map = _checked_map(map, labels)
        self._name_numbers = _by_number(self._names)
        self._map_numbers = _by_number(self._map, truth=True)
        self._known: dict[str, int] = {}
        self.seen: Counter[str] = Counter()
        """How often each value occurred, by its text."""

    def code(self, value: Any) -> int:
        """Return the code of one value, ABSTAIN if it means "no label".

        Raises
        ------
        UnknownLabelError
            The value is not a label.
        """
        text = written(value)
        found = self._lookup(text)
        if found is None:
            raise UnknownLabelError(self.unknown([text]))
        return found

    def codes(self, values: pa.Array | pa.ChunkedArray, record: Callable[[int], str]) -> NDArray[np.int64]:
        """Return the codes of a column, int (n,); each distinct value is looked up only once.

        Parameters
        ----------
        values : texts, as :func:`weaklab.exchange.source_of` reads label columns
        record : function from a row number to the name of the record, for messages

        Raises
        ------
        UnknownLabelError
            A value is not a label; the message names the first one and its record.
        """
        import numpy as np
        import pyarrow as pa

        encoded = values.dictionary_encode("encode")
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        texts = [written(value) for value in encoded.dictionary.to_pylist()]
        found = [self._lookup(text) for text in texts]
        places = encoded.indices.to_numpy(zero_copy_only=False)
        if None in found:
            strange = np.array([code is None for code in found])
            row = int(np.flatnonzero(strange[places])[0])
            raise UnknownLabelError(f"{record(row)}: {self.unknown([texts[places[row]], *texts])}")
        for text, times in zip(texts, np.bincount(places, minlength=len(texts)).tolist(), strict=True):
            self.seen[text] += times
        read: NDArray[np.int64] = np.array(found, dtype=np.int64)[places]
        return read

    def _lookup(self, text: str) -> int | None:
        """Return the code of a value, None if it is not a label."""
        if text not in self._known:
            found = self._read(text)
            if found is None:
                return None
            self._known[text] = found
        return self._known[text]

    def _read(self, text: str) -> int | None:
        for exact, numbers in ((self._map, self._map_numbers), (self._names, self._name_numbers)):
            found = exact.get(text)
            if found is None:
                found = _as_truth(text, exact, numbers)
            number = number_of(text)
            if found is None and number is not None:
                found = numbers.get(number)
            if found is not None:
                return found
        return ABSTAIN if self._means_nothing(text) else None

    def _means_nothing(self, text: str) -> bool:
        """Whether a value that is not a label name means "no label"; not 'None' if there is a label 'none'."""
        return stands_for_nothing(text) and not (text and text.lower() in map(str.lower, self.labels))

    def unknown(self, texts: Iterable[str]) -> str:
        """Return the message that the first of some values is not a label, with an example of ``map=`` for all."""
        strange = [text for text in dict.fromkeys(texts) if self._lookup(text) is None]
        first = strange[0]
        is_number = number_of(first) is not None or first.lower() in _TRUTH
        shown = first if is_number else repr(first) if len(first) <= 80 else repr(first[:77]) + "..."
        names = ", ".join(map(repr, self.labels[:20])) + (", ..." if len(self.labels) > 20 else "")
        names_of_keys = {key: "" if code == ABSTAIN else str(self.labels[code]) for key, code in self._map.items()}
        near = None if is_number else _like(first, [*self.labels, *names_of_keys])
        hint = f" did you mean {near!r}?" if near else ""
        place = ", and a number stands for no place in this list" if number_of(first) is not None else ""
        example = _example(strange, self.labels, names_of_keys, number=is_number)
        said = ", ".join(f'"{key}": "{name}"' for key, name in example)
        typed = " ".join(f"--map {shlex.quote(f'{key}={name}')}" for key, name in example)
        nothing = ', where "" means no label' if any(not name for _, name in example) else ""
        guessed = ", if that is what they mean" if is_number and not nothing else ""
        return (
            f"{shown} is not a label;{hint} the labels are {names}{place}; say what values stand for, such as "
            f"map={{{said}}}{nothing} (in the terminal {typed}){guessed}"
        )

    # ---- summary for the import receipt

    def counts(self) -> dict[str, int]:
        """Return label name -> number of records, in the order of the labels; '' is the key for records without one."""
        found = Counter(dict.fromkeys(self.labels, 0))
        for text, times in self.seen.items():
            found[self._name(text)] += times
        return {name: times for name, times in found.items() if times}

    def _name(self, text: str) -> str:
        code = self._lookup(text)
        return "" if code in (None, ABSTAIN) else str(self.labels[code])

    def unused(self) -> list[str]:
        """Return the keys of the map that never occurred."""
        return [key for key in self._map if not any(_same(key, text) for text in self.seen)]

    def notes(self) -> list[str]:
        """Return notes on values that were mapped, converted or read as "no label"."""
        read_as = []
        for text, times in self.seen.items():
            name = self._name(text)
            if text and name != text:
                read_as.append(f"{text} {f'is {name}' if name else 'means no label'} ({times:,})")
        unused = self.unused()
        notes = [f"read as: {', '.join(read_as[:20])}{', ...' if len(read_as) > 20 else ''}"] if read_as else []
        return notes + ([f"never occurred, though mapped: {', '.join(unused)}"] if unused else [])


def _as_number(text: str) -> Decimal | None:
    """Return the number that a text represents, with True as 1 and False as 0."""
    number = number_of(text)
    return _TRUTH.get(text.lower()) if number is None else number


def _same(key: str, text: str) -> bool:
    return key == text or (_as_number(key) is not None and _as_number(key) == _as_number(text))


def _as_truth(text: str, exact: Mapping[str, int], numbers: Mapping[Decimal, int]) -> int | None:
    """Return the code for True or False: a name that equals it in any letter case, or 1 and 0 if both exist.

    Return None if both readings or neither are possible.
    """
    truth = _TRUTH.get(text.lower())
    if truth is None:
        return None
    readings = {code for name, code in exact.items() if name.lower() == text.lower()}
    if {Decimal(0), Decimal(1)} <= numbers.keys():
        readings.add(numbers[truth])
    return readings.pop() if len(readings) == 1 else None


def _by_number(codes: Mapping[str, int], truth: bool = False) -> dict[Decimal, int]:
    """Return number -> code for names or keys that are numbers; a number that occurs twice is left out."""
    numbers = [
        (number, code)
        for name, code in codes.items()
        if (number := _as_number(name) if truth else number_of(name)) is not None
    ]
    often = Counter(number for number, _ in numbers)
    return {number: code for number, code in numbers if often[number] == 1}


def _checked_map(given: Mapping[Any, Any] | None, labels: LabelNames) -> dict[str, int]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise WeaklabError(
            f'map must say which label each value stands for, such as map={{"1": {labels[0]!r}}}, got {given!r}'
        )
    names = LabelReader(labels)
    found: dict[str, int] = {}
    for key, value in given.items():
        text = written(key)
        code = names._lookup(written(value))
        if code is None:
            raise UnknownLabelError(
                f"map says that {text!r} stands for {value!r}, which is not a label;{did_you_mean(str(value), labels)} "
                f"the labels are {', '.join(map(repr, labels))}; None stands for no label"
            )
        double = next((other for other, known in found.items() if _same(other, text) and known != code), None)
        if double is not None:
            raise WeaklabError(
                f"map says two things about one value: {double!r} and {text!r} are the same; leave one of them out"
            )
        found[text] = code
    return found


def _example(strange: list[str], labels: LabelNames, mapped: Mapping[str, str], number: bool) -> list[tuple[str, str]]:
    """Return (value, label) pairs as an example for ``map=``, by similarity to label names and to keys of the map."""
    shown = strange[:_SHOWN]
    if number and any(number_of(name) is not None for name in labels):
        return [
            (_plain_number(text), "") for text in shown
        ]  # a number outside a rating scale usually means "no rating"
    if number:
        in_order = sorted(
            shown, key=lambda text: _as_number(text) or Decimal(0), reverse=_positive_first(shown, labels)
        )
        return list(zip(map(_plain_number, in_order), labels, strict=False))
    like = [(text, mapped.get(name, name)) for text in shown if (name := _like(text, [*labels, *mapped]))]
    return like or [(shown[0], labels[0])]


def _positive_first(shown: list[str], labels: LabelNames) -> bool:
    """Whether the larger of at most two numbers stands for the first label, as in ["spam", "ham"] and not in
    ["no", "yes"].
    """
    return len(shown) <= 2 and not (_NEGATIVE.match(labels[0]) and not _NEGATIVE.match(labels[-1]))


def _like(text: str, names: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in reversed(names)}
    near = difflib.get_close_matches(text.lower(), list(lower), n=1)
    return lower[near[0]] if near else None


def _plain_number(text: str) -> str:
    number = number_of(text)
    return text if number is None else written(number)


def parse_map(pairs: Iterable[str] | None) -> dict[str, str] | None:
    """Return the map for ``VALUE=LABEL`` pairs of the command line; the last = separates value and label.

    >>> parse_map(["1=spam", "a=b=ham", "9="])
    {'1': 'spam', 'a=b': 'ham', '9': ''}
    """
    if not pairs:
        return None
    found: dict[str, str] = {}
    for pair in pairs:
        value, mark, label = pair.rpartition("=")
        if not mark:
            raise WeaklabError(f"--map takes VALUE=LABEL, such as --map 1=spam, got {pair!r}")
        if found.get(value, label) != label:
            raise WeaklabError(
                f"--map says two things about {value!r}: {found[value]!r} and {label!r}; leave one of them out"
            )
        found[value] = label
    return found
