"""The labeling page in a real browser: keys, undo, recovery, speed, access for everybody, and texts that would run."""

import signal
import time

import pytest
from browser import axe_source, chromium, opened, skip_without_browser

import weaklab

skip_without_browser()
from page_server import running  # noqa: E402
from test_page import first_links, make, serve, standing  # noqa: E402

PAYLOADS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "<svg onload=alert(3)>", "javascript:alert(4)",
    "\"><script>alert(5)</script>", "'-alert(6)-'", "</textarea><script>alert(7)</script>", "${alert(8)}",
    "{{constructor.constructor('alert(9)')()}}", "<iframe srcdoc='<script>alert(10)</script>'>",
    "<a href=javascript:alert(11)>x</a>", "<style>*{background:url(http://evil.example/12)}</style>",
    "<body onload=alert(13)>", "<input autofocus onfocus=alert(14)>", "<details open ontoggle=alert(15)>",
    "<math><mtext><script>alert(16)</script>", "<!--<img src='--><img src=x onerror=alert(17)>'>",
    "<object data=javascript:alert(18)>", "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "\u202e<script>alert(20)</script>\x00\x1b[31m",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def project(tmp_path):
    with make(tmp_path / "p") as made:
        yield made


def url(server):
    return f"http://127.0.0.1:{server.port}{server.link}"


def shown(page):
    return page.inner_text(".card h1").split()[-1]


def press(page, key):
    """Press a key and return the record that it was meant for."""
    record = shown(page)
    page.keyboard.press(key)
    return record


def until(page, compared, record):
    """Wait until a record is shown (===), or is not shown any more (!==)."""
    page.wait_for_function(
        f"() => document.querySelector('.card h1').innerText.split(/\\s+/).at(-1) {compared} {record!r}"
    )


def all_stored(page):
    page.wait_for_function(
        "() => !sessionStorage.length || JSON.parse(Object.values(sessionStorage)[0]).outbox.length === 0"
    )


def test_a_session_by_keyboard_alone_and_undo_across_a_reload(browser, project):
    with running(project) as server:
        page = opened(browser, url(server))
        expected = [(press(page, "1"), "Ada", "ham"), (press(page, "2"), "Ada", "spam")]
        skipped = press(page, "s")
        assert press(page, "u") not in (skipped, expected[1][0])
        assert shown(page) == skipped
        press(page, "u")
        assert shown(page) == expected[1][0]
        page.keyboard.press("Control+Shift+Z")
        page.keyboard.press("n")
        page.keyboard.type("what is this? 1 2 s u")
        page.keyboard.press("Enter")
        page.keyboard.press("f")
        page.wait_for_selector(".tag")
        back = press(page, "b")
        assert shown(page) != back
        page.keyboard.press("/")
        page.keyboard.type("sp")
        found = shown(page)
        page.keyboard.press("Enter")
        expected.append((found, "Ada", "spam"))
        all_stored(page)
        assert standing(project) == sorted(expected)
        page.reload()
        page.wait_for_selector(".card h1")
        page.wait_for_function("() => !document.querySelector('.tool:nth-child(3)').disabled")
        for record in (found, back, expected[1][0], expected[0][0]):
            page.keyboard.press("u")
            until(page, "===", record)
        all_stored(page)
        assert standing(project) == []
        assert page.troubles == []


def test_enter_accepts_the_suggestion_that_is_painted(browser, project):
    with running(project) as server:
        page = opened(browser, url(server))
        said = []
        for _ in range(12):
            suggestion = (
                page.inner_text(".choice.suggested .name") if page.query_selector(".choice.suggested") else None
            )
            record = press(page, "Enter")
            if suggestion is None:
                page.wait_for_selector(".said:not(:empty)")
                press(page, "1")
            said.append((record, "Ada", suggestion or "ham"))
        all_stored(page)
        assert standing(project) == sorted(said)


def test_500_keys_at_20_a_second_are_neither_lost_nor_misfiled(browser, tmp_path):
    texts = [f"{'prize' if i % 3 == 0 else 'lunch'} number {i} at {i % 7}" for i in range(3000)]
    with make(tmp_path / "p", texts) as project, running(project) as server:
        page = opened(browser, url(server))
        page.wait_for_timeout(1500)
        page.evaluate(
            "() => { window.pressed = []; document.addEventListener('keydown', (event) => window.pressed.push("
            "[document.querySelector('.card h1')?.innerText.split(/\\s+/).at(-1), event.key]), true); }"
        )
        began = time.monotonic()
        for i in range(500):
            time.sleep(max(0, began + i / 20 - time.monotonic()))
            page.keyboard.press(str(i % 2 + 1))
        took = time.monotonic() - began
        all_stored(page)
        pressed = page.evaluate("() => window.pressed")
        assert [key for record, key in pressed if record is None] == []
        expected = sorted((record, "Ada", {"1": "ham", "2": "spam"}[key]) for record, key in pressed)
        assert took < 40
        assert len({record for record, _, _ in expected}) == 500
        assert standing(project) == expected


def test_the_page_goes_on_when_the_server_was_killed_and_started_again(browser, tmp_path):
    make(tmp_path / "p").close()
    process = serve(tmp_path / "p", "--port", "0")
    (port, path), _ = first_links(process)
    page = opened(browser, f"http://127.0.0.1:{port}{path}")
    expected = [(press(page, "1"), "Ada", "ham") for _ in range(3)]
    all_stored(page)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    expected += [(press(page, "2"), "Ada", "spam") for _ in range(2)]
    page.wait_for_selector(".saved.off")
    process = serve(tmp_path / "p", "--port", str(port))
    try:
        first_links(process)
        page.wait_for_selector(".saved:not(.off)", timeout=20_000)
        expected.append((press(page, "1"), "Ada", "ham"))
        all_stored(page)
        assert page.troubles == []
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    with weaklab.Project(tmp_path / "p") as project:
        assert standing(project) == sorted(expected)


def test_from_key_to_painted_record_in_a_moment(browser, tmp_path):
    texts = [f"{'prize' if i % 3 == 0 else 'lunch'} number {i} at {i % 7}" for i in range(10_000)]
    with make(tmp_path / "p", texts) as project, running(project) as server:
        page = opened(browser, url(server))
        page.evaluate(
            "() => { window.took = []; new PerformanceObserver((list) => { for (const entry of list.getEntries()) "
            "window.took.push(entry.duration); }).observe({ type: 'measure' }); }"
        )
        for i in range(60):
            press(page, str(i % 2 + 1))
            page.wait_for_timeout(120)
        took = sorted(page.evaluate("() => window.took"))
        assert len(took) == 60
        print(f"key to painted record: median {took[30]:.1f} ms, 95 % {took[56]:.1f} ms")
        assert took[30] < 50  # the rest depends on what else this machine does


def test_one_of_many_labels_is_found_by_typing(browser, tmp_path):
    labels = [f"card_arrival_{i}" for i in range(60)] + ["lost_or_stolen_card"]
    with weaklab.Project(tmp_path / "p", labels=labels, timeout=None) as project:
        project.add_records([{"id": str(i), "text": f"where is my card {i}"} for i in range(9)], quiet=True)
        with running(project) as server:
            page = opened(browser, url(server))
            page.keyboard.press("/")
            for _ in range(45):
                page.keyboard.press("ArrowDown")
            in_sight = "() => { const [list, one] = ['#found', '#found [aria-selected=true]'].map((at) => "
            in_sight += "document.querySelector(at).getBoundingClientRect()); "
            in_sight += "return one.top >= list.top - 1 && one.bottom <= list.bottom + 1; }"
            assert page.evaluate(in_sight)
            page.keyboard.type("card lost")
            assert page.inner_text("#found").split()[0] == "lost_or_stolen_card"
            record = press(page, "Enter")
            all_stored(page)
            assert standing(project) == [(record, "Ada", "lost_or_stolen_card")]
            page.click("text=Table")
            page.wait_for_selector("#row-0 .text")
            with page.expect_response("**/api/records/label"):
                page.select_option("[aria-label='Give a label']", "card_arrival_40")
            assert "card_arrival_40" in [label for _, _, label in standing(project)]


def test_keys_can_be_changed_and_switched_off(browser, project):
    with running(project) as server:
        page = opened(browser, url(server))
        page.keyboard.press("?")
        page.click('button[aria-label^="skip"]')
        page.keyboard.press("x")
        page.keyboard.press("Escape")
        record = shown(page)
        page.keyboard.press("s")
        assert shown(page) == record
        page.keyboard.press("x")
        until(page, "!==", record)
        page.keyboard.press("?")
        page.click(".switch")
        page.keyboard.press("Escape")
        record = shown(page)
        for key in ("1", "s", "x", "u"):
            page.keyboard.press(key)
        assert shown(page) == record
        assert page.query_selector(".choice kbd") is None
        page.reload()
        page.wait_for_selector(".card h1")
        page.keyboard.press("1")
        page.click(".choice >> nth=1")
        all_stored(page)
        assert [label for _, _, label in standing(project)] == ["spam"]


def test_stored_settings_are_input_as_well(browser, project):
    with running(project) as server:
        page = opened(browser, url(server))
        for stored in (
            '{"keys": {"skip": "<img src=x onerror=alert(1)>", "undo": 7}, "off": "yes"}',
            "nonsense", "[]", "null", "7",
            '{"keys": {"accept": "s", "note": "s"}}', '{"keys": {"skip": "\\u202e", "undo": "\\u200b"}}',
            '{"keys": {"__proto__": {"skip": "x"}, "constructor": "x"}, "__proto__": {"off": true}}',
            '{"keys": {"skip": ["x"], "undo": {"toString": "x"}, "flag": "' + "x" * 100_000 + '"}}',
        ):  # fmt: skip
            page.evaluate("(text) => localStorage.setItem('weaklab / keys', text)", stored)
            page.reload()
            page.wait_for_selector(".card h1")
            record = shown(page)
            page.keyboard.press("s")
            until(page, "!==", record)
            all_stored(page)
        assert page.troubles == []


def test_nothing_in_a_record_a_label_a_name_or_a_note_runs(browser, tmp_path):
    rows = [
        {
            "id": f"{i} {text}".replace("\x00", ""),
            "text": text,
            f"<b>column</b>{PAYLOADS[0]}": text,
            "list": [text, text],
        }
        for i, text in enumerate(PAYLOADS)
    ]
    labels = ["<script>alert('a')</script>", "<img src=x onerror=alert('b')>"]
    with weaklab.Project(tmp_path / "p", labels=labels, timeout=None, share_answers=0, blind_share=0) as project:
        project.add_records(rows, quiet=True)
        project.add(weaklab.keywords(labels[0], ["alert", "script"], name="<img src=x onerror=alert('lf')>"))
        with running(project, batch=30) as server:
            page = opened(browser, url(server), name="<img src=x onerror=alert('me')>")
            page.evaluate(
                "() => { window.reports = []; document.addEventListener('securitypolicyviolation', "
                "(event) => window.reports.push(event.violatedDirective)); }"
            )
            for payload in PAYLOADS:
                page.keyboard.press("n")
                page.fill("#note", payload)
                page.keyboard.press("Enter")
                page.keyboard.press("/")
                page.keyboard.press("Escape")
                page.keyboard.press("1")
                page.wait_for_timeout(30)
            all_stored(page)
            page.wait_for_selector(".card.empty h1", timeout=20_000)
            assert len(standing(project)) == len(PAYLOADS)
            assert page.evaluate("() => window.reports") == []
            assert page.troubles == []
            looker = browser.new_context().new_page()
            looker.goto(f"http://127.0.0.1:{server.port}{server.read_only_link}")
            looker.wait_for_selector(".figures")
            page.click("nav button:has-text('Table')")
            page.wait_for_selector(".row .text")
            page.click(".give >> nth=1")
            page.wait_for_timeout(500)
            page.click("nav button:has-text('Committee')")
            page.wait_for_selector(".lfs tbody tr")
            page.wait_for_timeout(200)
            assert page.evaluate("() => window.reports") == []
            assert page.troubles == []
            assert "<img src=x onerror=alert('me')>" in looker.inner_text("main")


def test_control_and_direction_characters_are_shown(browser, tmp_path):
    with weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None, blind_share=0) as project:
        project.add_records(
            [{"id": "1", "text": "a\u202eb\x1b[0m \u0627\u0644\u0633\u0644\u0627\u0645 \U0001f469\u200d\U0001f4bb"}]
        )
        with running(project) as server:
            page = opened(browser, url(server))
            assert (
                page.inner_text(".prose")
                == "a⟨202E⟩b␛[0m \u0627\u0644\u0633\u0644\u0627\u0645 \U0001f469\u200d\U0001f4bb"
            )


