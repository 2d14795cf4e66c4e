"""A real JupyterLab or Notebook 7 for tests of the widget: a server with one notebook, opened in Chromium."""

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLACES = {"jupyterlab": "lab/tree", "notebook": "notebooks"}


def skip_without_jupyter():
    """Skip the tests of a module where there is no JupyterLab, unless one is required."""
    try:
        import anywidget  # noqa: F401
        import jupyterlab  # noqa: F401
    except ImportError as error:
        if os.environ.get("WEAKLAB_REQUIRE_BROWSER"):
            raise RuntimeError(f"tests in JupyterLab are required: {error}") from None
        pytest.skip(f"needs jupyterlab and anywidget: {error}", allow_module_level=True)


def write_notebook(file, cells):
    made = [
        {"cell_type": "code", "id": f"c{i}", "source": cell, "outputs": [], "metadata": {}, "execution_count": None}
        for i, cell in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    file.write_text(json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}))


@contextmanager
def lab(folder, module="jupyterlab"):
    """Start JupyterLab, or ``notebook``, in a folder; yield where it opens a notebook, and its token."""
    if find_spec(module) is None and not os.environ.get("WEAKLAB_REQUIRE_BROWSER"):
        pytest.skip(f"needs {module}")
    home = {f"JUPYTER_{name}_DIR": str(folder / f".jupyter-{name}") for name in ("CONFIG", "DATA", "RUNTIME")}
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    flags = ["--no-browser", "--port=0", "--ip=127.0.0.1", "--allow-root", f"--notebook-dir={folder}"]
    flags += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *flags], cwd=folder, env={**os.environ, **home, "PYTHONPATH": paths},
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/(?:lab|tree)\?token=(\w+)", line):
                break
        else:
            raise RuntimeError("".join(said))
        reader = threading.Thread(target=lambda: list(process.stderr))
        reader.start()
        yield f"http://127.0.0.1:{found[1]}/{PLACES[module]}", found[2]
    finally:
        process.kill()  # kernels end by themselves when their server is gone
        process.wait()
        reader.join()
        process.stderr.close()


def open_notebook(browser, address, token, name, **context):
    page = browser.new_context(**{"viewport": {"width": 1360, "height": 1000}, **context}).new_page()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("dialog", lambda dialog: (page.troubles.append(dialog.message), dialog.dismiss()))
    page.goto(f"{address}/{name}?token={token}")
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function("() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'")
    return page


def run_cell(page, number):
    """Run a cell, stay in it, and wait until it is done; return the text of its output."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(number)
    before = prompt(cell)
    for tick in range(600):
        if tick % 30 == 0 and prompt(cell) != "[*]:":  # a kernel that is not ready yet lets a run get lost
            press_run(page, cell)
        if prompt(cell) not in (before, "[*]:", "[ ]:"):
            return cell.locator(".jp-OutputArea").inner_text() if cell.locator(".jp-OutputArea").count() else ""
        page.wait_for_timeout(100)
    raise AssertionError(f"cell {number} did not end")


def start_cell(page, number):
    """Run a cell and wait until it has begun."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(number)
    press_run(page, cell)
    page.wait_for_function(
        "number => document.querySelectorAll('.jp-Notebook .jp-Cell')[number].innerText.includes('[*]')", arg=number
    )


def press_run(page, cell):
    for patience in (3000, 3000, 30_000):
        dialog = page.locator(".jp-Dialog")
        if dialog.count():  # of JupyterLab itself, such as one that asks which kernel, where that started slowly
            print("JupyterLab asks:", dialog.first.inner_text())
            dialog.first.locator(".jp-mod-accept").click()
        try:
            cell.locator(".jp-InputArea-editor").click(timeout=patience)
            break
        except Exception:
            if patience == 30_000:
                raise
    page.keyboard.press("Control+Enter")


def prompt(cell):
    return cell.locator(".jp-InputPrompt").first.inner_text()
