"""Every view of the widget in a real JupyterLab, light and dark: texts that would run, and access for everybody."""

import pytest
from browser import axe_source, chromium, skip_without_browser, walk
from jupyter import lab, open_notebook, run_cell, skip_without_jupyter, write_notebook

skip_without_browser()
skip_without_jupyter()
from test_page_browser import PAYLOADS  # noqa: E402

LABELS = ["<script>alert('a')</script>", "<img src=x onerror=alert('b')>"]
CELLS = [
    f"""import weaklab
payloads = {PAYLOADS!a}
labels = {LABELS!r}
project = weaklab.Project("p", labels=labels, timeout=None, share_answers=0, blind_share=0)
column = "<b>column</b>" + payloads[0]
rows = [{{"id": f"{{i}} {{text}}".replace(chr(0), ""), "text": text, column: text, "list": [text, text],
         "json": {{"a": {{"b": text}}}}}} for i, text in enumerate(payloads)]
project.add_records(rows, quiet=True)
project.add(weaklab.keywords(labels[0], ["alert", "script"], name="<img src=x onerror=alert('lf')>"))
project.add(weaklab.pattern(labels[1], "alert", name="<svg onload=alert('lf2')>"))
project.label(rows[0]["id"], labels[1], annotator="<img src=x onerror=alert('other')>")""",
    "project.widget(annotator=\"<img src=x onerror=alert('me')>\")",
    "len(project.manual_labels())",
]


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def test_nothing_runs_and_axe_finds_nothing_in_any_view_in_both_themes(browser, tmp_path):
    write_notebook(tmp_path / "n.ipynb", CELLS)
    with lab(tmp_path) as (address, token):
        page = open_notebook(browser, address, token, "n.ipynb")
        run_cell(page, 0)
        run_cell(page, 1)
        page.wait_for_selector(".progress .figures")
        page.evaluate(axe_source())
        found = {f"light {name}": problems for name, problems in walk(page)}
        label_some(page)
        for menu in ("Settings", "Theme", "JupyterLab Dark"):
            page.click(f".lm-MenuBar-itemLabel:text-is('{menu}'), .lm-Menu-itemLabel:text-is('{menu}')")
        page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
        page.wait_for_timeout(300)
        found |= {f"dark {name}": problems for name, problems in walk(page)}
        assert len(found) >= 10
        assert {name: problems for name, problems in found.items() if problems} == {}
        assert page.troubles == []
        assert run_cell(page, 2).split()[-1] == "6"


def label_some(page):
    for payload in PAYLOADS[:5]:
        page.keyboard.press("n")
        page.fill("#note", payload)
        page.keyboard.press("Enter")
        page.keyboard.press("1")
        page.wait_for_timeout(50)
    page.wait_for_selector(".saved:text('all stored')")
