"""Loading labeling functions from files and folders; errors are reported with file and line."""

from __future__ import annotations

import ast
import contextlib
import copy
import hashlib
import importlib
import linecache
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from weaklab.core.errors import HeuristicError
from weaklab.heuristics.ballot import Heuristic
from weaklab.heuristics.function_source import FUTURES
from weaklab.heuristics.functions import LabelingFunction, place
from weaklab.heuristics.registered import HEURISTICS
from weaklab.heuristics.snorkel import SnorkelFunction, is_snorkel


@dataclass
class Loaded:
    """The heuristics that were loaded, and one message for each file or statement that failed."""

    heuristics: list[Heuristic] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    files: dict[Path, str] = field(default_factory=dict)
    """The files that were read, including helper modules, with the hash of their contents."""


class FileContents:
    """Detects when files of labeling functions, or helper modules in the same folder, have changed since loading."""

    def __init__(self) -> None:
        self._read: dict[Path, str] = {}
        self._listed: dict[Path, list[Path]] = {}

    def watch(self, path: Path) -> None:
        """Remember the files of a folder, so that new and removed files are detected as well."""
        self._listed[path] = _listed(path)

    def add(self, files: Mapping[Path, str]) -> None:
        """Remember the hashes of files that were read."""
        self._read.update(files)

    def changed(self) -> bool:
        """Whether a file was changed, removed or added."""
        if any(_listed(path) != before for path, before in self._listed.items()):
            return True
        return any(_hash_of(path) != before for path, before in self._read.items())


