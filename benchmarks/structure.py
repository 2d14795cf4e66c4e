"""The shape of the code in one or two checkouts: modules, imports, the largest class, and the files that a call passes.

    git worktree add ../old 26b898d
    python -m benchmarks.structure ../old .      # side by side
    python -m benchmarks.structure . --files     # also the files that each operation passes

Read from the source, nothing is imported:

modules in the root : ``.py`` files beside ``__init__.py`` in the folder of the package
rooms : these modules and the packages; ``weaklab/__init__.py`` and ``.pyi`` are lists of names and no room
arrows : pairs of rooms of which one imports the other. All forms count: ``import weaklab.x``, ``from weaklab import
    x``, relative ones, those inside functions and for type checking, ``import_module("weaklab.x")``, and names used as
    ``weaklab.name``. A public name counts for the room that it comes from.
levels : rooms in the longest chain of arrows; rooms that import each other in a circle count as one
arrows in cycles : arrows between rooms that can be reached from each other; at least one of these goes up
methods : functions and properties in the body of the class, private ones included, inherited ones not

Counted while it runs, in a process of its own with a project of 2,000 records, five lists of keywords, Naive Bayes
and 40 labels. Each operation has been done before, so that modules are loaded and files are read. The next call
counts, with a new label in between. Moves grow with the number of labels where a helper is called for each:
``ask(10)`` at 26b898d has 231, and 190 with 20 labels. Switches do not, and its 178 are nearest to the 184 of an
earlier count.

calls : functions of weaklab that start, in all threads; comprehensions and generators that go on are not counted
moves : calls of a function in one file of weaklab by a function in another one. What stands between them, such as
    ``sorted`` or a context manager of the standard library, is passed over.
switches : how often code of weaklab runs in another file than the code before it: functions, comprehensions, generators
    that go on; going back to a caller is not counted. A helper that a loop calls for every label counts once.
SQL : statements that SQLite executes, each row of ``executemany`` included, and BEGIN and COMMIT
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import dis
import io
import json
import random
import sqlite3
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

NAME = "weaklab"
LINE = 120
Graph = dict[str, set[str]]
COUNTS = ("moves", "switches", "calls", "SQL", "files")

# ---- imports


def module_name(path: Path, package: Path) -> str:
    """Return the dotted name of a file, ``weaklab.corpus`` for ``weaklab/corpus/__init__.py``."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a module; it is asked for several times."""
    return ast.parse(source)


def imported(path: Path, package: Path) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name or None) of all that a file imports from the package, wherever in the file."""
    tree = parsed(path.read_text(encoding="utf-8"))
    own = module_name(path, package).split(".")
    base = own if path.stem == "__init__" else own[:-1]
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    whole = {alias.asname or alias.name for node in statements for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.startswith(f"{NAME}."))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                module = ".".join([*base[: len(base) - node.level + 1], *([module] if module else [])])
            if module.split(".")[0] == NAME:
                yield from ((module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == NAME in whole:
            yield NAME, node.attr
        elif isinstance(node, ast.Call) and node.args and last_name(node.func).endswith("import_module"):
            module = str(getattr(node.args[0], "value", ""))
            if module.startswith(f"{NAME}."):
                yield module, None


def last_name(node: ast.expr) -> str:
    """Return ``c`` for the expression ``a.b.c``, and nothing for one that does not end in a name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def module_graph(package: Path) -> Graph:
    """Return module -> modules that it imports."""
    files = {module_name(path, package): path for path in sorted(package.rglob("*.py"))}

    def home(module: str, name: str | None) -> str:
        return f"{module}.{name}" if f"{module}.{name}" in files else module

    stub = files[NAME].with_suffix(".pyi")
    public = {name: home(module, name) for module, name in imported(stub if stub.exists() else files[NAME], package)}

    def target(module: str, name: str | None) -> str:
        found = home(module, name)
        return public.get(name, found) if found == NAME else found

    graph: Graph = {}
    for name, path in files.items():
        found = {target(*pair) for pair in imported(path, package)}
        graph[name] = {one for one in found if one in files and one not in (name, NAME)}
    del graph[NAME]
    return graph


def room_graph(modules: Graph) -> Graph:
    """Return room -> rooms that it imports; a room is what stands directly in the folder of the package."""
    rooms: Graph = defaultdict(set)
    for module, targets in modules.items():
        room = module.split(".")[1]
        rooms[room] |= {target.split(".")[1] for target in targets} - {room}
    return dict(rooms)


