"""Lays out the pages of the site in a folder: those of the repository, as they are, and those that are made."""

import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from commands import commands_page
from reference import write_reference

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Section:
    """A part of the navigation.

    Attributes
    ----------
    page : the page that begins it; made where the repository has none
    title : its name in the navigation
    text : what stands at its head, where the page is made
    patterns : its other pages, in this order; those of one pattern by name
    """

    page: str
    title: str
    text: str = ""
    patterns: tuple[str, ...] = ()


SECTIONS = [
    Section("docs/tutorial.md", "Tutorial"),
    Section(
        "docs/how_to/index.md",
        "How to",
        "One page for each group of tasks.",
        (
            *(f"docs/how_to/{name}.md" for name in ("data", "labeling_functions", "weak_classifiers", "labeling")),
            "docs/page.md",
            *(f"docs/how_to/{name}.md" for name in ("several_people", "choosing_questions", "improving", "quality")),
            "docs/how_to/export.md",
            "docs/how_to/formats.md",
            "docs/how_to/*.md",
            "docs/large.md",
            "docs/spark.md",
            "docs/extending.md",
        ),
    ),
    Section(
        "notebooks/index.md",
        "Notebooks",
        "Each runs as it stands, in the order of its cells; the outputs are those of the last run.",
        ("notebooks/first_labels_in_ten_minutes.ipynb", "notebooks/*.ipynb"),
    ),
    Section(
        "docs/explanations.md",
        "Explanations",
        "How weaklab works, why it does so, and where it ends.",
        (
            "docs/guide.md",
            "docs/strategies.md",
            "docs/features.md",
            "docs/mathematics.md",
            "docs/limits.md",
            "docs/refusals.md",
            "docs/architecture.md",
        ),
    ),
    Section(
        "docs/coming_from/index.md",
        "Coming from",
        "Their words and code beside those of weaklab.",
        ("docs/coming_from/*.md",),
    ),
    Section("docs/reference/index.md", "Reference"),
    Section("docs/benchmarks.md", "Benchmarks"),
    Section("CHANGELOG.md", "Changes"),
]


# ---- pages of the repository


def copy_pages(root: Path, to: Path) -> None:
    """Copy the pages, their pictures and the files that they link to; README.md becomes the start page."""
    for folder, suffixes in (("docs", {".md", ".png", ".svg", ".jpg"}), ("notebooks", {".ipynb", ".png", ".svg"})):
        for path in sorted((root / folder).rglob("*")):
            place = path.relative_to(root)
            if path.suffix in suffixes and not {".ipynb_checkpoints", "site"} & set(place.parts):
                copy(path, to / place)
    copy(root / "CHANGELOG.md", to / "CHANGELOG.md")
    copy_linked(root, to)
    start = (root / "README.md").read_text(encoding="utf-8")
    write(to / "index.md", adapted(start))


def copy_linked(root: Path, to: Path) -> None:
    """Copy other files that pages link to, such as sources: on the site they can be downloaded."""
    for page in sorted((root / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            if path.is_file() and not (to / path.relative_to(root)).exists():
                copy(path, to / path.relative_to(root))


def copy(path: Path, to: Path) -> None:
    """Copy one file; links to the README lead to the start page."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".md", ".ipynb"):
        text = path.read_text(encoding="utf-8")
        write(to, adapted(text))
    else:
        shutil.copyfile(path, to)


def adapted(text: str) -> str:
    """Return a page for the site: the README is its start page; the empty line that ends a doctest is left out."""
    text = re.sub(r"\]\(((?:\.\./)*)README\.md", r"](\1index.md", text)
    return re.sub(r"\n\n```$", "\n```", text, flags=re.M)


def write(path: Path, text: str) -> None:
    """Write a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# ---- pages that are made


def text_of(page: Path) -> str:
    """Return the Markdown of a page or of the first cells of a notebook."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


def title_and_line(page: Path) -> tuple[str, str]:
    """Return the heading of a page and the sentence below it, or "" where something else stands there."""
    text = text_of(page)
    heading = re.search(r"^# (.+)$", text, re.M)
    if heading is None:
        raise ValueError(f"{page} has no heading '# ...' at its top")
    first = text[heading.end() :].strip().split("\n\n")[0]
    prose = "" if re.match(r"#|```|[|>!<*-]", first) else " ".join(first.split())
    return heading[1].strip(), re.split(r"(?<=[.!?])\s", prose)[0]


def pages_of(section: Section, at: Path) -> list[Path]:
    """Return the pages of a section besides its first one, each once."""
    found = (path for pattern in section.patterns for path in sorted(at.glob(pattern)))
    return [path for path in dict.fromkeys(found) if path != at / section.page]


def listed(pages: Iterable[Path], beside: Path) -> str:
    """Return a list of pages with one line each."""
    lines = []
    for page in pages:
        title, line = title_and_line(page)
        lines.append(f"- [{title}]({relative(page, beside)})\n\n  {without_links(line)}")
    return "{.pages}\n" + "\n".join(lines)


def without_links(text: str) -> str:
    """Return Markdown without links: a sentence may move to another folder."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)


def relative(page: Path, beside: Path) -> str:
    """Return the path from one page to another."""
    return Path(os.path.relpath(page, beside.parent)).as_posix()


def toctree(entries: Iterable[str]) -> str:
    """Return the navigation below a page, which the page itself does not show."""
    return "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(entries) + "\n```\n"


def begin(section: Section, at: Path) -> None:
    """Write the first page of a section, or add the navigation to the one that is there."""
    page = at / section.page
    others = pages_of(section, at)
    if others:
        made = f"# {section.title}\n\n{section.text}\n\n{listed(others, page)}"
        text = page.read_text(encoding="utf-8") if page.exists() else made
        write(page, text + toctree(relative(other, page) for other in others))


def write_pages(at: Path, root: Path = ROOT) -> None:
    """Lay out all pages of the site; those of an earlier time are removed."""
    shutil.rmtree(at, ignore_errors=True)
    copy_pages(root, at)
    reference(at / "docs" / "reference")
    for section in SECTIONS:
        begin(section, at)
    shown = [f"{section.title} <{section.page}>" for section in SECTIONS if (at / section.page).exists()]
    start = at / "index.md"
    write(start, start.read_text(encoding="utf-8") + toctree(shown))


def reference(folder: Path) -> None:
    """Write the reference: commands, settings and every public name."""
    names = write_reference(folder)
    write(folder / "commands.md", commands_page())
    pages = ["commands", *(["settings"] if (folder / "settings.md").exists() else []), *names]
    write(folder / "index.md", "# Reference\n" + toctree(pages).replace(":hidden:\n", ":maxdepth: 1\n"))
