"""Every test, those in the documentation included, runs in an empty folder of its own, in memory where there is room.

numpy has one thread: pytest's workers take all cores.
"""

import os
import shutil

import pytest

MEMORY = "/dev/shm"  # noqa: S108  # pytest makes a folder of its own there, for this user alone
ROOM = 4 << 30


def in_memory():
    """Return whether folders of tests can be in memory, where no write waits for a disk."""
    return (
        os.path.isdir(MEMORY)
        and os.access(MEMORY, os.W_OK)
        and shutil.disk_usage(MEMORY).free >= ROOM
        and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    )


for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
if in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