def _listed(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(p for p in path.glob("*.py") if p.is_file())


def _hash_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "cannot be read"


def as_heuristic(thing: Any) -> Heuristic:
    """Return a heuristic for what a user registers: a heuristic, a function, one of Snorkel's, or the name of one that
    an installed package offers.

    Raises
    ------
    HeuristicError
        It is something else.
    """
    if isinstance(thing, str) and thing in HEURISTICS:
        member = copy.copy(as_heuristic(HEURISTICS[thing]))
        member.name = member.registered_as = thing
        return member
    if isinstance(thing, Heuristic):
        return thing
    if is_snorkel(thing):
        return SnorkelFunction(thing)
    if callable(thing):
        return LabelingFunction(thing)
    raise HeuristicError(
        f"cannot register {type(thing).__name__} {thing!r}; wanted a labeling function, keywords(), pattern(), "
        "where(), a weak classifier, one of Snorkel's labeling functions, or the name of a heuristic that an installed "
        f"package offers ({', '.join(HEURISTICS.names()) or 'there are none'})"
    )


def load(path: str | Path) -> Loaded:
    """Load the labeling functions of one file, or of every ``*.py`` file of a folder, in the order of definition.

    Loaded are functions with the decorator ``@labeling_function`` or Snorkel's, and objects made by ``keywords()``,
    ``pattern()`` and ``where()`` or that are weak classifiers; helper functions are not loaded. Heuristics without a
    name are named after their variable. If weaklab refuses a statement, such as an async labeling function, it is
    reported in ``errors`` and the rest of its file is loaded. A file with any other error is left out.

    Raises
    ------
    HeuristicError
        The file or folder does not exist.
    """
    path = Path(path)
    if not path.exists():
        raise HeuristicError(f"{path}: no such file or folder of labeling functions")
    if path.is_file() and path.suffix != ".py":
        raise HeuristicError(
            f"{path}: not a Python file; wanted a .py file of labeling functions, or a folder of such files"
        )
    files = [file for file in _listed(path) if path.is_file() or not file.name.startswith("_")]
    loaded = Loaded(files={file: _hash_of(file) for file in _listed(path)})
    homes: dict[str, str] = {}
    _forget_neighbours()
    for file in files:
        try:
            module, refused = _module(file)
            found = _heuristics_of(module, file, [other.stem for other in files])
            loaded.errors += [_describe(error, file) for error in refused]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a user's file may raise anything, including SystemExit
            loaded.errors.append(_describe(error, file))
            continue
        for heuristic in found:
            if heuristic.name in homes:
                loaded.errors.append(
                    f"{heuristic.location}: {heuristic.name!r} is the name of another heuristic "
                    f"({homes[heuristic.name]}); rename one of them"
                )
                continue
            homes[heuristic.name] = heuristic.location
            loaded.heuristics.append(heuristic)
    helpers = [Path(str(sys.modules[name].__file__)) for name in sorted(_neighbours) if name in sys.modules]
    loaded.files.update({file: _hash_of(file) for file in helpers if file not in loaded.files})
    return loaded


_neighbours: set[str] = set()
"""Modules that loaded files imported from their own folder, such as helpers; they are imported again by each load."""


def _forget_neighbours() -> None:
    for name in _neighbours:
        sys.modules.pop(name, None)
    _neighbours.clear()
    importlib.invalidate_caches()


def _module(file: Path) -> tuple[ModuleType, list[HeuristicError]]:
    """Run a file as a module of a package for its folder, so that ``from .helper import words`` works.

    Returns
    -------
    The module, and the errors of statements that weaklab refused.
    """
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
            tree = ast.parse(file.read_bytes(), str(file))  # compiled here, because a bytecode cache may be out of date
            refused = _run(tree, str(file), module.__dict__)
            _import_late_neighbours(tree, folder, package)
    except BaseException:
        del sys.modules[module.__name__]
        raise
    finally:
        for name in set(sys.modules) - before - {module.__name__}:
            if _stands_in(sys.modules[name], folder):
                cloudpickle.register_pickle_by_value(sys.modules[name])
                _neighbours.add(name)
    cloudpickle.register_pickle_by_value(module)
    return module, refused


def _run(tree: ast.Module, file: str, namespace: dict[str, Any]) -> list[HeuristicError]:
    """Run a file statement by statement; statements that weaklab refuses are skipped, and their errors returned."""
    flags = compile(tree, file, "exec", dont_inherit=True).co_flags & FUTURES
    refused = []
    for statement in tree.body:
        code = compile(ast.Module([statement], []), file, "exec", flags=flags, dont_inherit=True)
        try:
            exec(code, namespace)
        except HeuristicError as error:
            refused.append(error)
    return refused


def _import_late_neighbours(tree: ast.Module, folder: Path, package: str) -> None:
    """Import now what functions will import from the folder when called, because it is not on the path then."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
            names += [f"{names[0]}{'.' if node.module else ''}{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top = name.lstrip(".").partition(".")[0]
            if top and ((folder / f"{top}.py").is_file() or (folder / top).is_dir()):
                with contextlib.suppress(Exception):  # then the function has a fault when it is called
                    importlib.import_module(name, package)


def _package(folder: Path) -> str:
    name = f"weaklab_folder_{hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()}"
    package = sys.modules.setdefault(name, ModuleType(name))
    package.__path__ = [str(folder)]
    return name


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    """Allow a file to import modules of its folder; no bytecode files are written, because they may get out of date."""
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = written


def _stands_in(module: Any, folder: Path) -> bool:
    file = str(getattr(module, "__file__", None) or "")
    return (
        bool(file)
        and Path(file).is_relative_to(folder)
        and "site-packages" not in file
        and not module.__name__.startswith("weaklab.")
    )


def _heuristics_of(module: ModuleType, file: Path, stems: list[str]) -> list[Heuristic]:
    """Return the heuristics that a module defines; location and fingerprint are set now, before the file is edited."""
    lines, imported = _names_in(ast.parse(file.read_bytes()), stems)
    found: dict[int, Heuristic] = {}
    for name, thing in vars(module).items():
        if name.startswith("_") or name in imported or isinstance(thing, type):
            continue
        things = list(thing) if isinstance(thing, (list, tuple)) else [thing]
        if not things or not all(isinstance(item, Heuristic) or is_snorkel(item) for item in things):
            continue
        for number, item in enumerate(things):
            heuristic = found[id(item)] if id(item) in found else as_heuristic(item)
            if thing is item and id(item) not in found and not heuristic.named:
                heuristic.name = name
            heuristic.location = heuristic.location or place(file, lines.get((name, number), lines.get((name, 0), 1)))
            found.setdefault(id(item), heuristic)
    for heuristic in found.values():
        _ = heuristic.fingerprint
    return list(found.values())


def _names_in(tree: ast.AST, stems: list[str]) -> tuple[dict[tuple[str, int], int], set[str]]:
    """Return (name, position in a list) -> line of every assignment, and the names imported from these other files."""
    lines: dict[tuple[str, int], int] = {}
    imported: set[str] = set()
    for node in _outside_functions(tree):
        if isinstance(node, ast.ImportFrom) and node.module in stems:
            imported |= {alias.asname or alias.name for alias in node.names}
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
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
    """Return a message of one line with file, line and error."""
    if isinstance(error, SyntaxError):
        line = (error.text or "").strip()[:80]
        return f"{error.filename or file}:{error.lineno or 1}: {type(error).__name__}: {error.msg}" + (
            f" in `{line}`" if line else ""
        )
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    message = " ".join(str(error).split())[:300]
    if isinstance(error, SystemExit):
        message = f"{message} (the file ends Python when it is loaded; leave that out)".strip()
    return f"{file}:{lines[-1] if lines else 1}: {type(error).__name__}: {message}"
