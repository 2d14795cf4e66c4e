"""The widget in a real JupyterLab and Notebook: its keys, what Python sees, a restart of the kernel, and its looks."""

import ast
import re

import pytest
from browser import axe_source, chromium, skip_without_browser, walk
from jupyter import lab, open_notebook, run_cell, skip_without_jupyter, start_cell, write_notebook

import weaklab

skip_without_browser()
skip_without_jupyter()

CELLS = [
    """import weaklab
project = weaklab.Project("p", labels=["ham", "spam"], timeout=None, share_answers=0, blind_share=0)
rows = [{"id": str(i), "text": f"{'prize' if i % 3 == 0 else 'lunch'} number {i} at {i % 7}"} for i in range(2000)]
project.add_records(rows, quiet=True)
project.add(weaklab.keywords("spam", ["prize"], name="prizes"))""",
    "project.widget(annotator='Ada')",
    "print(project.manual_labels())",
    "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)  # a kernel that hangs",
]


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser, tmp_path, request):
    write_notebook(tmp_path / "n.ipynb", CELLS)
    with lab(tmp_path, getattr(request, "param", "jupyterlab")) as (address, token):
        page = open_notebook(browser, address, token, "n.ipynb")
        page.troubles.clear()  # Notebook 7 has some of its own when it begins
        run_cell(page, 0)
        show_widget(page)
        yield page
        assert page.troubles == []
        page.context.close()


def show_widget(page):
    run_cell(page, 1)
    page.wait_for_selector(".card h1")
    page.click(".card .prose")


def press(page, key):
    record = page.inner_text(".card h1").split()[-1]
    page.keyboard.press(key)
    return record


def in_python(page):
    """Return the labels that Python has, once it has got all answers."""
    page.wait_for_function(
        "() => Object.entries(sessionStorage).every(([name, text]) => "
        "!name.startsWith('weaklab') || !JSON.parse(text).outbox?.length)"
    )
    return ast.literal_eval(run_cell(page, 2))


def colour(page, selector):
    return page.locator(selector).evaluate("element => getComputedStyle(element).backgroundColor")


@pytest.mark.parametrize("page", ["jupyterlab", "notebook"], indirect=True)
def test_a_session_by_keyboard_is_seen_by_python_and_leaves_the_cells_alone(page, tmp_path):
    expected = {press(page, "1"): "ham", press(page, "2"): "spam"}
    cells = page.locator(".jp-Cell").count()
    for key in ["d", "d", "x", "Escape", "a", "z", "c", "v", "Delete", "0", "0"]:
        page.keyboard.press(key)
    undone = press(page, "2")
    page.keyboard.press("u")
    page.keyboard.press("n")
    page.keyboard.type("dd x is a note")
    page.keyboard.press("Escape")
    skipped = press(page, "s")
    assert skipped == undone
    assert page.locator(".jp-Cell").count() == cells
    assert page.locator(".jp-Dialog").count() == 0
    assert in_python(page) == expected
    with weaklab.Project(tmp_path / "p") as project:
        assert set(project.answers(kind="label", standing=True)["annotator"]) == {"Ada"}
    assert colour(page, ".weaklab") == "rgb(247, 245, 240)"
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.wait_for_timeout(100)
    assert colour(page, ".weaklab") == "rgb(21, 25, 26)"
    page.click("nav button:text('Table')")
    page.wait_for_selector(".grid .row .text")
    page.locator(".grid").focus()
    page.keyboard.press("x")
    assert page.inner_text(".bulk [role=status]").endswith("1 chosen")
    with page.expect_download() as download:
        page.click(".bulk button:text('CSV')")
    assert download.value.suggested_filename == "records.csv"
    page.evaluate(axe_source())
    found = dict(walk(page))
    assert len(found) >= 9
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert page.locator(".jp-Cell").count() == cells


def test_keys_at_20_a_second_are_neither_lost_nor_misfiled(page):
    expected = {}
    for i in range(500):
        key = "12"[i % 2]
        expected[press(page, key)] = {"1": "ham", "2": "spam"}[key]
        page.wait_for_timeout(35)
    assert len(expected) == 500
    assert in_python(page) == expected


def test_answers_that_a_restarted_kernel_did_not_get_are_stored_when_the_cell_runs_again(page):
    expected = {press(page, "1"): "ham"}
    assert in_python(page) == expected
    start_cell(page, 3)
    page.click(".card .prose")
    expected |= {press(page, "2"): "spam", press(page, "1"): "ham", press(page, "2"): "spam"}
    page.click(".lm-MenuBar-itemLabel:text('Kernel')")
    page.click(".lm-Menu-itemLabel:text('Restart Kernel…')")
    page.click(".jp-Dialog button.jp-mod-accept")
    line = page.wait_for_selector(".banner.gone").inner_text()
    assert re.fullmatch(r"The kernel is gone\. Run this cell again .* nothing is lost, and 3 answers .*", line)
    run_cell(page, 0)
    show_widget(page)
    page.wait_for_selector(".saved:text('all stored')")
    expected[press(page, "1")] = "ham"
    assert in_python(page) == expected
