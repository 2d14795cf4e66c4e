"""What benchmarks.structure counts, on small packages and on the project itself."""

import sys

import pytest

from benchmarks import structure
from benchmarks.checkouts import ROOT, run_with


def write(folder, files):
    for name, text in files.items():
        path = folder / "weaklab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "weaklab"


@pytest.fixture
def package(tmp_path):
    return write(
        tmp_path,
        {
            "__init__.py": "from weaklab.one import first\nfrom weaklab import three",
            "one.py": "import typing\nif typing.TYPE_CHECKING:\n    from .two import second",
            "two/__init__.py": "from weaklab.two.inner import second",
            "two/inner.py": "def second():\n    from weaklab import first\n    return first",
            "three.py": "import weaklab\nx = importlib.import_module('weaklab.four'), weaklab.first",
            "four.py": f"from .two import inner{' ' * 120}\nclass Small:\n    def a(self): ...\n    def b(self): ...",
        },
    )


def test_every_form_of_import_is_an_arrow(package):
    assert structure.room_graph(structure.module_graph(package)) == {
        "one": {"two"},
        "two": {"one"},
        "three": {"one", "four"},
        "four": {"two"},
    }


def test_public_names_may_stand_in_a_stub(package):
    (package / "__init__.pyi").write_text((package / "__init__.py").read_text().replace("weaklab.one", ".one"))
    (package / "__init__.py").write_text("import lazy_loader")
    assert structure.room_graph(structure.module_graph(package))["two"] == {"one"}


def test_the_source_is_counted(package):
    found = structure.read_source(package)
    assert found["modules in the root"] == "3"
    assert found["rooms"] == "4"
    assert found["arrows between rooms"] == "5"
    assert found["arrows in cycles"] == "2"
    assert found["levels"] == "3"
    assert found["methods of the largest class"] == "2 (Small)"
    assert found["lines over 120 characters"] == "1"


def test_no_class_has_more_than_25_methods():
    assert [found for found in structure.methods_of_classes(ROOT / "weaklab") if found[0] > 25] == []


def test_modules_have_600_lines_at_most():
    package = ROOT / "weaklab"
    lines = {
        str(path.relative_to(package)): path.read_text(encoding="utf-8").count("\n") for path in package.rglob("*.py")
    }
    assert {name: count for name, count in lines.items() if count > 600} == {}


def test_calls_between_files_are_moves_and_a_loop_is_one_switch(tmp_path, monkeypatch):
    package = write(
        tmp_path,
        {
            "helper.py": "def one(x):\n    return x",
            "caller.py": "from helper import one\ndef f(n):\n    return sum(map(one, range(n)))",
        },
    )
    monkeypatch.syspath_prepend(package)
    import caller

    try:
        found = structure.watched(lambda: caller.f(5), [], package)
    finally:
        for name in ("caller", "helper"):
            del sys.modules[name]
    assert found == {"moves": 5, "switches": 1, "calls": 6, "SQL": 0, "files": ["caller.py", "helper.py"]}


def test_statements_are_counted_row_by_row(tmp_path, monkeypatch):
    import sqlite3

    monkeypatch.setattr(sqlite3, "connect", sqlite3.connect)
    statements = structure.trace_sql()
    with sqlite3.connect(":memory:", isolation_level=None) as db:
        db.execute("CREATE TABLE t (x)")
        insert = "INSERT INTO t VALUES (?)"
        found = structure.watched(lambda: db.executemany(insert, [(1,), (2,)]), statements, tmp_path)
    db.close()
    assert found["SQL"] == 2


def test_this_checkout_is_measured_by_source_and_by_a_run():
    lines = "\n".join(structure.show([ROOT], 200, files=True))
    for name in (
        "rooms",
        "levels",
        "ask(10): moves",
        "ask(10): SQL",
        "label: calls",
        "run: switches",
        "add_records: files",
    ):
        assert f"\n{name} " in lines
    assert f"ask(10) in {ROOT} passes:" in lines


def test_a_folder_that_is_no_checkout_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit, match="is no checkout of weaklab"):
        structure.main([str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        structure.main(["a", "b", "c"])
    assert "wanted one or two checkouts, got 3" in capsys.readouterr().err


def test_a_program_that_fails_ends_with_its_last_line(tmp_path):
    (tmp_path / "program.py").write_text("raise ValueError('this one')")
    with pytest.raises(SystemExit, match=r"program with .*: ValueError: this one"):
        run_with(ROOT, tmp_path / "program.py")


def test_a_program_that_is_stopped_is_told_by_its_signal(tmp_path):
    (tmp_path / "program.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)")
    with pytest.raises(SystemExit, match="stopped by signal 15"):
        run_with(ROOT, tmp_path / "program.py")
