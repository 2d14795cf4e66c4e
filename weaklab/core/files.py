"""Atomic and checked files: each is written completely or not at all, and a checksum shows later damage."""

from __future__ import annotations

import errno
import json
import os
import uuid
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import ProjectError, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_TRAILER = b"weaklab1"
_TRAILER_BYTES = len(_TRAILER) + 4


@contextmanager
def write_errors(path: str | Path) -> Iterator[None]:
    """Turn an OSError while writing a file into a ProjectError that names the file and the reason.

    >>> with write_errors("labels.csv"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
        ...
    weaklab.core.errors.ProjectError: labels.csv: cannot be written: the disk is full (No space left on device); make
    room and try again
    """
    try:
        yield
    except OSError as error:
        raise ProjectError(f"{path}: cannot be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    said = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _FULL:
        return f"the disk is full ({said}); make room and try again"
    if error.errno in _CLOSED:
        return f"it may not be written there ({said}); choose another place, or allow it"
    return said


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file atomically: yield a temporary path; after the block it is flushed and renamed to ``path``.

    Raises
    ------
    ProjectError
        The disk is full, or the folder is not writable; a previous file at ``path`` is unchanged.
    """
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}"
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with open(temporary, "rb") as stream:
                os.fsync(stream.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that renames in it survive a power failure, if the system supports this."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except (OSError, AttributeError):  # Windows cannot flush a folder
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- caches: files that can be computed again


class Kept:
    """A folder of cached files, with a list of their names to notice when one is missing.

    A file that is missing, damaged or made for other records is computed again, with a warning. If a file cannot be
    written, that is a warning. Neither changes a result.

    Parameters
    ----------
    folder : folder of the files
    owner : the project folder, named in the warning when a file cannot be written
    """

    _LIST = "kept.txt"

    def __init__(self, folder: Path, owner: Path) -> None:
        self.folder, self.owner = folder, owner

    def path(self, name: str) -> Path:
        return self.folder / name

    def read(self, name: str, read: Callable[[Path], Any]) -> Any:
        """Return the result of ``read`` for a file; None if the file is missing or ``read`` raises or returns None."""
        path = self.path(name)
        try:
            found = read(path)
        except (FileNotFoundError, NotADirectoryError):
            if name in self._names():
                warn(f"{path}: is not there any more; it is made again")
            return None
        except Exception as error:  # the reader of a damaged file may raise anything
            warn(f"{path}: is damaged or was not written for these records ({_short(error)}); it is made again")
            return None
        return found

    def write(self, name: str, write: Callable[[Path], None]) -> None:
        """Let ``write`` make a file, completely or not at all; warn if that fails."""
        try:
            with replacing(self.path(name)) as temporary:
                write(temporary)
            if name not in self._names():
                with open(self.folder / self._LIST, "a", encoding="utf-8") as stream:
                    stream.write(f"{name}\n")
        except (ProjectError, OSError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            reason = _reason(cause) if isinstance(cause, OSError) else str(error)
            warn(f"{self.owner}: votes and features cannot be kept: {reason}; they are computed again next time")

    def _names(self) -> set[str]:
        try:
            return set((self.folder / self._LIST).read_text(encoding="utf-8", errors="replace").splitlines())
        except OSError:
            return set()


class DamagedError(ValueError):
    """A file differs from what was written."""


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (
        f"{type(error).__name__}: {text[:100]}"
        if text and not isinstance(error, DamagedError)
        else text or type(error).__name__
    )


def array_checksum(array: NDArray[Any], key: str) -> int:
    """Return a checksum of an array and of the key that it belongs to.

    >>> import numpy as np
    >>> array_checksum(np.array([1, 2]), "a") != array_checksum(np.array([1, 2]), "b")
    True
    """
    import numpy as np

    start = zlib.crc32(f"{key}\0{array.dtype.str}\0{array.shape}".encode())
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data if array.size else b"", start)


def write_arrays(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays with facts about them, which are JSON values, and a checksum of all as ``.npz``."""
    import numpy as np

    text = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    with open(path, "wb") as stream:
        np.savez(stream, **{"facts": text, "sum": np.array([_checksum_of(text, arrays)]), **arrays})  # type: ignore[arg-type]


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read what :func:`write_arrays` wrote: facts, and name -> array.

    Raises
    ------
    DamagedError, or an error of numpy
        The file is damaged.
    """
    import numpy as np

    with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    text, total = arrays.pop("facts"), int(arrays.pop("sum")[0])
    if _checksum_of(text, arrays) != total:
        raise DamagedError("its checksum does not fit")
    return json.loads(text.tobytes()), arrays


def _checksum_of(text: NDArray[Any], arrays: Mapping[str, NDArray[Any]]) -> int:
    import numpy as np

    total = zlib.crc32(text.tobytes())
    for array in arrays.values():
        total = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data, total)
    return total


def write_array(path: Path, array: NDArray[Any], key: str) -> None:
    """Write an array as ``.npy``, followed by a checksum of its content and of ``key``."""
    import numpy as np

    with open(path, "wb") as stream:
        np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
        stream.write(_TRAILER + array_checksum(array, key).to_bytes(4, "big"))


def read_array(path: Path, key: str) -> NDArray[np.generic]:
    """Read an array that :func:`write_array` wrote.

    Raises
    ------
    DamagedError, or an error of numpy
        The file is damaged, or was written with another ``key``.
    """
    import numpy as np

    with open(path, "rb") as stream:
        array: NDArray[np.generic] = np.load(stream, allow_pickle=False)
        trailer = stream.read(_TRAILER_BYTES + 1)
    if trailer != _TRAILER + array_checksum(array, key).to_bytes(4, "big"):
        raise DamagedError("its checksum does not fit")
    return array
