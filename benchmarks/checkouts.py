"""Programs that run with the code of one checkout of weaklab or another, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""This checkout."""


def run_with(checkout: Path, program: str | Path, *arguments: object, folder: Path | None = None) -> str:
    """Run a Python file with the weaklab of a checkout, and return what it prints.

    The program must not import ``benchmarks`` at its top: an old checkout has other benchmarks than this one.

    Raises
    ------
    SystemExit
        The program failed; the message is the last line of what it wrote to the error stream.
    """
    command = [sys.executable, "-P", str(Path(program).resolve()), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["failed"]
        reason = said[-1] if done.returncode > 0 else f"stopped by signal {-done.returncode}"
        raise SystemExit(f"{Path(program).stem} with {checkout}: {reason}")
    return done.stdout


def checkout(path: str) -> Path:
    """Return the folder of a checkout that a person named.

    Raises
    ------
    SystemExit
        There is none.
    """
    folder = Path(path).resolve()
    if not (folder / "weaklab" / "__init__.py").is_file():
        raise SystemExit(f"{path!r} is no checkout of weaklab; wanted a folder that holds the folder weaklab")
    return folder
