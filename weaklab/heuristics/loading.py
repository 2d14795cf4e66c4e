"""Labeling functions from files and folders, each file loaded by its path and each failure told by file and line."""

from __future__ import annotations

import ast
import hashlib
import importlib
import linecache
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from weaklab.base import HeuristicError
from weaklab.heuristics.ballot import Heuristic
from weaklab.heuristics.functions import LabelingFunction, place
from weaklab.heuristics.snorkel import SnorkelFunction, is_snorkel


@dataclass
class Loaded:
    """The heuristics found, and one message a file that could not be loaded."""

    heuristics: list[Heuristic] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def as_heuristic(thing: Any) -> Heuristic:
    """Return a heuristic for what a user registers: a heuristic, a Snorkel labeling function or a plain function.

    Raises
    ------
    HeuristicError
        It is none of these.
    """
    if isinstance(thing, Heuristic):
        return thing
    if is_snorkel(thing):
        return SnorkelFunction(thing)
    if callable(thing):
        return LabelingFunction(thing)
    raise HeuristicError(
        f"cannot register {type(thing).__name__} {thing!r}; wanted a labeling function, keywords(), pattern(), where(), a weak classifier "
        "or one of Snorkel's labeling functions"
    )


def load(path: str | Path) -> Loaded:
    """Load the labeling functions of one file, or of every ``*.py`` file of a folder, in the order they are written.

    Only what carries ``@labeling_function``, ``keywords()``, ``pattern()``, ``where()``, a weak classifier or Snorkel's decorator is
    taken; helper functions are not. A file with an error is left out and named in ``errors``.

    Raises
    ------
    HeuristicError
        There is no such file or folder.
    """
    path = Path(path)
    if not path.exists():
        raise HeuristicError(f"{path}: no such file or folder of labeling functions")
    if path.is_file() and path.suffix != ".py":
        raise HeuristicError(f"{path}: not a Python file; wanted a .py file of labeling functions, or a folder of such files")
    files = [path] if path.is_file() else sorted(p for p in path.glob("*.py") if p.is_file() and not p.name.startswith("_"))
    loaded = Loaded()
    homes: dict[str, str] = {}
    _forget_neighbours()
    for file in files:
        try:
            found = _heuristics_of(_module(file), file, [other.stem for other in files])
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a file of the user's may raise anything, SystemExit included
            loaded.errors.append(_describe(error, file))
            continue
        for heuristic in found:
            if heuristic.name in homes:
                loaded.errors.append(
                    f"{heuristic.location}: {heuristic.name!r} is the name of another heuristic ({homes[heuristic.name]}); "
                    "rename one of them"
                )
                continue
            homes[heuristic.name] = heuristic.location
            loaded.heuristics.append(heuristic)
    return loaded


_neighbours: set[str] = set()
"""Modules that loaded files imported from their own folder, such as helpers; each load reads them again."""


def _forget_neighbours() -> None:
    for name in _neighbours:
        sys.modules.pop(name, None)
    _neighbours.clear()
    importlib.invalidate_caches()


def _module(file: Path) -> ModuleType:
    """Run a file as a module of a package of its own for each folder, so that ``from .helper import words`` works, too."""
    import cloudpickle

    folder = file.resolve().parent
    package = _package(folder)
    module = ModuleType(f"{package}.{file.stem.replace('.', '_')}")
    module.__file__, module.__package__ = str(file), package
    linecache.checkcache(str(file))
    before = set(sys.modules)
    sys.modules[module.__name__] = module
    try:
        with _importing_from(folder):
            exec(compile(file.read_bytes(), str(file), "exec"), module.__dict__)  # compiled here: a bytecode cache could be stale
    except BaseException:
        del sys.modules[module.__name__]
        raise
    finally:
        for name in set(sys.modules) - before - {module.__name__}:
            if _stands_in(sys.modules[name], folder):
                cloudpickle.register_pickle_by_value(sys.modules[name])
                _neighbours.add(name)
    cloudpickle.register_pickle_by_value(module)
    return module


def _package(folder: Path) -> str:
    name = f"weaklab_folder_{hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()}"
    package = sys.modules.setdefault(name, ModuleType(name))
    package.__path__ = [str(folder)]
    return name


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Let a file import its neighbours, without leaving compiled ones, which may be taken for those of an edited file."""
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = written


def _stands_in(module: Any, folder: Path) -> bool:
    file = str(getattr(module, "__file__", None) or "")
    return bool(file) and Path(file).is_relative_to(folder) and "site-packages" not in file and not module.__name__.startswith("weaklab.")


def _heuristics_of(module: ModuleType, file: Path, stems: list[str]) -> list[Heuristic]:
    """Return the heuristics that a module defines, with ``file:line`` and fingerprint as of now, before somebody edits the file."""
    lines, imported = _names_in(ast.parse(file.read_bytes()), stems)
    found: dict[int, Heuristic] = {}
    for name, thing in vars(module).items():
        if name.startswith("_") or name in imported or isinstance(thing, type):
            continue
        things = list(thing) if isinstance(thing, (list, tuple)) else [thing]
        if not things or not all(isinstance(item, Heuristic) or is_snorkel(item) for item in things):
            continue
        for number, item in enumerate(things):
            heuristic = as_heuristic(item)
            heuristic.location = heuristic.location or place(file, lines.get((name, number), lines.get((name, 0), 1)))
            found.setdefault(id(item), heuristic)
    for heuristic in found.values():
        _ = heuristic.fingerprint
    return list(found.values())


def _names_in(tree: ast.AST, stems: list[str]) -> tuple[dict[tuple[str, int], int], set[str]]:
    """Return the line of every assignment, (name, position in a list) -> line, and the names imported from these other files."""
    lines: dict[tuple[str, int], int] = {}
    imported: set[str] = set()
    for node in _outside_functions(tree):
        if isinstance(node, ast.ImportFrom) and node.module in stems:
            imported |= {alias.asname or alias.name for alias in node.names}
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name):
                lines[target.id, 0] = node.lineno
                elements = node.value.elts if isinstance(node.value, (ast.List, ast.Tuple)) else []
                lines |= {(target.id, number): element.lineno for number, element in enumerate(elements)}
    return lines, imported


def _outside_functions(tree: ast.AST) -> Iterator[Any]:
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _outside_functions(node)


def _describe(error: BaseException, file: Path) -> str:
    """Return one line: file, line, what happened."""
    if isinstance(error, SyntaxError):
        line = (error.text or "").strip()[:80]
        return f"{error.filename or file}:{error.lineno or 1}: {type(error).__name__}: {error.msg}" + (f" in `{line}`" if line else "")
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    message = " ".join(str(error).split())[:300]
    if isinstance(error, SystemExit):
        message = f"{message} (the file ends Python when it is loaded; leave that out)".strip()
    return f"{file}:{lines[-1] if lines else 1}: {type(error).__name__}: {message}"
