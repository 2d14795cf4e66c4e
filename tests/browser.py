"""A real Chromium for tests of the page: installed by `.ci/run`, elsewhere the tests are skipped with a reason."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def skip_without_browser():
    """Skip the tests of a module where there is no browser, unless one is required."""
    try:
        import axe_playwright_python  # noqa: F401  # it holds axe-core
        import playwright.sync_api  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        missing = str(error)
    else:
        missing = "" if CHROMIUM else "no chromium in the PATH"
    if missing and os.environ.get("WEAKLAB_REQUIRE_BROWSER"):
        raise RuntimeError(f"tests in the browser are required: {missing}")
    if missing:
        pytest.skip(f"needs playwright, axe-playwright-python and chromium: {missing}", allow_module_level=True)


@contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def axe_source():
    """Return axe-core, which finds what people who depend on a keyboard or a screen reader cannot use."""
    import axe_playwright_python

    [file] = Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")
    return file.read_text(encoding="utf-8")


def opened(browser, url, name="Ada", **context):
    """Open a page in a context of its own, under a name; errors and violations of the CSP are in ``page.troubles``."""
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **context}).new_page()
    page.troubles = []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda said: page.troubles.append(said.text) if _is_trouble(said) else None)
    page.on("dialog", lambda dialog: (page.troubles.append(dialog.message), dialog.dismiss()))
    page.goto(url)
    page.fill("#name", name)
    page.keyboard.press("Enter")
    page.wait_for_selector(".card h1")
    return page


def _is_trouble(said):
    return "Content Security Policy" in said.text or (said.type == "error" and "Failed to load" not in said.text)


def walk(page):
    """Show every view and dialog of the widget; yield its name and what axe found there."""
    for button in page.locator(".weaklab nav button").all():
        button.click()
        page.wait_for_timeout(700)
        yield button.inner_text(), violations(page)
    page.click(".weaklab nav button >> nth=0")
    page.click(".card h1")
    for key, name in (("?", "keys"), ("/", "find"), ("n", "note")):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        yield name, violations(page)
        page.keyboard.press("Escape")


def violations(page):
    """Return what axe finds in the widgets of a page, which may stand in shadow trees of others."""
    found = page.evaluate(
        """() => {
            const widgets = (root) => [...root.querySelectorAll("*")].filter((one) => one.shadowRoot).flatMap(
                (one) => one.shadowRoot.querySelector("section.weaklab") ? [one] : widgets(one.shadowRoot));
            return axe.run(widgets(document));
        }"""
    )
    assert found["passes"]
    return [(one["id"], node["target"], node["failureSummary"]) for one in found["violations"] for node in one["nodes"]]
