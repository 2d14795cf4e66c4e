"""Origin of code, by the location of its file: standard library, weaklab, an installed distribution, or the user."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import site
import sys
import sysconfig
import types
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

OWN = ""
"""The home of the user's code, which is compared by content. Other code is compared by its name and its home."""


def home_of(thing: Any) -> str:
    """Return the home of a module, class or function: ``python``, ``weaklab``, ``name==version`` or :data:`OWN`.

    >>> import json, numpy
    >>> home_of(json.dumps), home_of(numpy.array).startswith("numpy==")
    ('python', True)
    """
    code = getattr(thing, "__code__", None)
    if isinstance(code, types.CodeType) and not code.co_filename.startswith("<"):
        return home_of_file(code.co_filename)
    if isinstance(thing, types.FunctionType) and thing.__globals__ is not getattr(
        sys.modules.get(thing.__module__), "__dict__", None
    ):
        return OWN  # made by exec() with its own globals
    if isinstance(thing, types.ModuleType):
        return _home_of_module(thing)
    name = getattr(thing, "__module__", None)
    if name == "__main__":  # code of a script, a notebook or ``python -c``
        return OWN
    module = sys.modules.get(name) if isinstance(name, str) else None
    return OWN if module is None else _home_of_module(module)


def home_by_name(top: str) -> str:
    """Return the home of a module without importing it."""
    module = sys.modules.get(top)
    if module is not None:
        return home_of(module)
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise ModuleNotFoundError(top)
    if spec.origin in ("built-in", "frozen"):
        return "python"
    places = list(spec.submodule_search_locations or ())
    file = spec.origin or (f"{places[0]}/__init__.py" if places else "")
    return home_of_file(file) if file else OWN


def _home_of_module(module: types.ModuleType) -> str:
    spec = getattr(module, "__spec__", None)
    if module.__name__ != "__main__" and (
        getattr(spec, "origin", None) in ("built-in", "frozen") or module.__name__ == "builtins"
    ):
        return "python"
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return home_of_file(file)
    places = list(getattr(spec, "submodule_search_locations", None) or ())  # folders of a package without __init__.py
    return home_of_file(os.path.join(places[0], "__init__.py")) if places else OWN


@lru_cache(maxsize=4096)
def home_of_file(file: str) -> str:
    """Return the home of the code in a file; see :func:`home_of`."""
    path = os.path.realpath(file)
    if _below(path, _WEAKLAB):
        return "weaklab"
    for folder in _installed():
        if _below(path, folder):
            return _distribution(os.path.relpath(path, folder).split(os.sep)[0].partition(".")[0], path)
    if any(_below(path, folder) for folder in _standard()):
        return "python"
    return f"{os.path.basename(path)}=={_content(path)}" if path.endswith(tuple(EXTENSION_SUFFIXES)) else OWN


_WEAKLAB = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def _below(path: str, folder: str) -> bool:
    return path.startswith(folder + os.sep)


@lru_cache(maxsize=1)
def _standard() -> list[str]:
    return [os.path.realpath(path) for name in ("stdlib", "platstdlib") if (path := sysconfig.get_path(name))]


@lru_cache(maxsize=1)
def _installed() -> list[str]:
    """Return the folders in which packages are installed."""
    places = [
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        *site.getsitepackages(),
        site.getusersitepackages(),
    ]
    return list(dict.fromkeys(os.path.realpath(path) for path in places if path))


@lru_cache(maxsize=1024)
def _distribution(top: str, path: str) -> str:
    """Return name and version of the distribution of a top-level module; a hash of the file if it is not known."""
    try:
        return _installed_as(top)
    except importlib.metadata.PackageNotFoundError:
        names = sorted(set(_distributions().get(top, ())))
    if names:
        return ",".join(_installed_as(name) for name in names)
    version = getattr(sys.modules.get(top), "__version__", None)
    return f"{top}=={version}" if isinstance(version, str) else f"{top}=={_content(path)}"


def _installed_as(name: str) -> str:
    """Return name and version of a distribution, with a hash of its files if it was installed from a local folder.

    The version of such a distribution often stays the same after edits. PEP 610 tells where it was installed from.
    """
    found = importlib.metadata.distribution(name)
    name_and_version = f"{name}=={found.version}"
    if found.read_text("direct_url.json") is None:
        return name_and_version
    return f"{name_and_version}+{hashlib.sha256((found.read_text('RECORD') or '').encode()).hexdigest()[:32]}"


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def _content(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return "unknown"