def test_the_table_by_keyboard_and_its_undo(browser, project):
    with running(project) as server:
        page = opened(browser, url(server))
        page.click("nav button >> nth=1")
        page.wait_for_selector(".row .text")
        page.fill("input[type=search]", "prize")
        page.wait_for_function("() => document.querySelector('.bulk b').innerText === '30'")
        page.focus(".grid")
        for key in ("j", "2", "x", "Shift+ArrowDown", "1"):
            page.keyboard.press(key)
            page.wait_for_timeout(400)
        expected = [("3", "Ada", "spam"), ("6", "Ada", "ham"), ("9", "Ada", "ham")]
        assert standing(project) == expected
        page.keyboard.press("u")
        page.wait_for_function("() => document.querySelector('.bulk').innerText.includes('taken back')")
        assert standing(project) == expected[:1]
        page.click("text=Choose all")
        page.click(".give >> nth=0")
        page.wait_for_function("() => document.querySelector('.bulk').innerText.includes('30 records labeled ham')")
        assert len(standing(project)) == 31  # the first answer about record 3 is among them
        page.click("text=Undo")
        page.wait_for_function("() => document.querySelector('.bulk').innerText.includes('30 labels taken back')")
        assert page.troubles == []


def test_what_was_labeled_in_the_table_does_not_come_up_any_more(browser, project):
    with running(project) as server:
        page = opened(browser, url(server))
        page.click("nav button >> nth=1")
        page.fill("input[type=search]", "lunch")
        page.wait_for_function("() => document.querySelector('.bulk b').innerText === '60'")
        page.click("text=Choose all")
        page.click(".give >> nth=0")
        page.wait_for_function("() => document.querySelector('.bulk').innerText.includes('60 records labeled ham')")
        page.wait_for_timeout(1000)
        page.click("nav button >> nth=0")
        page.wait_for_selector(".card h1[tabindex]")
        for _ in range(20):
            assert int(press(page, "2")) % 3 == 0
            page.wait_for_timeout(50)
        assert page.troubles == []


