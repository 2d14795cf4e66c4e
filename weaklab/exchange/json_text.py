"""Makes JSON text of columns, a batch of records at a time.

Arrow joins the pieces of a million lines in the time in which ``json.dumps`` writes a tenth of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from weaklab.exchange.json_files import json_values

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Part: TypeAlias = "str | pa.Array"
"""A piece of the text: the same for all records, or one for each."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_STEPS = 100_000
_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def constant(value: object) -> str:
    """Return a value as JSON text."""
    return _ENCODER.encode(value)


def json_texts(column: pa.Array) -> pa.Array:
    r"""Return the JSON text of each value of a column; null where there is no value, or none that JSON has.

    >>> import pyarrow as pa
    >>> json_texts(pa.array(['say "a\\b"\n', None])).to_pylist()
    ['"say \\"a\\\\b\\"\\n"', None]
    >>> json_texts(pa.array([1.5, float("nan")])).to_pylist(), json_texts(pa.array([[1, 2]])).to_pylist()
    (['1.5', None], ['[1, 2]'])
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    of, kind = pa.types, column.type
    if of.is_string(kind) or of.is_large_string(kind):
        return joined(['"', _escaped(column.cast(pa.large_string())), '"'])
    if of.is_integer(kind) or of.is_boolean(kind):
        return column.cast(pa.string()).cast(pa.large_string())
    if of.is_floating(kind):
        wide = column.cast(pa.float64())
        return pc.if_else(pc.is_finite(wide), wide, None).cast(pa.large_string())
    texts = [None if value is None else constant(value) for value in json_values(column)]
    return pa.array(texts, pa.large_string())


def json_scores(scores: pa.Array) -> pa.Array:
    """Return probabilities as JSON texts with five decimals, looked up, as it takes long to write a float.

    >>> import pyarrow as pa
    >>> json_scores(pa.array([0.123456, 1.0, 0.5, None])).to_pylist()
    ['0.12346', '1', '0.5', None]
    """
    import pyarrow.compute as pc

    places = pc.round(pc.multiply(scores, _STEPS)).cast("int32")
    return _written_scores().take(places)


@cache
def _written_scores() -> pa.Array:
    import pyarrow as pa

    return pa.array([f"{step / _STEPS:.5f}".rstrip("0").rstrip(".") for step in range(_STEPS + 1)], pa.large_string())


def json_parts(column: pa.Array) -> Part | Sequence[Part]:
    """Return the JSON text of each value of a column as :func:`json_texts` does, in pieces where no value is missing:
    that saves a copy of all texts.
    """
    import pyarrow as pa

    if (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)) and not column.null_count:
        return ['"', _escaped(column.cast(pa.large_string())), '"']
    return json_texts(column)


def _escaped(texts: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    data = _bytes(texts)
    escaped, searched = texts, data.tobytes()  # to look for a byte in bytes is many times as fast as in an array
    if b"\\" in searched:
        escaped = pc.replace_substring(escaped, "\\", "\\\\")
    if b'"' in searched:
        escaped = pc.replace_substring(escaped, '"', '\\"')
    if data.min(initial=255) < ord(" "):
        escaped = _without_controls(texts, escaped)
    return escaped


def _without_controls(texts: pa.Array, escaped: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    for character, written in _SHORT.items():
        escaped = pc.replace_substring(escaped, character, written)
    odd = pc.fill_null(pc.match_substring_regex(texts, _CONTROLS), False)
    if not pc.any(odd).as_py():
        return escaped
    by_hand = [constant(text)[1:-1] for text in texts.filter(odd).to_pylist()]
    return pc.replace_with_mask(escaped, odd, pa.array(by_hand, pa.large_string()))


def _bytes(texts: pa.Array) -> NDArray[np.uint8]:
    """Return the bytes of all texts of an array, one behind the other."""
    import numpy as np

    _, offsets, data = texts.buffers()
    if data is None:
        return np.empty(0, np.uint8)
    bounds = np.frombuffer(offsets, np.int64)[[texts.offset, texts.offset + len(texts)]]
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[1]]


def joined(parts: Sequence[Part]) -> pa.Array:
    """Return one text for each record: the pieces behind each other; null where one of them is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.large_string()
    pieces = [pa.scalar(part, kind) if isinstance(part, str) else part.cast(kind) for part in _merged(parts)]
    return pc.binary_join_element_wise(*pieces, pa.scalar("", kind))


def _merged(parts: Sequence[Part]) -> Iterator[Part]:
    """Put neighbours together that are the same for all records."""
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield text
        text = ""
        yield part
    if text:
        yield text


def json_object(fields: Mapping[str, Part | Sequence[Part]]) -> list[Part]:
    """Return the pieces of JSON objects with these fields, to be :func:`joined` or to stand in other objects.

    Parameters
    ----------
    fields : name -> JSON text, the same for all records or one for each, or pieces of it. A single column is left out
        of the records where it is null, and stands behind the others

    Examples
    --------
    >>> import pyarrow as pa
    >>> fields = {"text": json_texts(pa.array(["a", "b"])), "n": json_texts(pa.array([1, None])), "k": constant([])}
    >>> joined(json_object(fields)).to_pylist()
    ['{"text":"a","k":[],"n":1}', '{"text":"b","k":[]}']
    """
    parts: list[Part] = []
    optional: list[pa.Array] = []
    for name, value in fields.items():
        head = f"{constant(name)}:"
        if not isinstance(value, (str, Sequence)) and value.null_count:
            optional.append(joined([f",{head}", value]))
        else:
            parts += [",", head, *([value] if isinstance(value, str) or not isinstance(value, Sequence) else value)]
    return ["{", *parts[1:], *_optional(optional, after=bool(parts)), "}"]


def _optional(texts: Sequence[pa.Array], after: bool) -> list[Part]:
    """Return fields that some records do not have, each with a comma before it unless nothing stands before them."""
    import pyarrow.compute as pc

    found = [pc.coalesce(each, "") for each in texts]
    if after or not found:
        return list(found)
    return [pc.replace_substring_regex(joined(found), "^,", "")]
