"""The documentation site: built with every warning as an error, complete, and without a request to the network."""

import ast
import importlib.util
import inspect
import os
import re
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser
import pytest
from typer.main import get_command

from weaklab.cli.app import app
from weaklab.project import Project

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "docs" / "site" / "build.py"
LOADING = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}

if any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_nb", "pydata_sphinx_theme")):
    if os.environ.get("WEAKLAB_REQUIRE_DOCS"):
        raise RuntimeError("WEAKLAB_REQUIRE_DOCS is set, but sphinx is not installed (pip install -e '.[docs]')")
    pytest.skip("needs sphinx: pip install -e '.[docs]'", allow_module_level=True)

pytestmark = pytest.mark.xdist_group("site")  # one process builds it


class Page(HTMLParser):
    """What a page loads, where its links lead, and the anchors that it has."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.anchors = set(), set(), set()
        text = path.read_text(encoding="utf-8")
        self.styles = re.findall(r"url\(([^)]+)\)", text)
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors.add(values.get("id"))
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])
        if values.get(LOADING.get(tag)) and values.get("rel") not in ("canonical", "author", "search"):
            self.loads.add(values[LOADING[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run([sys.executable, BUILD, folder], capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


@pytest.fixture(scope="module")
def names(site):
    """The names that the reference describes, from the list that other projects link with."""
    head, packed = (site / "objects.inv").read_bytes().split(b"using zlib.\n", 1)
    assert head.startswith(b"# Sphinx inventory version 2")
    return {line.split()[0] for line in zlib.decompress(packed).decode().splitlines() if " py:" in line}


def test_pages_load_nothing_from_the_network(site, pages):
    for path, page in pages.items():
        far = [each for each in page.loads | set(page.styles) if urlsplit(each.strip("'\"")).netloc]
        assert not far, f"{path.name} loads {far}"
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(?:@import\s*|url\()\s*['\"]?(?:https?:)?//", text), f"{sheet.name} loads from elsewhere"


def test_links_lead_to_pages_and_places_that_are_there(site, pages):
    lost = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = target.is_file() and (
                not parts.fragment or target not in pages or has(pages[target], parts.fragment)
            )
            if not there:
                lost.append(f"{path.relative_to(site)}: {link}")
    assert not lost


def has(page, fragment):
    return unquote(fragment) in page.anchors


def test_every_public_name_is_in_the_reference(names):
    stub = ast.parse((ROOT / "weaklab" / "__init__.pyi").read_text(encoding="utf-8"))
    public = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    packages = {
        name for name in public if (ROOT / "weaklab" / name).exists() or (ROOT / "weaklab" / f"{name}.py").exists()
    }
    assert {f"weaklab.{name}" for name in public - packages} <= names
    for package in packages:
        assert any(name.startswith(f"weaklab.{package}.") for name in names), package


@pytest.mark.parametrize(
    "package", ["strategies", "label_models", "features", "classifiers", "heuristics", "checks", "rules"]
)
def test_every_name_of_a_package_is_in_the_reference(package, names):
    module = importlib.import_module(f"weaklab.{package}")
    described = {name.rsplit(".", 1)[1] for name in names if name.startswith("weaklab.")}
    plain = {name for name in module.__all__ if not isinstance(getattr(module, name), (int, str, tuple))}
    assert plain <= described


def test_every_method_of_a_project_is_in_the_reference(names):
    assert {f"weaklab.Project.{name}" for name in vars(Project) if not name.startswith("_")} <= names


def test_every_class_that_a_method_of_a_project_returns_is_in_the_reference(names):
    described = {name.rsplit(".", 1)[1] for name in names if "." in name}
    for name, method in vars(Project).items():
        if callable(method) and not name.startswith("_"):
            returned = re.findall(r"(?<![.\w])[A-Z]\w+", str(inspect.signature(method).return_annotation))
            assert set(returned) - {"Any", "None", "NDArray", "Iterator", "Path"} <= described, name


def test_every_command_is_in_the_reference_with_its_options_and_an_example(site):
    page = re.sub(r"<[^>]+>", "", (site / "docs" / "reference" / "commands.html").read_text(encoding="utf-8"))
    for name, command in get_command(app).commands.items():
        text = page.split(f"weaklab {name}#", 1)[1]
        assert f"weaklab {name}" in text.split("Example", 1)[1][:200]
        for parameter in (each for each in command.params if not getattr(each, "hidden", False)):
            shown = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.metavar or parameter.name
            assert shown in text, f"{name} {shown}"


def test_every_notebook_is_in_the_gallery(site, pages):
    gallery = pages[site / "notebooks" / "index.html"]
    assert {f"{path.stem}.html" for path in (ROOT / "notebooks").glob("*.ipynb")} <= gallery.links


SHOWN = ["index", "docs/reference/crowd", "docs/reference/settings", "docs/limits", "notebooks/index"]


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_pages_in_a_browser_without_a_network(site, width, scheme):
    browser.skip_without_browser()
    with browser.chromium() as chromium:
        context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, offline=True)
        page = context.new_page()
        troubles = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        for name in SHOWN:
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
            page.evaluate(browser.axe_source())
            assert [(name, each["id"]) for each in page.evaluate("axe.run({preload: false})")["violations"]] == []
        assert not troubles


def test_search_finds_pages_without_a_server(site):
    browser.skip_without_browser()
    with browser.chromium() as chromium:
        page = chromium.new_context(offline=True).new_page()
        page.goto((site / "index.html").as_uri())
        page.keyboard.press("Control+k")
        page.keyboard.type("Dawid Skene")
        page.keyboard.press("Enter")
        page.wait_for_selector("#search-results li a")
        assert "Label models" in page.inner_text("#search-results")
