"""Builds the documentation: ``python docs/site/build.py FOLDER`` writes the site to FOLDER/html.

Every warning is an error. Nothing is fetched from the network, by the build or by the pages.
"""

import sys
from pathlib import Path

from pages import write_pages
from sphinx.cmd.build import main as sphinx

HERE = Path(__file__).parent


def build(folder: Path) -> int:
    """Lay out the pages in a folder, build the site beside them, and return the exit code."""
    source = folder / "source"
    write_pages(source)
    options = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(HERE), "-d", str(folder / "doctrees")]
    return sphinx([*options, str(source), str(folder / "html")])


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])))