def test_one_click_leads_from_a_heuristic_to_what_it_got_wrong(browser, project):
    project.add(weaklab.pattern("ham", "number 1", name="ones"))
    project.label("3", "ham", annotator="Ann")
    with running(project) as server:
        page = opened(browser, url(server))
        page.click("nav button:has-text('Committee')")
        page.click("button[aria-label='Show the 1 record that prizes got wrong']")
        page.wait_for_selector("text=prize number 3 at 3")
        assert page.inner_text(".bulk b") == "1"
        page.click(".chip")
        page.wait_for_function("() => document.querySelector('.bulk b').innerText === '90'")
        page.click("nav button:has-text('Committee')")
        page.click("button[title='ones against prizes']")
        page.wait_for_function("() => document.querySelector('.bulk b').innerText === '3'")
        assert page.troubles == []


def test_a_table_of_many_records_is_drawn_in_parts(browser, tmp_path):
    texts = [f"number {i}" for i in range(300_000)]
    with make(tmp_path / "p", texts, use_features=False) as project, running(project) as server:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}{server.read_only_link}")
        page.click("nav button >> nth=1")
        page.wait_for_selector(".row .text", timeout=60_000)
        assert page.evaluate("() => document.querySelectorAll('.row').length") < 40
        page.focus(".grid")
        page.keyboard.press("End")
        page.wait_for_selector("text=number 299999", timeout=60_000)
        page.evaluate("() => { const grid = document.querySelector('.grid'); grid.scrollTop = grid.scrollHeight / 2; }")
        page.wait_for_selector("text=number 15000", timeout=60_000)


