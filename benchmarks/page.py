"""How fast the labeling page is in Chromium: first paint, first record, and from a key to the next record painted.

    python -m benchmarks.page --records 1000000 --keep PROJECTS
    python -m benchmarks.page --map 100000                       # frames a second while a map of so many points moves

It needs playwright and chromium. ``weaklab serve`` serves a copy of the project of ``benchmarks.session``. A page is
opened while the server still reads it; keys are pressed at a pace; then the page is reloaded, and the server is killed
and started again.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.session import build

CARD = ".card h1[tabindex]"
OBSERVE = (
    "() => { window.took = []; new PerformanceObserver((list) => { for (const entry of list.getEntries()) "
    "window.took.push(entry.duration); }).observe({ type: 'measure' }); }"
)
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
MOVES = """async (n) => {
    const { Scatter } = await import("/static/scatter.js");
    const canvas = document.createElement("canvas");
    Object.assign(canvas.style, { position: "fixed", inset: 0, width: "900px", height: "600px" });
    document.body.append(canvas);
    const nothing = () => {};
    const scatter = new Scatter(canvas, { hover: nothing, click: nothing, choose: nothing, moved: nothing });
    scatter.resize();
    scatter.setPlaces(Uint16Array.from({ length: 2 * n }, () => 65535 * Math.random()));
    scatter.setKinds(new Uint8Array(n).map((_, i) => i % 4), new Uint8Array(n), null);
    scatter.setColors({ card: 0xffffffff, faint: 1, ink: 2, accent: "#000", kinds: [1, 2, 3, 4] });
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    for (let i = 0; i < 20; i++) await frame();
    const start = await frame();
    let last = start;
    for (let i = 0; i < 240; i++) {
        if (i < 120) scatter.pan(i % 40 < 20 ? 6 : -6, 3);
        else scatter.zoomBy(i % 40 < 20 ? 1.05 : 1 / 1.05);
        last = await frame();
    }
    canvas.remove();
    return 240_000 / (last - start);
}"""
"""Frames a second while points at random are dragged and zoomed."""


@contextmanager
def served(project: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """Serve a project; yield the process, its port, and the path of its first link."""
    command = [sys.executable, "-m", "weaklab", "serve", str(project), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        found = None
        while found is None and process.stdout is not None and (line := process.stdout.readline()):
            found = re.search(r"http://127\.0\.0\.1:(\d+)(/\?token=\S+)", line)
        if found is None:
            raise SystemExit("the server did not start")
        yield process, int(found[1]), found[2]
    finally:
        process.kill()
        process.wait()


def opened(browser: Any, url: str) -> tuple[Any, float]:
    """Open a page under a name; return it, and how many milliseconds its first paint took."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(url)
    page.wait_for_selector("#name")
    painted = page.evaluate(PAINTED)
    page.fill("#name", "Ann")
    page.keyboard.press("Enter")
    return page, painted


def until_a_record(page: Any) -> float:
    """Return how many seconds it takes until a record is shown."""
    start = time.perf_counter()
    page.wait_for_selector(CARD, timeout=300_000)
    return time.perf_counter() - start


def at_pace(page: Any, rate: float, seconds: float) -> tuple[list[float], int]:
    """Press keys; return how long each took until the next record was painted, and how often no record was there."""
    page.evaluate(OBSERVE)
    dry, begun = 0, time.perf_counter()
    for i, due in enumerate(np.arange(0, seconds, 1 / rate)):
        time.sleep(max(0.0, begun + due - time.perf_counter()))
        dry += page.query_selector(CARD) is None
        page.keyboard.press(str(i % 2 + 1))
    page.wait_for_timeout(500)
    return page.evaluate("() => window.took"), dry


def measure(project: Path, rate: float, seconds: float) -> Iterator[tuple[str, float, str]]:
    """Yield name, value and unit of each figure."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        start = time.perf_counter()
        with served(project) as (_, port, path):
            yield "the server listens after", time.perf_counter() - start, "s"
            page, painted = opened(browser, f"http://127.0.0.1:{port}{path}")
            yield "first paint while the project is read", painted, "ms"
            until_a_record(page)
            yield "its first record, from the start of the server", time.perf_counter() - start, "s"
            page.reload()
            yield "a reload, until a record is there", until_a_record(page), "s"
            yield "first paint of the reload", page.evaluate(PAINTED), "ms"
            took, dry = at_pace(page, rate, seconds)
            for share in (50, 95, 100):
                yield f"key to next record painted, {share} % within", float(np.percentile(took, share)), "ms"
            yield f"keys at {rate:g} a second", len(took), ""
            yield "keys that found no record", dry, ""
            page.reload()
            yield "a reload while the committee is trained", until_a_record(page), "s"
        page.wait_for_selector(".saved.off", timeout=20_000)
        start = time.perf_counter()
        with served(project, port):
            listens = time.perf_counter() - start
            page.wait_for_selector(".saved:not(.off)", timeout=60_000)
            yield '"no connection" goes, after the server listens again', time.perf_counter() - start - listens, "s"
        browser.close()


def measure_map(project: Path, points: int) -> Iterator[tuple[str, float, str]]:
    """Yield the frames a second of a moving map, for screens of one and two pixels for each of the page."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright, served(project) as (_, port, path):
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context()
        context.new_page().goto(f"http://127.0.0.1:{port}{path}")
        for ratio in (1, 2):
            sharp = browser.new_context(device_scale_factor=ratio, storage_state=context.storage_state())
            page = sharp.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            yield f"frames a second, device pixel ratio {ratio}", page.evaluate(MOVES, points), "a second"
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--pace", type=float, default=6, metavar="N", help="keys a second")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--map", type=int, metavar="POINTS", help="only measure a moving map of so many points")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for the project, which is built once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = build(options.keep or Path(temporary), options.records)
        shutil.copytree(path, Path(temporary) / "p")
        print(f"{options.map:,} points" if options.map else f"{options.records:,} records")
        project = Path(temporary) / "p"
        rows = measure_map(project, options.map) if options.map else measure(project, options.pace, options.seconds)
        for name, value, unit in rows:
            print(f"{name:<56}{value:>10.2f} {unit}" if unit else f"{name:<56}{value:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
