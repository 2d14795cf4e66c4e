"""What the labeling page shows of a record in a real browser, on paper, by touch, and while the project is locked."""

import re
import sqlite3
import struct
import zlib
from contextlib import closing

import pytest
from browser import chromium, opened, skip_without_browser

import weaklab
from weaklab.project.database import DATABASE

skip_without_browser()
from page_server import patient, running  # noqa: E402
from test_page import make, standing  # noqa: E402
from test_page_browser import all_stored, press, shown, until, url  # noqa: E402


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def png(wide, high):
    """Return an image of one colour."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    rows = (b"\x00" + b"\x2f\x6f\x9f" * wide) * high
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def one(tmp_path, browser):
    """A function that shows one record in a browser."""
    held = []

    def show(record, **context):
        project = weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, blind_share=0)
        project.add_records([{"id": "1", **record}], quiet=True)
        server = running(project)
        held.extend([project.close, lambda: server.__exit__(None, None, None)])
        return opened(browser, url(server.__enter__()), **context)

    yield show
    for close in reversed(held):
        close()


HIDDEN = {
    "a\u202eb": "a⟨202E⟩b",
    "x\x1b[0m\x7f": "x␛[0m⟨007F⟩",
    "pay\u200bpal": "pay⟨200B⟩pal",
    "pay\u200dpal": "pay⟨200D⟩pal",
    "so\u00adft\ufeff": "so⟨00AD⟩ft⟨FEFF⟩",
    "\u2066z\u2069\u3164": "⟨2066⟩z⟨2069⟩⟨3164⟩",
    "tag\U000e0041": "tag⟨E0041⟩",
    "hid\ufe0f\U000e0101": "hid⟨FE0F⟩⟨E0101⟩",
}
NEEDED = [
    "\U0001f469\u200d\U0001f4bb", "\u2764\ufe0f\u200d\U0001f525", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u0915\u094d\u200d\u0937", "1\ufe0f\u20e3", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "\u845b\U000e0100",
]  # fmt: skip
"""What writing needs: emoji of several parts, Persian, Hindi, a keycap, a flag, a form of a Chinese character."""


def test_characters_that_nobody_sees_are_shown_wherever_there_is_text(browser, tmp_path):
    text = " ".join([*HIDDEN, *NEEDED])
    wanted = " ".join([*HIDDEN.values(), *NEEDED])
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, blind_share=0) as project:
        fields = {"other": "pay\u200bpal", "list": [["pay\u200bpal"]], "more": {"a": {"b": "pay\u200bpal"}}}
        project.add_records([{"id": "pay\u200bpal", "text": text, **fields}], quiet=True)
        with running(project) as server:
            page = opened(browser, url(server))
            assert page.inner_text(".prose") == wanted
            assert page.locator(".sign").first.get_attribute("title") == "character U+202E"
            for place in (".card h1", ".fields"):
                assert "pay\u200bpal" not in page.inner_text(place)
                assert "pay⟨200B⟩pal" in page.inner_text(place)
            assert page.inner_text(".fields").count("pay⟨200B⟩pal") == 3
            page.click("nav button:has-text('Table')")
            assert page.locator(".row .text").inner_text().startswith("a⟨202E⟩b")
            assert "pay\u200bpal" not in page.content()


def test_long_values_are_cut_and_can_be_opened(one):
    deep = {"rows": [{"n": i, "word": f"w{i}"} for i in range(60)]}
    page = one({"text": "word " * 20_000 + "end", "json": deep, "held": '{"a": [1, 2]}', "vector": [0.5] * 400})
    page.click("text=Show all 100,003 characters")
    page.wait_for_function("() => document.querySelector('.prose').innerText.endsWith('end')")
    field = page.locator(".fields > div", has=page.locator("dt:text-is('json')"))
    assert not field.locator(".prose").is_visible()
    field.locator("summary").click()
    assert '"word": "w59"' in field.locator(".prose").inner_text()
    assert page.locator(".fields > div", has=page.locator("dt:text-is('held')")).inner_text().count("\n") >= 4
    page.click("text=and 350 more numbers")
    page.wait_for_selector("[aria-label=vector].prose")
    assert page.inner_text("[aria-label=vector].prose").count("0.5") == 400
    assert page.troubles == []


def test_images_scripts_code_and_tables_are_shown_in_their_place(one, tmp_path):
    (tmp_path / "wide.png").write_bytes(png(2400, 20))
    page = one(
        {
            "text": "\u0634\u0643\u0631\u0627 \u062c\u0632\u064a\u0644\u0627 (2026)",
            "face": png(30, 3000),
            "file": str(tmp_path / "wide.png"),
            "gone": str(tmp_path / "gone.png"),
            "code": "def f(x):\n    return x\n\n" + "    # " + "long " * 60,
            "table": [{"name": "a", "n": 1.5}, {"name": "b", "n": 22}],
        }
    )
    page.wait_for_selector("text=gone: no image could be shown")
    text = page.locator(".prose.large")
    assert text.evaluate("(node) => getComputedStyle(node).textAlign") in ("start", "right")
    box, words = text.bounding_box(), text.evaluate(
        "(node) => { const range = document.createRange(); range.selectNodeContents(node); "
        "const { left, right } = range.getBoundingClientRect(); return [left, right]; }"
    )  # fmt: skip
    assert words[1] == pytest.approx(box["x"] + box["width"], abs=2)
    for image in page.locator("figure img").all():
        place = image.bounding_box()
        assert place["height"] <= 0.6 * 800
        assert place["width"] <= 900
    assert page.inner_text("[aria-label=table]").split() == ["name", "n", "a", "1.5", "b", "22"]
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.troubles == []


def test_a_printed_record_is_whole(one, tmp_path):
    page = one({"text": "word " * 3000 + "the end", "json": {"a": [{"b": list(range(300))}]}})
    page.emulate_media(media="print")
    hidden = [".answers", ".top nav", ".progress", "aside .said"]
    assert [place for place in hidden if page.locator(place).count() and page.locator(place).is_visible()] == []
    prose = page.locator(".prose").first
    assert prose.evaluate("(node) => node.scrollHeight - node.clientHeight") <= 1
    pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(path=tmp_path / "p.pdf", prefer_css_page_size=True)))
    assert 3 <= pages <= 8


def test_the_table_is_printed_without_empty_pages(browser, tmp_path):
    with make(tmp_path / "p") as project, running(project) as server:
        page = opened(browser, url(server), color_scheme="dark")
        page.click("nav button:has-text('Table')")
        page.wait_for_selector(".row .text")
        page.evaluate(
            """() => {
                const count = () => document.querySelectorAll("[role=row]").length;
                window.printed = 0;
                const look = new MutationObserver(() => { window.printed = Math.max(window.printed, count()); });
                look.observe(document.querySelector(".sight"), { childList: true });
            }"""
        )
        content = page.pdf(path=tmp_path / "p.pdf", prefer_css_page_size=True)
        assert 3 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 5
        assert page.evaluate("() => window.printed") == 90
        page.wait_for_function("() => document.querySelectorAll('[role=row]').length < 40")
        assert page.troubles == []


def test_a_swipe_accepts_or_skips_and_a_scroll_does_neither(browser, tmp_path):
    with make(tmp_path / "p") as project, running(project) as server:
        page = opened(browser, url(server), has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
        touch = page.context.new_cdp_session(page)

        def swipe(*moves):
            x, y = 200, 300
            touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
            for dx, dy in moves:
                point = {"x": x + dx, "y": y + dy}
                touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
            touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

        for _ in patient("a suggestion"):
            if page.locator(".choice.suggested").count():
                break
            page.tap(".choice >> nth=0")
            all_stored(page)
        accepted, label = shown(page), page.inner_text(".choice.suggested .name")
        swipe((40, 2), (90, 4), (150, 5))
        until(page, "!==", accepted)
        skipped = shown(page)
        swipe((-40, 2), (-90, 4), (-150, 5))
        until(page, "!==", skipped)
        record = shown(page)
        swipe((20, 2), (30, 4))
        swipe((5, -60), (20, -120), (30, -160))
        page.wait_for_timeout(300)
        assert shown(page) == record
        assert page.locator("article.card").evaluate("(card) => card.style.transform") == ""
        all_stored(page)
        assert (accepted, "Ada", label) in standing(project)
        assert set(project.history().query("kind == 'skip'")["record"]) == {skipped}


def test_a_locked_project_says_so_and_answers_are_stored_when_it_is_free(browser, tmp_path, monkeypatch):
    monkeypatch.setattr("weaklab.project.database.BUSY_SECONDS", 0.3)
    with make(tmp_path / "p") as project, running(project) as server:
        page = opened(browser, url(server))
        page.wait_for_selector(".progress .figures")
        with closing(sqlite3.connect(tmp_path / "p" / DATABASE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            expected = [(press(page, "1"), "Ada", "ham"), (press(page, "2"), "Ada", "spam")]
            banner = page.wait_for_selector(".banner")
            assert "another process is writing" in banner.inner_text()
            assert "answers wait here" in banner.inner_text()
            assert "waiting" in page.inner_text(".saved")
            assert standing(project) == []
        page.wait_for_selector(".banner", state="detached")
        all_stored(page)
        assert page.evaluate("() => document.querySelector('#weaklab').firstElementChild.className") == "top"
        assert standing(project) == sorted(expected)
        assert page.troubles == []


def test_a_file_that_does_not_load_is_named_once(browser, tmp_path):
    with make(tmp_path / "p") as project, running(project) as server:
        page = opened(browser, url(server))
        (project.path / "labeling_functions" / "mine.py").write_text("this is no Python")
        with pytest.warns(UserWarning, match=r"mine\.py"):  # noqa: PT031  # it is said by the server, in its thread
            page.click("nav button:has-text('Committee')")
            page.wait_for_selector(".banner")
            page.wait_for_timeout(3000)  # till the page has asked again
        assert page.locator(".banner").count() == 1