def test_the_first_view_is_there_after_less_than_48_kilobytes_and_others_follow_when_they_are_opened(browser, project):
    with running(project) as server:
        page = browser.new_context().new_page()
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        names, took = {}, {}
        network.on("Network.requestWillBeSent", lambda sent: names.update({sent["requestId"]: sent["request"]["url"]}))
        network.on(
            "Network.loadingFinished", lambda got: took.update({names[got["requestId"]]: got["encodedDataLength"]})
        )
        page.goto(url(server))
        page.fill("#name", "Ada")
        page.keyboard.press("Enter")
        page.wait_for_selector(".choice")
        files = {name.rpartition("/")[2]: size for name, size in took.items() if "/api/" not in name}
        print(f"the first view takes {sum(files.values()):,} bytes in {len(files)} files")
        assert {"label.js", "preact.js", "weaklab.css"} < set(files)
        assert not {"table.js", "map.js", "people.js"} & set(files)
        assert sum(files.values()) < 48_000
        page.context.set_offline(True)
        page.click("nav button:has-text('People')")
        page.wait_for_selector("text=This view is not loaded yet")
        page.context.set_offline(False)
        page.wait_for_selector(".people h1")  # by itself


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, project, scheme):
    source = axe_source()
    with running(project) as server:
        page = opened(browser, url(server), color_scheme=scheme)
        page.wait_for_selector(".progress .figures")
        found = {"labeling": axe(page, source)}
        for key, name in (("?", "keys"), ("/", "find"), ("n", "note")):
            page.keyboard.press(key)
            found[name] = axe(page, source)
            page.keyboard.press("Escape")
        looker = browser.new_context(color_scheme=scheme).new_page()
        looker.goto(f"http://127.0.0.1:{server.port}{server.read_only_link}")
        looker.wait_for_selector(".figures")
        found["looking"] = axe(looker, source)
        for other in (page, looker):
            other.click("nav button:has-text('Table')")
            other.wait_for_selector(".row .text")
            found[f"table {other is page}"] = axe(other, source)
            other.click("nav button:has-text('Committee')")
            other.wait_for_selector(".lfs tbody tr")
            found[f"committee {other is page}"] = axe(other, source)
    assert {name: problems for name, problems in found.items() if problems} == {}


