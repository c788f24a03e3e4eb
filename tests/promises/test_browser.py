"""A real browser opens every page, as people do: on a desk and on a phone, with and without a script."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app import create_app
from risk.report import client_sheet
from risk.report.client_sheet import SheetPart
from tests.conftest import Installations, Project, table
from tests.installation import HOSTILE
from tests.service.test_server import serving

CHROMIUM = shutil.which("chromium")
FIRST_VIEW = 150_000  # bytes
FEATURES = {"lastmonth_activity": {"label": "Activity last month", "minimum": 0}, "number_of_employees": "numeric"}
SCHEMA = {"owner": "owner", "value": "worth", "currency": "€ a month", "features": FEATURES}

pytestmark = pytest.mark.slow


def company(project: Project) -> None:
    """Do a first run for managers whose clients are worth something; one client has a hostile name."""
    project.configure(schema=SCHEMA, capacity={"calls_per_week": 6, "per": "owner"})
    header, *lines = table(300).splitlines()
    rows = [f"{line},{'Ann' if n % 2 else 'Bob'},{100 + n}" for n, line in enumerate(lines)]
    rows.append(f'"{HOSTILE}",0,900,9,,Ann,5000')
    content = "\n".join([f"{header},owner,worth", *rows]) + "\n"
    project.drop("sourcedata/dataset1.csv", content)
    project.drop("testdata/testdata.csv", content)
    assert project.run("fullprocess", whole=True).code in (0, 4)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        why = "chromium is not installed: make browser installs Debian's"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    with sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=os.geteuid() != 0)
        yield found
        found.close()


@pytest.fixture(scope="module")
def site(browser: Browser, installations: Installations, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    project = installations.copy(company, tmp_path_factory.mktemp("site"))
    app = create_app(project.settings)
    with serving(app) as port:
        yield f"http://127.0.0.1:{port}"
    app.extensions["rooms"].watch.stop()


@contextmanager
def opened(browser: Browser, site: str, width: int = 1280, **options: Any) -> Iterator[Page]:
    """A new window in which nothing fails and which asks nobody but the service."""
    context = browser.new_context(base_url=site, viewport={"width": width, "height": 844}, **options)
    page, faults = context.new_page(), []
    page.on("request", lambda it: faults.append(it.url) if not it.url.startswith(site) else None)
    page.on("console", lambda it: faults.append(it.text) if it.type in ("error", "warning") else None)
    page.on("pageerror", lambda it: faults.append(str(it)))
    page.set_default_timeout(20_000)
    yield page
    context.close()
    assert not faults


def rows(page: Page) -> list[str]:
    return page.locator("tbody bdi.name").all_inner_texts()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_opens_fits_and_is_accessible(browser: Browser, site: str, width: int, scheme: Any) -> None:
    with opened(browser, site, width, color_scheme=scheme) as page:
        page.goto("/")
        links = page.locator("header nav a").evaluate_all("them => them.map(it => it.getAttribute('href'))")
        client = page.locator("th a").first.get_attribute("href")
        for path in [*links, client, "/clients?q=nobody", "/docs"]:
            page.goto(path, wait_until="networkidle")
            page.locator("details").evaluate_all("them => them.forEach(it => it.open = true)")
            overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            found = Axe().run(page)

            assert overflow <= 0, path
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
            page.locator("img").evaluate_all("them => them.forEach(it => it.loading = 'eager')")
            page.evaluate("Promise.all([...document.images].map(it => it.decode()))")


def test_the_first_view_is_small_and_shows_the_first_client_on_a_phone(browser: Browser, site: str) -> None:
    with opened(browser, site, 360) as page:
        sizes: list[int] = []
        page.on("response", lambda it: sizes.append(len(it.body())))
        page.goto("/", wait_until="networkidle")

        box = page.locator("tbody tr").first.bounding_box()
        assert box
        assert box["y"] + 60 < 844
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert len(sizes) >= 4
        assert sum(sizes) <= FIRST_VIEW


def test_every_table_lies_whole_within_a_phone_and_its_cells_say_what_they_are(browser: Browser, site: str) -> None:
    with opened(browser, site, 390) as page:
        page.goto("/clients")
        client = page.locator("th a").first.get_attribute("href")
        for path in ("/model", "/data", "/runs", "/drift", "/trackrecord", "/docs", client):
            page.goto(str(path), wait_until="networkidle")
            page.locator("details").evaluate_all("them => them.forEach(it => it.open = true)")
            boxes = page.locator(".scroll").evaluate_all("them => them.map(it => it.scrollWidth - it.clientWidth)")
            said = page.locator(".stacks td.number").evaluate_all(
                "them => them.map(it => getComputedStyle(it, '::before').content)"
            )
            heights = page.locator(".stacks td").evaluate_all("them => them.map(it => it.clientHeight)")

            assert max(boxes, default=0) <= 0, path
            assert set(said).isdisjoint({"none", '""'}), path
            assert max(heights, default=0) < 200, path  # pixels: no column is squeezed to a word a line


def test_a_cell_without_a_label_has_nothing_before_it_on_a_phone(browser: Browser, site: str) -> None:
    with opened(browser, site, 390) as page:
        page.goto("/trackrecord", wait_until="networkidle")
        cells = (f'<th class="{name}"></th><td class="{name}"></td>' for name in ("", "when", "long", "number"))
        table = f'<table class="stacks"><tbody><tr>{"".join(cells)}</tr></tbody></table>'
        page.locator("main").evaluate("(it, table) => it.insertAdjacentHTML('beforeend', table)", table)
        said = (
            page.locator("main > table")
            .locator("th, td")
            .evaluate_all("them => them.map(it => getComputedStyle(it, '::before').content)")
        )

        assert said == ["none"] * 8


def test_the_rows_of_a_client_are_headed_by_labels_and_counted_in_words(browser: Browser, site: str) -> None:
    with opened(browser, site) as page:
        page.goto("/clients")
        page.locator("th a").first.click()
        heads = page.locator("[aria-labelledby=in-files] thead th").all_inner_texts()

        expect(page.locator("#in-files")).to_have_text("The newest row of this client, as the files hold it")
        assert heads == ["File", "Owner", "Activity last month", "number of employees", "Value (€ a month)", "Outcome"]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_boxes_of_owner_and_order_show_their_words_whole(browser: Browser, site: str, width: int) -> None:
    with opened(browser, site, width) as page:
        for path in ("/", "/clients"):
            page.goto(path)
            cut = page.locator("form.tools select").evaluate_all(
                """them => them.map(it => {
                    const own = it.offsetWidth;
                    it.style.cssText = 'width: auto; max-width: none';
                    return it.offsetWidth - own;
                })"""
            )

            assert len(cut) == 2
            assert max(cut) <= 0, path


@pytest.mark.parametrize(("width", "n"), [(1280, 8), (1280, 30), (390, 2), (390, 8), (390, 30)])
def test_the_sheet_of_a_client_fits_and_is_accessible(browser: Browser, tmp_path: Path, width: int, n: int) -> None:
    names = tuple(f"A column {place}" for place in range(n))
    part = SheetPart("Rows", "Of the files.", names, (tuple(f"value {place}" for place in range(n)),) * 3)
    sheet = {"client": HOSTILE, "kept": True, "made_at": "2026-11-28T13:50:00Z"}
    (tmp_path / "sheet.html").write_bytes(client_sheet.page(sheet, [part]))
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto((tmp_path / "sheet.html").as_uri())
    box, found = page.locator(".scroll").evaluate("it => it.scrollWidth - it.clientWidth"), Axe().run(page)
    page.close()

    assert box == 0
    assert found.violations_count == 0, found.generate_report()


def test_no_word_of_a_table_breaks_on_a_phone(browser: Browser, site: str) -> None:
    with opened(browser, site, 390) as page:
        page.goto("/data", wait_until="networkidle")
        page.locator(".scroll tbody td bdi").first.evaluate("it => it.textContent = 'categorical'")
        words = page.locator(".scroll tbody bdi").evaluate_all(
            "them => them.filter(it => /^\\w{2,30}$/.test(it.textContent)).map(it => [it.textContent, it.offsetHeight])"
        )

        assert {"lastmonth_activity", "numeric", "categorical"} <= {word for word, _ in words}
        assert max(height for _, height in words) < 30  # pixels: one line


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_on_the_api_is_short_and_cuts_nothing(browser: Browser, site: str, width: int) -> None:
    cut = "them => them.filter(it => it.scrollWidth > it.clientWidth + 1).map(it => it.textContent)"
    with opened(browser, site, width) as page:
        page.goto("/docs", wait_until="networkidle")
        height = page.evaluate("document.documentElement.scrollHeight")
        page.locator("details").evaluate_all("them => them.forEach(it => it.open = true)")

        assert height < {1280: 7_000, 390: 12_000}[width]  # pixels
        assert page.locator("pre, dt, dd, nav li, summary, p").evaluate_all(cut) == []


def test_a_link_to_a_schema_opens_it(browser: Browser, site: str) -> None:
    with opened(browser, site) as page:
        page.goto("/docs")
        page.get_by_role("link", name="PredictionAnswer").click()

        expect(page.locator("#schema-PredictionAnswer .inside")).to_be_in_viewport()
        expect(page.locator("#schema-ScoringAnswer .inside")).to_be_hidden()


def test_the_list_is_searched_sorted_and_filtered_in_place(browser: Browser, site: str) -> None:
    with opened(browser, site) as page:
        page.goto("/")
        page.evaluate("window.stays = true")
        everybody = rows(page)
        page.get_by_label("Clients of").select_option("Ann")
        expect(page.locator("h1")).to_contain_text("for Ann")
        owned = rows(page)
        page.get_by_label("Search").fill("script")
        expect(page.locator("tbody tr")).to_have_count(1)
        found = rows(page)
        page.get_by_label("Search").fill("")
        expect(page.locator("tbody tr")).to_have_count(len(owned))
        page.get_by_label("Sort").select_option("client")
        expect(page.locator("bdi.name").first).to_have_text(sorted(owned)[0])

        assert (len(everybody), len(owned), found) == (12, 6, [HOSTILE])
        assert page.evaluate("window.stays")
        expect(page).to_have_url(f"{site}/?owner=Ann&sort=client")
        assert page.locator("header nav a").first.get_attribute("href") == "/?owner=Ann"
        page.reload()
        assert rows(page) == sorted(owned)


def test_the_list_works_without_a_script(browser: Browser, site: str) -> None:
    with opened(browser, site, java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_label("Clients of").select_option("Ann")
        page.get_by_label("Search").fill("script")
        page.get_by_role("button", name="Apply").click()
        page.wait_for_url("**owner=Ann**")

        assert rows(page) == [HOSTILE]


def test_a_client_is_opened_and_asked_what_if(browser: Browser, site: str) -> None:
    with opened(browser, site) as page:
        page.goto("/clients")
        page.get_by_label("Search").fill("script")
        page.get_by_role("link", name="<script>").click()
        expect(page.locator("h1")).to_have_text(HOSTILE)
        page.get_by_label("Activity last month").fill("4000")
        answer = page.locator(".what-if .answer")
        expect(answer).to_contain_text("The model would state")
        calm = answer.inner_text()
        page.get_by_label("Activity last month").fill("0")

        expect(answer).not_to_have_text(calm)
        page.get_by_role("button", name="Back to the figures").click()
        expect(answer).to_have_text("")


def test_a_what_if_says_what_no_trained_row_has_and_ranks_among_the_clients(browser: Browser, site: str) -> None:
    with opened(browser, site) as page:
        page.goto("/")
        page.locator("th a").first.click()
        among = int(re.sub("[^0-9]", "", page.locator("dt", has_text="rank among").inner_text()))
        answer, field = page.locator(".what-if .answer"), page.get_by_label("Activity last month")
        field.fill("1000000")
        expect(answer).to_contain_text("Activity last month is 1,000,000, outside the trained range of ")
        rank = int(re.sub("[^0-9]", "", answer.inner_text().split("rank")[1].split(".")[0]))

        assert rank == among
        field.fill("1e400")
        expect(answer).to_have_text("Activity last month: expected a number.")


def test_a_wrong_figure_of_a_what_if_is_named_by_its_label(browser: Browser, site: str) -> None:
    wrong = {"clients": [{"lastmonth_activity": -1, "number_of_employees": 3}]}
    with opened(browser, site) as page:
        page.goto("/")
        page.locator("th a").first.click()
        refusal = page.request.post("/prediction", data=wrong).json()
        page.evaluate("told => { window.fetch = async () => ({ok: false, json: async () => told}) }", refusal)
        page.get_by_label("Activity last month").fill("-1")

        assert refusal["detail"].startswith("row 0: lastmonth_activity: ")
        expect(page.locator(".what-if .answer")).to_have_text(re.compile("^Activity last month: expected a number"))


def test_a_contact_is_recorded_and_shown(browser: Browser, site: str) -> None:
    with opened(browser, site) as page:
        page.goto("/")
        page.locator("th a").first.click()
        page.get_by_label("What came of it").select_option("undecided")
        page.get_by_label("Note").fill("Asks for <b>time</b>.")
        page.get_by_role("button", name="Record").click()

        expect(page.locator(".contacts")).to_contain_text("Asks for <b>time</b>.")


def test_the_list_is_downloaded_in_every_form(browser: Browser, site: str, tmp_path: Path) -> None:
    with opened(browser, site, accept_downloads=True) as page:
        page.goto("/")
        links = page.locator(".downloads a")
        found = {it.inner_text(): it.get_attribute("href") for it in links.all()}
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").click()
        download.value.save_as(tmp_path / "list.csv")
        contents = {name: page.request.get(str(path)).body()[:4] for name, path in found.items()}

        assert (tmp_path / "list.csv").read_text().startswith("rank,client,")
        assert {name: it for name, it in contents.items() if name != "CSV"}.items() <= {
            "PDF": b"%PDF",
            "Excel": b"PK\x03\x04",
        }.items()
        assert {"CSV", "PDF"} <= set(found)
