"""Vectors of texts, kept on disk by the content of the text: each text is encoded once."""

from __future__ import annotations

import hashlib
import time
import uuid
from threading import Lock
from typing import TYPE_CHECKING, Any

from weaklab.core.files import Kept, read_array, write_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

FIRST_BLOCK, SMALLEST_BLOCK, LARGEST_BLOCK = 64, 16, 4096
"""Numbers of texts that are encoded at a time."""
BLOCK_SECONDS = 5.0
"""A block takes about so long; what was encoded is on disk after each block, so a kill loses no more than one."""
SUFFIX = ".npy"


def keys_of_texts(texts: Iterable[str]) -> Keys:
    """Return a number for each text that depends on its content alone: uint64 (n,).

    >>> keys = keys_of_texts(["a", "b", "a"])
    >>> bool(keys[0] == keys[2]), bool(keys[0] == keys[1])
    (True, False)
    """
    import numpy as np

    hashes = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(hashes), dtype="<u8").astype(np.uint64)


class VectorStore:
    """Vectors of texts by the content of the text, in float16; on disk if there is a folder, else in memory only.

    A file holds the vectors of one block of texts. Files are written whole or not at all and never changed, so that
    several processes may write at once. One that is damaged is made again, with a warning.

    Parameters
    ----------
    digest : of the encoder; vectors of another one are not found
    folder : for the files; None to keep nothing on disk
    write : whether files may be written

    Examples
    --------
    >>> import numpy as np
    >>> store = VectorStore("an encoder")
    >>> encode = lambda texts: np.array([[len(text), 1.0] for text in texts])
    >>> store.vectors(["a", "bcd", "a"], encode).tolist()
    [[1.0, 1.0], [3.0, 1.0], [1.0, 1.0]]
    >>> store.missing(["a", "e"])
    ['e']
    """

    def __init__(self, digest: str, folder: Path | None = None, write: bool = True) -> None:
        import numpy as np

        self.digest, self._write = digest, write
        self._folder = None if folder is None else folder / digest[:16]
        self._kept = None if self._folder is None else Kept(self._folder, self._folder)
        self._lock = Lock()
        self._read: set[str] = set()
        self._index: Any = None
        self._keys: Keys = np.empty(0, dtype=np.uint64)
        self._parts: list[NDArray[np.float16]] = []
        self._whole: NDArray[np.float16] | None = None
        self.look()

    def look(self) -> None:
        """Read the files that are new."""
        if self._folder is None or self._kept is None:
            return
        names = sorted(path.name for path in self._folder.glob(f"[!.]*{SUFFIX}"))
        for name in [name for name in names if name not in self._read]:
            self._read.add(name)
            held = self._kept.read(name, lambda path: read_array(path, self.digest))
            if held is not None:
                self._add(held["key"], held["vector"])
            elif self._write:
                (self._folder / name).unlink(missing_ok=True)

    def _add(self, keys: Keys, vectors: NDArray[np.float16]) -> None:
        import numpy as np

        with self._lock:
            self._keys = np.concatenate([self._keys, keys])
            self._parts.append(vectors)
            self._index = self._whole = None

    def __len__(self) -> int:
        return len(self._keys)

    def _places(self, keys: Keys) -> NDArray[np.intp]:
        """Return where the vectors of texts are, -1 where there is none."""
        import numpy as np
        import pandas as pd

        with self._lock:
            if self._index is None:
                _, first = np.unique(self._keys, return_index=True)  # two processes may have encoded the same text
                self._index = pd.Index(self._keys[first]), first
            index, first = self._index
        found = np.asarray(index.get_indexer(keys))
        return np.where(found >= 0, first[found] if len(first) else -1, -1)

    def missing(self, texts: Sequence[str], keys: Keys | None = None) -> list[str]:
        """Return the texts that have no vector yet, each once."""
        import numpy as np

        keys = keys_of_texts(texts) if keys is None else keys
        absent = np.flatnonzero(self._places(keys) < 0)
        _, first = np.unique(keys[absent], return_index=True)
        return [texts[row] for row in absent[np.sort(first)].tolist()]

    def encode(
        self,
        texts: Sequence[str],
        encode: Callable[[Sequence[str]], NDArray[Any]],
        on_block: Callable[[int], bool] = lambda count: True,
    ) -> None:
        """Encode texts block by block; each block is on disk before the next one begins.

        Parameters
        ----------
        texts : without vectors so far, see :meth:`missing`
        encode : texts -> float (n, d)
        on_block : called with the number of texts of every finished block; stops if it returns False
        """
        import numpy as np

        # Texts of like length are encoded together, so that short ones are not padded.
        order, at, size = sorted(texts, key=lambda text: (len(text), text)), 0, FIRST_BLOCK
        while at < len(order):
            block, start = order[at : at + size], time.perf_counter()
            vectors = np.asarray(encode(block), dtype=np.float16)
            self._keep(keys_of_texts(block), vectors)
            at += len(block)
            if not on_block(len(block)):
                return
            seconds = max(time.perf_counter() - start, 1e-6)
            size = int(np.clip(len(block) * BLOCK_SECONDS / seconds, SMALLEST_BLOCK, min(LARGEST_BLOCK, 4 * size)))

    def _keep(self, keys: Keys, vectors: NDArray[np.float16]) -> None:
        import numpy as np

        if self._kept is not None and self._write:
            rows = np.empty(len(keys), dtype=[("key", "<u8"), ("vector", "<f2", (vectors.shape[1],))])
            rows["key"], rows["vector"] = keys, vectors
            name = f"{uuid.uuid4().hex[:12]}{SUFFIX}"
            self._read.add(name)
            self._kept.write(name, lambda path: write_array(path, rows, self.digest))
        self._add(keys, vectors)

    def vectors(
        self,
        texts: Sequence[str],
        encode: Callable[[Sequence[str]], NDArray[Any]],
        on_block: Callable[[int], bool] = lambda count: True,
    ) -> NDArray[np.float32]:
        """Return the vectors of texts, float32 (n, d); those without one are encoded first."""
        keys = keys_of_texts(texts)
        missing = self.missing(texts, keys)
        if missing:
            self.encode(missing, encode, on_block)
        return self.held(keys)

    def held(self, keys: Keys) -> NDArray[np.float32]:
        """Return the vectors of texts that all have one, by their keys: float32 (n, d)."""
        import numpy as np

        places = self._places(keys)
        assert (places >= 0).all(), "a text has no vector"
        with self._lock:
            if self._whole is None:
                whole = np.concatenate(self._parts) if self._parts else np.empty((0, 1), dtype=np.float16)
                self._whole, self._parts = whole, [whole] if len(whole) else []
            return self._whole[places].astype(np.float32)