def axe(page, source):
    page.evaluate(source)
    found = page.evaluate("() => axe.run()")
    return [(one["id"], node["target"], node["failureSummary"]) for one in found["violations"] for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_twelve_labels_have_twelve_looks(browser, tmp_path, scheme):
    labels = [f"pending_cash_withdrawal_{i}" for i in range(12)]
    record = {"text": "How do I know how much money I will have when I travel abroad? " * 2, "nr": 7, "channel": "app"}
    with weaklab.Project(tmp_path / "p", labels=labels, weak_classifiers=[]) as project:
        project.add_records([record], text="text", quiet=True)
        with running(project) as server:
            page = browser.new_context(color_scheme=scheme, viewport={"width": 1200, "height": 757}).new_page()
            page.goto(url(server))
            page.fill("#name", "Ada")
            page.keyboard.press("Enter")
            page.wait_for_selector(".choice >> nth=11")
            for height, in_sight in ((757, True), (420, False)):
                page.set_viewport_size({"width": 1200, "height": height})
                card, answers, value = (
                    page.locator(at).bounding_box() for at in (".card", ".answers", ".card dd >> nth=-1")
                )
                assert card["y"] + card["height"] <= answers["y"]  # buttons never cover the record
                assert not in_sight or value["y"] + value["height"] < answers["y"] < height
            looks = page.eval_on_selector_all(
                ".choice .dot",
                "dots => dots.map((dot) => { const s = getComputedStyle(dot);"
                " return [s.backgroundColor, s.borderRadius, s.clipPath].join(' '); })",
            )
            assert len(set(looks)) == len(looks) == 12
            page.context.close()
