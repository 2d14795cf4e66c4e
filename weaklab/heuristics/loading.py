"""Labeling functions from files and folders, each file loaded by its path and each failure told by file and line."""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.base import HeuristicError
from weaklab.heuristics.ballot import Heuristic
from weaklab.heuristics.snorkel import SnorkelFunction, is_snorkel

if TYPE_CHECKING:
    from types import ModuleType


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
    from weaklab.heuristics.functions import LabelingFunction

    if isinstance(thing, Heuristic):
        return thing
    if is_snorkel(thing):
        return SnorkelFunction(thing)
    if callable(thing) and hasattr(thing, "__name__"):
        return LabelingFunction(thing)
    raise HeuristicError(
        f"cannot register {type(thing).__name__} {thing!r}; wanted a labeling function, keywords(), pattern(), a weak classifier "
        "or one of Snorkel's labeling functions"
    )


def load(path: str | Path) -> Loaded:
    """Load the labeling functions of one file, or of every ``*.py`` file of a folder, in the order they are written.

    Only what carries ``@labeling_function``, ``keywords()``, ``pattern()``, a weak classifier or Snorkel's decorator is
    taken; helper functions are not. A file with an error is left out and named in ``errors``.

    Raises
    ------
    HeuristicError
        There is no such file or folder.
    """
    path = Path(path)
    if not path.exists():
        raise HeuristicError(f"{path}: no such file or folder of labeling functions")
    files = sorted(p for p in path.glob("*.py") if not p.name.startswith("_")) if path.is_dir() else [path]
    loaded = Loaded()
    homes: dict[str, str] = {}
    for file in files:
        try:
            found = _heuristics_of(_module(file))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a file of the user's may raise anything, SystemExit included
            loaded.errors.append(_describe(error, file))
            continue
        for heuristic in found:
            if heuristic.name in homes:
                loaded.errors.append(
                    f"{heuristic.location or file}: {heuristic.name!r} is the name of another heuristic ({homes[heuristic.name]}); "
                    "rename one of them"
                )
                continue
            homes[heuristic.name] = heuristic.location or str(file)
            loaded.heuristics.append(heuristic)
    return loaded


def _module(file: Path) -> ModuleType:
    import cloudpickle

    name = f"weaklab_file_{hashlib.blake2b(str(file.resolve()).encode(), digest_size=6).hexdigest()}_{file.stem}"
    linecache.checkcache(str(file))
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    source = file.read_bytes()
    sys.modules[name] = module
    sys.path.insert(0, str(file.resolve().parent))
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)  # compiled here: a bytecode cache could be stale
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(file.resolve().parent))
    cloudpickle.register_pickle_by_value(module)
    return module


def _heuristics_of(module: ModuleType) -> list[Heuristic]:
    found = []
    for name, thing in vars(module).items():
        if name.startswith("_") or isinstance(thing, type):
            continue
        if isinstance(thing, Heuristic) or is_snorkel(thing):
            heuristic = as_heuristic(thing)
            if not heuristic.location:
                heuristic.location = str(module.__file__ or "")
            found.append(heuristic)
        elif isinstance(thing, (list, tuple)) and thing and all(isinstance(item, Heuristic) or is_snorkel(item) for item in thing):
            found += [as_heuristic(item) for item in thing]
    return list({id(h) if not isinstance(h, SnorkelFunction) else id(h.function): h for h in found}.values())


def _describe(error: BaseException, file: Path) -> str:
    if isinstance(error, SyntaxError):
        line = (error.text or "").strip()
        return f"{file}:{error.lineno}: {type(error).__name__}: {error.msg}" + (f" in `{line}`" if line else "")
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f"{file}:{lines[-1] if lines else 1}: {type(error).__name__}: {error}"
