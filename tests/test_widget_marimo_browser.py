"""The widget in a real marimo notebook: its keys, its cells, and what Python sees."""

import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
from browser import axe_source, chromium, skip_without_browser, walk
from jupyter import ROOT

skip_without_browser()
if os.environ.get("WEAKLAB_REQUIRE_BROWSER"):
    import marimo  # noqa: F401
pytest.importorskip("marimo", reason="needs marimo")
pytest.importorskip("anywidget", reason="needs anywidget")

NOTEBOOK = """import marimo

app = marimo.App()


@app.cell
def _():
    import weaklab
    project = weaklab.Project("p", labels=["ham", "spam"], timeout=None, share_answers=0, blind_share=0)
    project.add_records([{"id": str(i), "text": f"lunch number {i}"} for i in range(90)], skip_known=True, quiet=True)
    return (project,)


@app.cell
def _(project):
    project.widget(annotator="Ada")
    return


@app.cell
def _(project):
    print("labels", project.manual_labels())
    return
"""


@contextmanager
def editor(folder):
    """Start marimo in a folder; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--headless", "--no-token", "--skip-update-check", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "marimo", "edit", "n.py", *flags], cwd=folder, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def opened(browser, address):
    page = browser.new_page(viewport={"width": 1360, "height": 1000})
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    for _ in range(120):
        try:
            page.goto(address)
            break
        except Exception:
            page.wait_for_timeout(500)
    run = [page.locator("[data-cell-id]").nth(i).locator("[data-testid=run-button]").first for i in range(3)]
    run[2].wait_for(timeout=60_000)
    for tick in range(160):
        if tick % 60 == 0:  # a run is lost while the kernel is not ready
            for button in run:
                button.dispatch_event("click")
        page.wait_for_timeout(500)
        if page.locator(".card h1").count():
            return page
    raise AssertionError(page.inner_text("body"))


def test_a_session_by_keyboard_is_seen_by_python_and_leaves_the_cells_alone(tmp_path):
    (tmp_path / "n.py").write_text(NOTEBOOK)
    with chromium() as browser, editor(tmp_path) as address:
        page = opened(browser, address)
        cells = page.locator("[data-cell-id]")
        code = [cells.nth(i).locator(".cm-content").inner_text() for i in range(3)]
        page.click(".weaklab .prose")
        record = page.inner_text(".card h1").split()[-1]
        for key in ["1", "d", "d", "x", "Escape", "a", "j", "Delete", "2", "u"]:
            page.keyboard.press(key)
        page.wait_for_selector(".saved:text('all stored')")
        page.wait_for_timeout(1500)
        assert [cells.nth(i).locator(".cm-content").inner_text() for i in range(cells.count())] == code
        cells.nth(2).hover()
        cells.nth(2).locator("[data-testid=run-button]").first.click()
        page.wait_for_function(
            "(wanted) => document.body.innerText.includes(wanted)", arg=f"labels {{'{record}': 'ham'}}", timeout=60_000
        )
        page.evaluate(axe_source())
        found = dict(walk(page))
        assert len(found) >= 9
        assert {name: problems for name, problems in found.items() if problems} == {}
        assert [trouble for trouble in page.troubles if not re.search("ResizeObserver", trouble)] == []
