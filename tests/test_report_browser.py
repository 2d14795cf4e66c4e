"""The report in Chromium, without a network: it fits a phone, says nothing on the console, and axe finds nothing."""

import browser
import pytest

import weaklab

browser.skip_without_browser()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    project = weaklab.Project(folder / "p", labels=["ham", "spam"], timeout=None, retrain_every=0)
    project.add_records([f"win prize {i}" for i in range(15)] + ["lunch " * 80 + str(i) for i in range(15)], quiet=True)
    project.add(weaklab.keywords("spam", ["prize"], name="a_name_that_is_much_longer_than_any_column_of_a_phone" * 2))
    for number, ask in enumerate(project.ask(15, strategy="random")):
        project.label(ask, "spam" if "prize" in ask.text else "ham", annotator=["Ann", "Bob"][number % 2])
    return project.report(folder / "report.html")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1200, "dark")])
def test_report_in_a_browser(file, width, scheme):
    with browser.chromium() as chromium:
        context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, offline=True)
        page = context.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert (said, asked) == ([], [file.as_uri()])
        page.evaluate(browser.axe_source())
        assert [each["id"] for each in page.evaluate("axe.run()")["violations"]] == []