def reached(graph: Graph, start: str) -> set[str]:
    """Return all that can be reached from a node."""
    found: set[str] = set()
    todo = [start]
    while todo:
        for target in graph.get(todo.pop(), set()) - found:
            found.add(target)
            todo.append(target)
    return found


def cycles(graph: Graph) -> list[set[str]]:
    """Return the groups of nodes that can all be reached from each other."""
    reach = {node: reached(graph, node) for node in graph}
    groups: list[set[str]] = []
    for node in graph:
        group = {other for other in reach[node] if node in reach.get(other, set())}
        if group and group not in groups:
            groups.append(group)
    return groups


def levels(graph: Graph) -> int:
    """Return the length of the longest chain, in nodes; a cycle counts as one node."""
    place = {node: min(group) for group in cycles(graph) for node in group}
    merged: Graph = defaultdict(set)
    for node, targets in graph.items():
        at = place.get(node, node)
        merged[at] |= {place.get(target, target) for target in targets} - {at}
    depth: dict[str, int] = {}

    def measured(node: str) -> int:
        if node not in depth:
            depth[node] = 1 + max((measured(target) for target in merged.get(node, ())), default=0)
        return depth[node]

    return max(map(measured, merged), default=0)


# ---- what stands in the files


def methods_of_classes(package: Path) -> Iterator[tuple[int, str]]:
    """Yield the number of methods and the name of each class."""
    for path in package.rglob("*.py"):
        for node in ast.walk(parsed(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                methods = {one.name for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
                yield len(methods), node.name


def largest_class(package: Path) -> tuple[int, str]:
    """Return the number of methods and the name of the class that has the most."""
    return max(methods_of_classes(package))


def read_source(package: Path) -> dict[str, str]:
    """Return what the source says, name -> figure."""
    modules = module_graph(package)
    rooms = room_graph(modules)
    paths = sorted(package.rglob("*.py"))
    lines = {str(path.relative_to(package)): path.read_text(encoding="utf-8").splitlines() for path in paths}
    circles = cycles(rooms)
    methods, name = largest_class(package)
    longest = sorted(lines, key=lambda file: -len(lines[file]))[:3]
    return {
        "modules": str(len(lines)),
        "modules in the root": str(len(list(package.glob("*.py"))) - 1),
        "rooms": str(len(rooms)),
        "arrows between rooms": str(sum(map(len, rooms.values()))),
        "levels": str(levels(rooms)),
        "arrows in cycles": str(sum(len(rooms[room] & circle) for circle in circles for room in circle)),
        "rooms in cycles": ", ".join(str(len(circle)) for circle in circles) or "0",
        "arrows between modules": str(sum(map(len, modules.values()))),
        "methods of the largest class": f"{methods} ({name})",
        f"lines over {LINE} characters": str(sum(len(line) > LINE for text in lines.values() for line in text)),
        "lines of the longest modules": ", ".join(f"{len(lines[file])} {file}" for file in longest),
    }


# ---- a run


def starts(frame: FrameType) -> bool:
    """Whether a call event is the start of a function; a generator that goes on makes such events, too."""
    code = frame.f_code.co_code
    at = frame.f_lasti
    return at < 0 or code[at] != dis.opmap.get("RESUME") or code[at + 1] & 3 == 0


class CallCounter:
    """Counts the calls of functions whose files are in one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.moves = self.switches = self.calls = 0
        self.files: list[str] = []
        self._last: dict[int, str] = {}

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        file = frame.f_code.co_filename
        if event != "call" or not file.startswith(self._folder):
            return
        thread = threading.get_ident()
        self.switches += self._last.get(thread, file) != file
        self._last[thread] = file
        if frame.f_code.co_name in ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>") or not starts(frame):
            return
        self.calls += 1
        if file not in self.files:
            self.files.append(file)
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(self._folder):
            caller = caller.f_back
        self.moves += caller is not None and caller.f_code.co_filename != file


def watched(call: Callable[[], Any], statements: list[str], folder: Path) -> dict[str, Any]:
    """Return the counts of one call."""
    counter = CallCounter(f"{folder}/")
    statements.clear()
    threading.setprofile(counter)
    sys.setprofile(counter)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    files = [str(Path(file).relative_to(folder)) for file in counter.files]
    sql = sum(not one.startswith("--") for one in statements)  # a trigger within a statement starts so
    return {"moves": counter.moves, "switches": counter.switches, "calls": counter.calls, "SQL": sql, "files": files}


def trace_sql() -> list[str]:
    """Return a list that gets all statements of the connections that are opened from now on."""
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]
    return statements


def texts(n: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    first = ["prize", "lunch", "hello"]
    return [" ".join([rng.choice(first), *(f"word{rng.randrange(2000)}" for _ in range(9))]) for _ in range(n)]


def make(folder: Path, n: int) -> Any:
    """Return a project that has been trained on 40 labels."""
    import weaklab

    project = weaklab.Project(folder, labels=["ham", "spam"], annotator="Ann", timeout=None, retrain_every=0)
    project.add_records(rows("r", texts(n)), text="text", id="id")
    for word, label in {"prize": "spam", "lunch": "ham", "word1": "spam", "word2": "ham", "word3": "ham"}.items():
        project.add(weaklab.keywords(label, [word], name=f"says_{word}"))
    project.weak_classifier("naive_bayes", features="tfidf")
    project.label_many([(ask, "spam" if "prize" in ask.text else "ham") for ask in project.ask(40)])
    project.run(progress=False)
    return project


def rows(start: str, lines: Iterable[str]) -> list[dict[str, str]]:
    return [{"id": f"{start}{number}", "text": text} for number, text in enumerate(lines)]


def run(n: int) -> dict[str, dict[str, Any]]:
    """Return the counts of each operation, done once before."""
    import weaklab

    statements = trace_sql()
    package = Path(weaklab.__file__).parent

    def count(call: Callable[[], Any]) -> dict[str, Any]:
        return watched(call, statements, package)

    with tempfile.TemporaryDirectory() as folder, make(Path(folder) / "p", n) as project:
        first = project.ask(10)
        project.label(first[0], "ham")
        found = {
            "ask(10)": count(lambda: project.ask(10)),
            "label": count(lambda: project.label(first[1], "ham")),
            "run": count(lambda: project.run(progress=False)),
        }
        project.add_records(rows("a", texts(10, seed=1)), text="text", id="id")
        found["add_records"] = count(lambda: project.add_records(rows("b", texts(10, seed=2)), text="text", id="id"))
    return found


# ---- printing


def show(checkouts: list[Path], n: int, files: bool) -> Iterator[str]:
    """Yield the lines of the table."""
    from benchmarks.checkouts import run_with

    sources = [read_source(checkout / NAME) for checkout in checkouts]
    runs = [json.loads(run_with(checkout, __file__, "--run", "--records", n)) for checkout in checkouts]
    lines = [["", *(checkout.name for checkout in checkouts)]]
    lines += [[name, *(source[name] for source in sources)] for name in sources[0]]
    for operation in runs[0]:
        for what in COUNTS:
            cells = [found[operation][what] for found in runs]
            lines.append([f"{operation}: {what}", *(str(len(cell) if what == "files" else cell) for cell in cells)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    for checkout in checkouts:
        graph = room_graph(module_graph(checkout / NAME))
        for circle in cycles(graph):
            arrows = [f"{room} -> {target}" for room in sorted(circle) for target in sorted(graph[room] & circle)]
            yield f"\nimports in a circle in {checkout}: {', '.join(arrows)}"
    for checkout, found in zip(checkouts if files else [], runs, strict=False):
        for operation, counts in found.items():
            yield f"\n{operation} in {checkout} passes:\n  " + "\n  ".join(counts["files"])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", metavar="CHECKOUT", help="one or two folders")
    parser.add_argument("--records", type=int, default=2000, metavar="N", help="of the project, by default 2000")
    parser.add_argument("--files", action="store_true", help="list the files that each operation passes")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.run:
        with contextlib.redirect_stdout(io.StringIO()):
            found = run(options.records)
        print(json.dumps(found))
        return
    from benchmarks.checkouts import ROOT, checkout

    if len(options.checkouts) > 2:
        parser.error(f"wanted one or two checkouts, got {len(options.checkouts)}")
    for line in show([checkout(path) for path in options.checkouts or [str(ROOT)]], options.records, options.files):
        print(line)


if __name__ == "__main__":
    main()
