"""The map in a real browser: lasso, label and undo; by keyboard alone; what is drawn; and how long a frame takes."""

import math

import pytest
from browser import axe_source, chromium, opened, skip_without_browser

skip_without_browser()
from page_server import running  # noqa: E402
from test_page import make  # noqa: E402
from test_page_browser import axe  # noqa: E402

FRAMES = """async (n) => {
    const { Scatter } = await import("/static/scatter.js");
    const canvas = document.createElement("canvas");
    Object.assign(canvas.style, { position: "fixed", inset: 0, width: "900px", height: "600px" });
    document.body.append(canvas);
    const nothing = () => {};
    const scatter = new Scatter(canvas, { hover: nothing, click: nothing, choose: nothing, moved: nothing });
    scatter.resize();
    scatter.setPlaces(Uint16Array.from({ length: 2 * n }, (_, i) => (i * 40503 + i * i) % 65536));
    scatter.setKinds(new Uint8Array(n).map((_, i) => i % 4), new Uint8Array(n), null);
    const kinds = [1, 2, 3, 4].map((i) => 0xff000000 + 40 * i);
    scatter.setColors({ card: 0xffeeeeee, faint: 1, ink: 2, accent: "#000", kinds });
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    for (let i = 0; i < 20; i++) await frame();
    const [times, start] = [[], performance.now()];
    let before = await frame();
    for (let i = 0; i < 60; i++) {
        scatter.pan(i < 30 ? 5 : -5, 3);
        scatter.zoomBy(i < 30 ? 1.04 : 1 / 1.05);
        const now = await frame();
        times.push(now - before);
        before = now;
    }
    for (let i = 0; i < 200 && (scatter.moving || scatter.drawing || scatter.stale); i++) await frame();
    await frame();
    const pixels = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const moved = pixels();
    scatter.redraw();
    scatter.paint();
    const same = pixels().every((value, i) => value === moved[i]);
    scatter.stop();
    canvas.remove();
    return [times.sort((a, b) => a - b)[30], same, new Set(moved).size > 3];
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def project(tmp_path):
    with make(tmp_path / "p") as made:
        yield made


def show(browser, server, **context):
    page = opened(browser, f"http://127.0.0.1:{server.port}{server.link}", **context)
    page.click("nav button:has-text('Map')")
    page.wait_for_selector(".legend li")
    return page


def said(page, text):
    page.wait_for_function("(text) => document.querySelector('.bulk p').innerText.includes(text)", arg=text)


def lasso(page, points=24):
    """Draw around everything."""
    box = page.locator(".plot canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.keyboard.down("Shift")
    for i in range(points):
        turn = 2 * math.pi * i / points
        page.mouse.move(x + 0.49 * box["width"] * math.cos(turn), y + 0.49 * box["height"] * math.sin(turn))
        if i == 0:
            page.mouse.down()
    page.mouse.up()
    page.keyboard.up("Shift")
    return int(page.inner_text(".bulk b >> nth=1"))


def test_what_the_lasso_chose_is_labeled_and_taken_back_in_one_step(browser, project):
    with running(project) as server:
        page = show(browser, server)
        page.click(".legend button:has-text('spam')")
        spam = int(page.inner_text(".legend button:has-text('spam') .number"))
        chosen = lasso(page)
        assert 0 < chosen <= spam
        page.click(".give:has-text('ham')")
        said(page, f"{chosen} records labeled ham")
        assert list(project.manual_labels().values()) == ["ham"] * chosen
        page.click("text=Show all")
        page.wait_for_function("(n) => Number(document.querySelector('.legend .number').innerText) >= n", arg=chosen)
        page.click("button:has-text('Undo')")
        said(page, f"{chosen} labels taken back")
        assert project.manual_labels() == {}
        page.click("button:has-text('Open in the table')")  # undo has chosen them again
        page.wait_for_function("(n) => document.querySelector('.bulk b')?.innerText === String(n)", arg=chosen)
        page.wait_for_selector(".row .text")
        page.click(".chip:has-text('chosen on the map')")
        page.wait_for_function("() => document.querySelector('.bulk b')?.innerText === '90'")
        page.click("nav button:has-text('Map')")
        page.wait_for_selector(".legend li")
        chosen = lasso(page)
        page.click("button:has-text('Make a rule')")
        page.wait_for_selector(f".chip:has-text('from {chosen} chosen records')")
        assert page.troubles == []


def test_points_are_read_chosen_and_labeled_by_keyboard_alone(browser, project):
    with running(project) as server:
        page = show(browser, server)
        page.focus(".plot")
        page.keyboard.press("j")
        page.wait_for_selector(".tip[role=status]:has-text('number')")
        page.keyboard.press("Enter")
        record = page.inner_text(".found h2")
        page.keyboard.press("2")
        said(page, "1 record labeled spam")
        assert project.manual_labels() == {record: "spam"}
        page.wait_for_selector(".found .tag:has-text('by hand')")
        page.keyboard.press("u")
        said(page, "1 label taken back")
        page.keyboard.press("x")
        said(page, "90 chosen")
        for _ in range(4):
            page.keyboard.press("+")
        page.keyboard.press("x")
        assert int(page.inner_text(".bulk b >> nth=1")) < 90
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        page.click(".regions summary")
        fields = page.locator(".sides input")
        for i, value in enumerate(["0", "100", "0", "100"]):
            fields.nth(i).fill(value)
        page.click(".sides button")
        said(page, "90 chosen")
        assert page.troubles == []


def test_fingers_move_zoom_and_choose(browser, project):
    with running(project) as server:
        page = show(browser, server, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
        touch = page.context.new_cdp_session(page)
        page.locator(".plot canvas").scroll_into_view_if_needed()
        box = page.locator(".plot canvas").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        def fingers(*moves):
            """Each move has the places of all fingers, from the middle of the map."""
            for i, places in enumerate([*moves, moves[-1], moves[-1], []]):  # they rest before they are lifted
                kind = "touchStart" if i == 0 else "touchMove" if places else "touchEnd"
                points = [{"x": x + dx, "y": y + dy, "id": n} for n, (dx, dy) in enumerate(places)]
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
                page.wait_for_timeout(20)
            page.wait_for_timeout(250)

        def parts():
            """Return the number of records in nine parts of what is in sight."""
            return [int(found.split()[0]) for found in page.locator(".regions tbody td:nth-child(2)").all_inner_texts()]

        page.click(".regions summary")
        page.wait_for_selector(".regions tbody tr")
        whole = parts()
        assert sum(whole) == 90
        fingers([(-20, 0), (20, 0)], *([(-20 - i, 0), (20 + i, 0)] for i in range(10, 101, 10)))
        pinched = parts()
        assert 0 < sum(pinched) < 90
        fingers([(-120, 0), (120, 0)], *([(-120 + i, 0), (120 - i, 0)] for i in range(10, 101, 10)))
        assert sum(parts()) == 90
        before = parts()
        fingers([(0, 0)], *([(0, -i)] for i in range(20, 161, 20)))
        assert parts() != before
        assert page.locator(".bulk b").count() == 1  # nothing was chosen by it
        page.tap("button:has-text('Whole map')")
        page.tap("button:has-text('Lasso')")
        page.locator(".plot canvas").scroll_into_view_if_needed()
        box = page.locator(".plot canvas").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        wide, high = 0.49 * box["width"], 0.49 * box["height"]
        turns = [2 * math.pi * i / 24 for i in range(24)]
        fingers(*([(wide * math.cos(turn), high * math.sin(turn))] for turn in turns))
        chosen = int(page.inner_text(".bulk b >> nth=1"))
        assert chosen > 20
        page.tap(".give:has-text('ham')")
        said(page, f"{chosen} records labeled ham")
        assert page.troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_map(browser, project, scheme):
    with running(project) as server:
        page = show(browser, server, color_scheme=scheme)
        page.focus(".plot")
        for key in ("x", "j", "Enter"):
            page.keyboard.press(key)
        page.wait_for_selector(".found")
        page.click(".regions summary")
        page.wait_for_selector(".regions tbody tr")
        assert axe(page, axe_source()) == []
        for by in ("confidence", "conflict", "votes:prizes"):
            page.select_option(".map select", by)
            page.wait_for_selector(".legend li")
        assert axe(page, axe_source()) == []
        looker = browser.new_page()
        looker.goto(f"http://127.0.0.1:{server.port}{server.read_only_link}")
        looker.click("nav button:has-text('Map')")
        looker.wait_for_selector(".legend li")
        assert looker.locator(".give:visible").count() == 0
        assert page.troubles == []


@pytest.mark.parametrize("ratio", [1, 2])
def test_a_hundred_thousand_points_move_smoothly_and_come_to_rest_where_they_belong(browser, project, ratio):
    with running(project) as server:
        page = show(browser, server, device_scale_factor=ratio)
        for _ in range(3):  # others may use the machine
            took, same, drawn = page.evaluate(FRAMES, 100_000)
            print(f"a frame takes {took:.0f} ms, {1000 / took:.0f} a second")
            assert (same, drawn) == (True, True)
            if took < 34:
                break
        assert took < 34
        assert page.troubles == []
