"""Rules and repairs in a real browser: from selected words, from chosen rows, from a function of the committee."""

import pytest
from browser import axe_source, chromium, opened, skip_without_browser

skip_without_browser()
from page_server import running  # noqa: E402
from test_page import make  # noqa: E402
from test_page_browser import PAYLOADS, axe, url  # noqa: E402
from test_page_rules import MINE, labeled  # noqa: E402


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def project(tmp_path):
    with labeled(tmp_path / "p") as made:
        yield made


def test_a_selected_word_becomes_a_rule_and_is_taken_back(browser, project):
    with running(project) as server:
        page = opened(browser, url(server))
        box = page.query_selector(".prose").bounding_box()
        page.mouse.dblclick(box["x"] + 30, box["y"] + 18)
        word = page.inner_text(".of-word span").split("“")[1].strip("”")
        assert word in ("prize", "lunch")
        page.keyboard.press("r")
        page.wait_for_selector(".matches tbody tr")
        assert page.inner_text(".proposal .what").endswith(f"where the text has '{word}'")
        page.click("text=Accept this rule")
        page.wait_for_selector(".accepted li")
        [member] = [name for name in project.committee.names if name not in ("prizes", "wide")]
        assert (project.path / "labeling_functions" / f"{member}.py").exists()
        page.click(".accepted button")
        page.wait_for_selector(".accepted", state="detached")
        assert member not in project.committee
        assert page.troubles == []


def test_rows_of_the_table_and_a_function_of_the_committee_lead_to_proposals(browser, project):
    with running(project) as server:
        page = opened(browser, url(server))
        page.click("nav button:has-text('Table')")
        page.wait_for_selector(".row .text")
        page.focus(".grid")
        for key in ("ArrowDown", "x", "ArrowDown", "ArrowDown", "x"):
            page.keyboard.press(key)
        page.click("text=Make a rule")
        page.wait_for_selector(".chip:has-text('from 2 chosen records')")
        page.wait_for_selector(".proposal")
        page.click("nav button:has-text('Committee')")
        page.click("button[aria-label='Repair wide']")
        page.wait_for_selector(".matches tbody tr")
        page.click("text=Write this change")
        page.wait_for_selector(".accepted li")
        assert (project.path / "labeling_functions" / "mine.py").read_text() != MINE
        page.click(".accepted button")
        page.wait_for_selector(".accepted", state="detached")
        assert (project.path / "labeling_functions" / "mine.py").read_text() == MINE
        assert page.troubles == []


def test_nothing_in_a_word_a_text_or_a_name_runs(browser, tmp_path):
    with make(tmp_path / "p", [f"prize {text}" for text in PAYLOADS for _ in range(3)]) as project:
        (project.path / "labeling_functions").mkdir(exist_ok=True)
        hostile = MINE.replace(")\n", ', name="<img src=x onerror=alert(1)>")\n')
        (project.path / "labeling_functions" / "mine.py").write_text(hostile)
        project.reload()
        project.label_many([(str(i), "ham" if i % 2 else "spam") for i in range(40)])
        with running(project) as server:
            page = opened(browser, url(server))
            page.click("nav button:has-text('Rules')")
            page.wait_for_selector("input[type=search]")
            for typed in ("prize", "<script>alert(1)</script>"):
                page.fill("input[type=search]", typed)
                page.keyboard.press("Enter")
                page.wait_for_selector(".proposal, .banner")
            page.click("text=Repairs")
            page.wait_for_function("() => document.querySelector('.rules [role=status]').innerText.includes('epair')")
            assert (
                page.evaluate("() => document.querySelectorAll('main img, main script, main svg, main iframe').length")
                == 0
            )
            assert page.troubles == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, project, scheme):
    with running(project) as server:
        page = opened(browser, url(server), color_scheme=scheme)
        page.click("nav button:has-text('Rules')")
        page.fill("input[type=search]", "lunch")
        page.keyboard.press("Enter")
        page.wait_for_selector(".proposal .matches tbody tr")
        found = {"rules": axe(page, axe_source())}
        page.click("nav button:has-text('Committee')")
        page.click("button[aria-label='Repair wide']")
        page.wait_for_selector(".proposal .matches tbody tr")
        found["repairs"] = axe(page, axe_source())
    assert {name: problems for name, problems in found.items() if problems} == {}
