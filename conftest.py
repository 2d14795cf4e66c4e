"""Every test, those in the documentation included, runs in an empty folder of its own, and numpy with one thread."""

import os

import pytest

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # pytest's workers take all cores; further threads only wait for each other


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
