"""Files that are there whole or not at all, and that show whether they still are what was written."""

from __future__ import annotations

import errno
import os
import uuid
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import ProjectError, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_TRAILER = b"weaklab1"
_TRAILER_BYTES = len(_TRAILER) + 4


@contextmanager
def write_errors(path: str | Path) -> Iterator[None]:
    """Turn what the system says of a file that cannot be written into a ProjectError with its path.

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
    """Give a name to write to; when the block ends well the file is flushed and takes the place of ``path`` at once.

    Raises
    ------
    ProjectError
        The disk is full, or the folder may not be written; what stood there before is as it was.
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
    """Make renames in a folder last through a power failure, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except (OSError, AttributeError):  # Windows has no such thing
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- what can be computed again


class Kept:
    """The names of the files that were once kept in a folder, so that one that is gone is noticed.

    A file that is gone, damaged or somebody else's is made again with a warning, and one that cannot be written is a
    warning: neither changes a result.

    Parameters
    ----------
    folder : where the files are
    owner : the project folder, which the warning names when nothing can be written
    """

    _LIST = "kept.txt"

    def __init__(self, folder: Path, owner: Path) -> None:
        self.folder, self.owner = folder, owner

    def path(self, name: str) -> Path:
        return self.folder / name

    def read(self, name: str, read: Callable[[Path], Any]) -> Any:
        """Return what ``read`` makes of a file, None where it is not there or ``read`` raises or returns None."""
        path = self.path(name)
        try:
            found = read(path)
        except (FileNotFoundError, NotADirectoryError):
            if name in self._names():
                warn(f"{path}: is not there any more; it is made again")
            return None
        except Exception as error:  # a damaged file can raise anything on the way through its readers
            warn(f"{path}: is damaged or was not written for these records ({_short(error)}); it is made again")
            return None
        return found

    def write(self, name: str, write: Callable[[Path], None]) -> None:
        """Let ``write`` make a file, whole or not at all; where it cannot be written that is a warning."""
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
    """A file is not what was written."""


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (
        f"{type(error).__name__}: {text[:100]}"
        if text and not isinstance(error, DamagedError)
        else text or type(error).__name__
    )


def array_checksum(array: NDArray[Any], key: str) -> int:
    """Return a checksum of what an array holds and of what it was made for.

    >>> import numpy as np
    >>> array_checksum(np.array([1, 2]), "a") != array_checksum(np.array([1, 2]), "b")
    True
    """
    import numpy as np

    start = zlib.crc32(f"{key}\0{array.dtype.str}\0{array.shape}".encode())
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data if array.size else b"", start)


def write_array(path: Path, array: NDArray[Any], key: str) -> None:
    """Write an array as ``.npy``, followed by a checksum of its content and of ``key``."""
    import numpy as np

    with open(path, "wb") as stream:
        np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
        stream.write(_TRAILER + array_checksum(array, key).to_bytes(4, "big"))


def read_array(path: Path, key: str) -> NDArray[np.generic]:
    """Return an array that :func:`write_array` wrote.

    Raises
    ------
    DamagedError, or what numpy raises
        It is damaged, or was written for another ``key``.
    """
    import numpy as np

    with open(path, "rb") as stream:
        array: NDArray[np.generic] = np.load(stream, allow_pickle=False)
        trailer = stream.read(_TRAILER_BYTES + 1)
    if trailer != _TRAILER + array_checksum(array, key).to_bytes(4, "big"):
        raise DamagedError("its checksum does not fit")
    return array
