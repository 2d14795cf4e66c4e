"""Snorkel: the label matrix ``L`` in an .npz file, with what else is known of its rows and columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.files import replacing
from weaklab.core.labels import ABSTAIN
from weaklab.exchange.tools.base import FORMATS, GIVEN, Example, Format, Head, Hints, Labeled
from weaklab.exchange.tools.fields import data_of, refuse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@FORMATS.named("snorkel")
class Snorkel(Format):
    """Snorkel's label matrix: numpy arrays L, Y, ids, lfs and labels in one .npz file."""

    title = "Snorkel label matrix"
    endings = (".npz",)
    needs_text = False
    holds_people = False

    def recognises(self, head: Head) -> bool:
        return head.kind == ".npz"

    def read(self, path: Path, hints: Hints) -> Iterator[Example]:
        held = _arrays(path)
        L = held["L"]
        names = held["labels"].tolist() if "labels" in held else None
        lfs = held["lfs"].tolist() if "lfs" in held else [f"lf_{j}" for j in range(L.shape[1])]
        ids = held["ids"].tolist() if "ids" in held else [str(row) for row in range(len(L))]
        texts: Sequence[str | None] = _texts(held) or [None] * len(L)
        truth = held["Y"].tolist() if "Y" in held else [ABSTAIN] * len(L)
        for row, codes in enumerate(L.tolist()):
            place = f"{path}, row {row}"
            votes = {lfs[j]: _name(code, names, place) for j, code in enumerate(codes) if code != ABSTAIN}
            gold = None if truth[row] == ABSTAIN else _name(truth[row], names, place)
            yield Example(place, str(ids[row]), texts[row], votes, gold=gold)

    def write(self, labeled: Labeled, path: Path) -> list[Path]:
        import numpy as np

        n, m = len(labeled), len(labeled.voters)
        L = np.column_stack([voter.codes for voter in labeled.voters]) if m else np.empty((n, 0), np.int8)
        lfs = np.array([voter.name for voter in labeled.voters], dtype=str)
        ids = labeled.ids.to_numpy(zero_copy_only=False).astype(str)
        labels = np.array(labeled.labels, dtype=str)
        arrays: dict[str, Any] = {
            "L": L.astype(np.int64),
            "Y": _truth(labeled),
            "ids": ids,
            "lfs": lfs,
            "labels": labels,
        }
        with replacing(path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays, **_text_arrays(labeled))
        return []


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    import zipfile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            if isinstance(file, np.ndarray):
                return _checked({"L": file}, path)
            return _checked({name: file[name] for name in file.files}, path)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, TypeError, AttributeError) as error:
        if "L" in str(error) and str(path) in str(error):
            raise
        refuse(str(path), f"not an .npz file of plain arrays: {error}")


def _checked(held: dict[str, NDArray[Any]], path: Path) -> dict[str, NDArray[Any]]:
    L = held.get("L")
    if L is None or L.ndim != 2 or L.dtype.kind not in "iu":
        found = ", ".join(held) if L is None else f"{L.dtype} {L.shape}"
        refuse(str(path), f"wanted a matrix of whole numbers named L, found {found}")
    for name, axis in (("Y", 0), ("ids", 0), ("lfs", 1)):
        if name in held and held[name].shape != (L.shape[axis],):
            refuse(str(path), f"wanted {L.shape[axis]:,} values in {name}, as L is {L.shape}, got {held[name].shape}")
    return held


def _name(code: int, names: list[str] | None, place: str) -> str:
    if code < 0 or (names is not None and code >= len(names)):
        refuse(place, f"{code} is no code; wanted -1 for none, or 0 to {len(names) - 1 if names else 'k - 1'}")
    return str(code) if names is None else names[code]


def _truth(labeled: Labeled) -> NDArray[np.int64]:
    """Return the codes of gold labels, else of what people said last, -1 where neither is known."""
    import numpy as np

    codes = {name: code for code, name in enumerate(labeled.labels)}
    found = np.full(len(labeled), ABSTAIN, dtype=np.int64)
    for row, said in labeled.answers.items():
        given = [each.value for each in said if each.kind == GIVEN]
        found[row] = codes.get(given[-1], ABSTAIN) if given else ABSTAIN
    if labeled.gold is not None:
        gold = np.array([codes.get(name, ABSTAIN) for name in labeled.gold.to_pylist()])
        found = np.where(gold == ABSTAIN, found, gold)
    return found


def _text_arrays(labeled: Labeled) -> dict[str, NDArray[Any]]:
    """Return the texts as UTF-8 bytes and where each ends; an array of texts gives each the room of the longest."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if labeled.text is None:
        return {}
    whole = labeled.text.fill_null("")
    whole = (whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole).cast(pa.large_string())
    ends = np.cumsum(pc.binary_length(whole).to_numpy(zero_copy_only=False))
    return {"text_bytes": np.frombuffer(data_of(whole), np.uint8), "text_ends": ends}


def _texts(held: dict[str, NDArray[Any]]) -> list[str] | None:
    if "text_bytes" not in held or "text_ends" not in held:
        return None
    data, ends = held["text_bytes"].tobytes(), held["text_ends"].tolist()
    return [data[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
