from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.disk import files, journal, paths
from risk.lists import call_list
from risk.report import spreadsheet, tables
from risk.service.pages import INSTEAD
from risk.service.responses import SHOWN
from risk.settings.settings import load
from tests.installation import HOSTILE, deploy, lay_out, report, snapshot

LISTED = [("acme", 0.9), (HOSTILE, 0.7)]
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
PATHS = ["/", "/clients", "/clients/acme%2C%20inc.", "/model", "/drift", "/data", "/runs"]
PLOT = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
FEATURES = [["activity", "size", "sector"], [3, 10, "bank"], [90, None, HOSTILE], [1, 2, None], [4, 5, "retail"]]


class Page(HTMLParser):
    """The start tags of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, name: str) -> list[str]:
        """Return every value of an attribute."""
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]


def call(rank: int, name: str, risk: float, **facts: Any) -> dict[str, Any]:
    told = {"rank": rank, "client": name, "risk": risk, "prediction": 1, "owner": "Ann", "value": 100.0}
    return told | {"value_at_risk": 100 * risk, "period": "2026-08", "reasons": ["activity 3"]} | facts


NOT_REACHED = {"date": "2026-11-03", "result": "not reached", "opinion": "", "note": ""}
RISEN = {"move": "risen", "previous_risk": 0.2, "moved_by": "the client changed"}
CALLS = [
    call(1, "acme, inc.", 0.9, move="new", renewal="2026-12-18", renews_in_days=21, next_step="Offer the yearly plan"),
    call(2, HOSTILE, 0.7, owner="Bob", value_at_risk=5_000.0, changed=["activity fell"], contact=NOT_REACHED),
    call(3, "=1+1", 0.4, owner=None, control=True, **RISEN),
]


def client_of(root: Path, *, is_deployed: bool = False, **changes: Any) -> FlaskClient:
    settings = lay_out(root)
    if is_deployed:
        deploy(settings, "1-aa")
    folder = report(settings, "1", "1-aa")
    shown = json.loads((folder / paths.SNAPSHOT).read_bytes()) | changes
    (folder / paths.SNAPSHOT).write_bytes(files.as_json(shown))
    (folder / paths.CLIENT_FEATURES).write_text("".join(f"{json.dumps(row)}\n" for row in FEATURES))
    (folder / "roc.svg").write_bytes(PLOT)
    return create_app(settings).test_client()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    found = client_of(tmp_path_factory.mktemp("pages") / "root", is_deployed=True, call_list=CALLS, as_of="2026-11-27")
    yield found
    found.application.extensions["rooms"].watch.stop()


def page(client: FlaskClient, path: str = "/") -> Page:
    answer = client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (200, "text/html"), answer.text
    return Page(answer.text)


def names(found: Page) -> list[str]:
    """Return the clients whom a page lists, in its order."""
    places = (place for tag, attributes in found.tags if tag == "a" and (place := attributes.get("href") or ""))
    return [place for place in places if place.startswith("/clients/")]


@pytest.mark.slow
def test_the_list_says_how_things_stand_and_why_to_call(tmp_path: Path) -> None:
    calls = [*CALLS, call(4, "zeta//one", 0.3)]
    found = page(client_of(tmp_path, call_list=calls, expected_leavers={"mean": 2.3, "low": 1.0, "high": 3.0}))

    told = " ".join(found.text.split())
    assert (
        "3 to call this week, 1 new; 1 more is a control, not to be called. About 2 of those to call are expected to"
        in told
    )
    assert "leave without a call (90 % interval: 1 to 3); 17 € are at risk." in told
    for words in ("very high 90 %", "activity 3", "renews in 21 days", "▲ risen from 20 %", "control: do not call"):
        assert words in told
    for words in ("Offer the yearly plan", "activity fell", "2026-11-03: not reached"):
        assert words in told


@pytest.mark.slow
@pytest.mark.parametrize(("day", "result", "n"), [("2026-11-20", "reached", 2), ("2026-07-01", "stays", 3)])
def test_a_client_who_was_called_long_ago_is_to_be_called_again(day: str, result: str, n: int, tmp_path: Path) -> None:
    last = {"date": day, "result": result, "opinion": "", "note": ""}
    calls = [CALLS[0] | {"contact": last}, *CALLS[1:]]

    found = page(client_of(tmp_path, call_list=calls, as_of="2026-11-27"), "/?show=uncalled")

    assert len(names(found)) == n


@pytest.mark.slow
def test_fields_that_a_set_lacks_are_not_shown(tmp_path: Path) -> None:
    found = page(client_of(tmp_path)).text

    assert "acme, inc." in found
    for word in ("Last contact", "renews", "Excel", "Changed", "List of"):
        assert word not in found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "first", "n"),
    [
        ("", "acme", 3),
        ("?owner=Bob", "%3Cscript", 1),
        ("?owner=%E2%80%93", "%3D1%2B1", 1),
        ("?q=ACME", "acme", 1),
        ("?q=bob", "%3Cscript", 1),
        ("?q=nobody", None, 0),
        ("?sort=value_at_risk", "%3Cscript", 3),
        ("?sort=client", "%3Cscript", 3),
        ("?sort=renewal", "acme", 3),
        ("?show=new", "acme", 1),
        ("?show=risen", "%3D1%2B1", 1),
        ("?show=renews", "acme", 1),
        ("?show=uncalled", "acme", 3),
        ("?page=99", "acme", 3),
    ],
)
def test_the_list_is_searched_sorted_and_filtered_by_its_address(
    client: FlaskClient, query: str, first: str | None, n: int
) -> None:
    found = names(page(client, f"/{query}"))

    assert len(found) == n
    assert first is None or found[0].startswith(f"/clients/{first}")


def test_the_owner_of_the_address_stays_in_the_links(client: FlaskClient) -> None:
    places = page(client, "/?owner=Bob&q=x").all("href")

    assert {"/?owner=Bob", "/clients?owner=Bob", "/?owner=Bob&q=x&show=new"} & set(places)
    assert all("owner=Bob" in place for place in places if place.startswith("/?") and "q=x" in place)


@pytest.mark.parametrize("query", ["sort=x", "show=x", "page=x", "Owner=Ann", "sort=rank&sort=rank"])
def test_an_address_that_asks_for_the_unknown_is_told_on_a_page(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/?{query}", headers=BROWSER)

    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert "Back to the list" in answer.text


@pytest.mark.parametrize("path", ["/nope", "/clients/nobody", "/docs"])
def test_a_page_of_an_error_and_that_of_the_api_look_like_the_others(client: FlaskClient, path: str) -> None:
    found, usual = Page(client.get(path, headers=BROWSER).text), page(client)
    links = [place for place in usual.all("href") if place in {"/", *INSTEAD, "/model", "/drift", "/data", "/runs"}]

    assert set(links) <= set(found.all("href"))
    assert found.all("aria-current") == (["page"] if path.startswith(("/clients", "/docs")) else [])
    assert [tag for tag, _ in found.tags].count("h1") == 1


def test_the_page_of_an_error_says_a_sentence_where_programs_get_a_detail(client: FlaskClient) -> None:
    told, found = client.get("/nope").json, client.get("/nope", headers=BROWSER).text

    assert told
    assert told["detail"] == "nothing is at this path; /docs lists the endpoints"
    assert "<bdi>Nothing is at this path; /docs lists the endpoints.</bdi></h1>" in found


def test_all_clients_are_found_by_the_same_tools(client: FlaskClient) -> None:
    found = [names(page(client, f"/clients{query}")) for query in ("", "?owner=Ann&q=zeta", "?sort=client")]

    assert [len(it) for it in found] == [4, 1, 4]
    assert found[1] == ["/clients/zeta%2F%2Fone"]
    assert found[2][-1] == "/clients/zeta%2F%2Fone"


@pytest.mark.parametrize("path", ["/clients", "/clients/acme%2C%20inc."])
def test_programs_get_json_where_browsers_get_a_page(client: FlaskClient, path: str) -> None:
    accepted = {
        "*/*": "json",
        "application/json": "json",
        "text/html": "html",
        "application/json, text/html;q=0.5": "json",
    }

    for accept, kind in accepted.items():
        answer = client.get(path, headers={"Accept": accept})
        assert kind in answer.mimetype, accept
    assert "Accept" in client.get(path, headers=BROWSER).headers["Vary"]
    assert client.get("/clients.json", headers=BROWSER).json == client.get("/clients").json


def test_json_of_clients_is_searched_and_paged_too(client: FlaskClient) -> None:
    found, second = client.get("/clients?q=zeta").json, client.get("/clients?limit=2&page=2&sort=rank").json

    assert [it["client"] for it in found["clients"]] == ["zeta//one"]
    assert [it["rank"] for it in second["clients"]] == [3, 4]


def test_page_or_offset_say_where_to_begin_and_the_default_of_the_other_may_be_sent(client: FlaskClient) -> None:
    by_page, by_offset = (client.get(f"/clients?limit=2&{it}") for it in ("page=2&offset=0", "page=1&offset=2"))
    both = client.get("/clients?limit=2&page=2&offset=2")

    assert [[it["rank"] for it in found.json["clients"]] for found in (by_page, by_offset)] == [[3, 4]] * 2
    assert (both.status_code, both.json["field"]) == (422, "page")


def test_a_client_has_a_page_with_reasons_figures_and_contacts(client: FlaskClient) -> None:
    found = page(client, f"/clients/{HOSTILE.replace('/', '%2F')}")

    told = {attributes.get("name"): attributes.get("value") for tag, attributes in found.tags if tag == "input"}
    assert (told["activity"], told["size"], told["sector"]) == ("90", "", HOSTILE)
    for words in ("high", "70 %", "activity 3", "activity fell", "2026-11-03: not reached"):
        assert words in " ".join(found.text.split())


@pytest.fixture(scope="module")
def euros(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A service whose values are in euros, and one of whose columns has a label."""
    schema = snapshot("1-aa", LISTED)["schema"] | {"value": "worth", "currency": "€", "owner": "manager"}
    schema |= {"labels": {"activity": ["Activity", "hours"]}, "features": {"activity": "numeric"}}
    columns = {"mean": 100.0, "median": 90.0, "standard_deviation": 5.0}
    statistics = {"n_rows": 30, "columns": {"worth": columns, "activity": columns}}
    told = {"schema": schema, "statistics": statistics, "missing_percent": {"worth": 0.0, "activity": 0.0}}
    money = {"currency": "€", "listed": 1.0, "everyone": 2.0, "owners": []}
    found = client_of(tmp_path_factory.mktemp("euros") / "root", call_list=CALLS, money=money, **told)
    yield found
    found.application.extensions["rooms"].watch.stop()


def shown_text(client: FlaskClient, path: str) -> str:
    """The text of a page, a blank between any two of its parts."""
    return " ".join(re.sub("<[^>]*>", " ", client.get(path, headers=BROWSER).text).split())


def test_every_value_has_its_currency(euros: FlaskClient) -> None:
    listed, everyone, one = (shown_text(euros, path) for path in ("/", "/clients", "/clients/acme%2C%20inc."))

    assert "5,000 € of 100 €" in listed
    assert "9 € 10 €" in everyone
    assert "at risk of a value of 10 € 9 €" in one


def test_columns_are_told_by_label_and_by_what_they_are_taken_for(euros: FlaskClient) -> None:
    told = shown_text(euros, "/data")

    assert told.count("Columns of the 30 rows with a known outcome") == 2  # the heading, and the name of its table
    assert "worth Value (€) numeric 100.0" in told
    assert "activity Activity (hours) numeric 100.0" in told
    assert "Already in or replaced" in told
    assert "Known" not in told


@pytest.mark.slow
def test_the_heading_of_the_track_record_is_one_sentence(tmp_path: Path) -> None:
    record = {"sentence": "Of the 40 on the list, 30 left. Random: 2 %. The list said 30 to 38."}
    text = client_of(tmp_path, track_record=record).get("/trackrecord", headers=BROWSER).text

    assert "<bdi>Of the 40 on the list, 30 left.</bdi></h1>" in text
    assert "<bdi>Random: 2 %. The list said 30 to 38.</bdi></p>" in text


def test_a_run_without_a_check_for_drift_does_not_say_that_none_was_ever_needed(client: FlaskClient) -> None:
    assert "The last run did not look for a change" in page(client, "/drift").text


@pytest.mark.slow
def test_a_first_model_that_waits_is_told_once_and_no_empty_list_is_offered(tmp_path: Path) -> None:
    gate = dict.fromkeys(("gain", "z", "capture_difference"), 1.0) | {"outcome": "deploy", "against": "base rate"}
    gate |= {"n_rows": 10, "leavers": 5, "sentence": "It is better."}
    waits = {"since": "2026-11-28T13:50:00Z", "against": "base rate", "said": "It waits.", "gate": gate}
    decision = {"reason_to_train": None, "scan": None, "gate": gate, "sentence": "It is better."}
    told = {"release": None, "scores": None, "waiting": waits, "decision": decision, "call_list": []}
    found = client_of(tmp_path, as_of="2026-11-28", **told)
    (tmp_path / "models/reports/1" / paths.CALL_LIST).write_bytes(b"rank,client")
    index, model = (page(create_app(load(tmp_path / "config.json")).test_client(), it) for it in ("/", "/model"))

    assert found.get("/model", headers=BROWSER).text.count("Is the new model better") == 1
    assert "A model waits for approval (since 2026-11-28)" in model.text
    assert "List of" not in index.text
    assert not {"/calllist.csv", "/calllist.xlsx"} & set(index.all("href"))


def test_the_form_of_contacts_fits_the_endpoint(client: FlaskClient) -> None:
    found = page(client, "/clients/zeta%2F%2Fone")

    fields = {it for it in found.all("name") if it in ("client", "date", "result", "opinion", "note")}
    assert fields == {"client", "date", "result", "opinion", "note"}
    sent = {"client": "zeta//one", "date": "2026-11-20", "result": "undecided", "opinion": "unsure", "note": "later"}
    assert client.post("/outcomes", data=sent).status_code == 303
    assert "later" in page(client, "/clients/zeta%2F%2Fone").text


@pytest.mark.parametrize("path", PATHS)
def test_client_text_is_never_markup_and_nothing_is_inline_or_from_elsewhere(client: FlaskClient, path: str) -> None:
    found = page(client, path)

    places = [*found.all("href"), *found.all("src"), *found.all("action")]
    assert [attributes for tag, attributes in found.tags if tag == "script"] == [
        {"src": "/static/app.js", "defer": None}
    ]
    assert not {name for _, attributes in found.tags for name in attributes if name == "style" or name.startswith("on")}
    assert "style" not in {tag for tag, _ in found.tags}
    assert all(re.match(r"[/#]", place) for place in places)


@pytest.mark.parametrize("path", PATHS)
def test_pages_have_one_title_labels_captions_and_no_id_twice(client: FlaskClient, path: str) -> None:
    found = page(client, path)

    tags, ids = [tag for tag, _ in found.tags], found.all("id")
    linked = {place[1:] for place in found.all("href") if place[:1] == "#"}
    assert len(ids) == len(set(ids))
    assert set(found.all("aria-labelledby")) | linked <= set(ids)
    assert tags.count("table") == tags.count("caption")
    assert all("scope" in attributes for tag, attributes in found.tags if tag == "th")
    assert tags.count("h1") == found.all("aria-current").count("page") == 1


def test_every_page_of_the_navigation_is_there(client: FlaskClient) -> None:
    places = [
        place for place in page(client).all("href") if place in {"/", *INSTEAD, "/model", "/drift", "/data", "/runs"}
    ]

    assert {"/", "/clients", "/model", "/drift", "/data", "/runs"} <= set(places)
    for place in set(places):
        page(client, place)


def test_plots_are_served_by_name_and_nothing_else_is(client: FlaskClient) -> None:
    plot = client.get("/figures/roc.svg")
    others = [client.get(f"/figures/{name}").status_code for name in ("x.svg", "snapshot.json", "..%2Froc.svg")]

    assert (plot.data, plot.mimetype) == (PLOT, "image/svg+xml")
    assert "default-src 'none'" in plot.headers["Content-Security-Policy"]
    assert "sandbox" in plot.headers["Content-Security-Policy"]
    assert others == [404] * 3
    assert "/figures/roc.svg" in page(client, "/model").all("src")


@pytest.mark.slow
def test_the_workbook_is_served_where_the_set_holds_it(tmp_path: Path) -> None:
    found = client_of(tmp_path)
    before = found.get("/calllist.xlsx").status_code
    (tmp_path / "models/reports/1" / paths.CALL_LIST_EXCEL).write_bytes(b"PK")

    again = create_app(load(tmp_path / "config.json")).test_client()
    after = again.get("/calllist.xlsx")

    assert (before, after.status_code, after.data) == (503, 200, b"PK")
    assert "Excel" in page(again).text


@pytest.mark.slow
def test_the_downloads_of_an_owners_list_hold_the_calls_of_this_owner(tmp_path: Path) -> None:
    client_of(tmp_path, call_list=CALLS)
    for name in (paths.CALL_LIST, paths.CALL_LIST_EXCEL):
        (tmp_path / "models/reports/1" / name).write_bytes(b"whole")
    found = create_app(load(tmp_path / "config.json")).test_client()

    links = [it for it in page(found, "/?owner=Bob").all("href") if it.startswith(("/calllist", "/report"))]
    mine, none = (found.get(f"/calllist.csv?owner={name}").text.splitlines() for name in ("Bob", "–"))
    sheet = found.get("/calllist.xlsx?owner=Bob")

    bobs = [it for it in CALLS if it["owner"] == "Bob"]
    assert links == ["/calllist.csv?owner=Bob", "/calllist.xlsx?owner=Bob", "/report"]
    assert "PDF (whole report)" in page(found, "/?owner=Bob").text
    assert mine == call_list.calls_csv(bobs).decode().splitlines()
    assert none[0] == mine[0]
    assert none[1].startswith("3,'=1+1,")
    assert sheet.data == spreadsheet.workbook(bobs, None)
    assert [found.get(f"/calllist.{kind}").data for kind in ("csv", "xlsx")] == [b"whole"] * 2
    assert found.get("/calllist.csv?q=acme").status_code == 422


PAST = {"value_left": 90.0, "value_expected": 50.0, "value_low": 40.0, "value_high": 60.0}
BROKEN_PROMISE = {
    "orders": {
        **dict.fromkeys(("n_rows", "n_leavers", "acceptance", "call_cost", "difference", "low", "high"), 1.0),
        **dict.fromkeys(("first_period", "last_period")),
        "orders": [{"order": it, "n_listed": 4, "n_left": 2, "saved": 9.0} | PAST for it in ("risk", "expected gain")],
    },
    "money": {"currency": None, "listed": 50.0, "everyone": 90.0, "owners": []},
    "capacity": {"calls_per_week": 9, "per": "all", "order": "risk"},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"release": None, "scores": None}, "No release yet."),
        ({"release": snapshot("1-aa", LISTED)["release"] | {"provisional": True}}, "This release is provisional."),
        ({"release": snapshot("1-aa", LISTED)["release"] | {"forced": HOSTILE}}, f"that was given: {HOSTILE}"),
        ({"call_list": []}, "There is nobody to call"),
        ({"warnings": ["look at this"]}, "look at this"),
        ({"held": ["odd.csv"]}, "ingestion.py --release NAME"),
        (BROKEN_PROMISE, "On the newest outcomes such a list held 50 at risk by the same reckoning"),
        ({"expected": {"every": "1 day", "last_arrival": "2026-11-01T00:00:00+00:00", "due": 1.0}}, "No new data."),
    ],
)
def test_the_page_says_what_is_special(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    assert told in page(client_of(tmp_path / "special", **changes)).text
    assert told not in page(client_of(tmp_path / "usual")).text


@pytest.mark.slow
def test_the_page_of_an_owner_does_not_say_what_lists_of_everybody_brought(tmp_path: Path) -> None:
    found = client_of(tmp_path, **BROKEN_PROMISE)

    assert "On the newest outcomes" in page(found, "/").text
    assert "On the newest outcomes" not in page(found, "/?owner=Bob").text


@pytest.mark.slow
def test_a_failed_run_is_said_on_every_page(tmp_path: Path) -> None:
    found = client_of(tmp_path)
    path = tmp_path / "production_deployment" / paths.JOURNAL
    files.make_folder(path.parent)
    runs = {"deployed": {}, journal.FAILED: {"error": "disk <full>"}}
    for number, (outcome, facts) in enumerate(runs.items(), 1):
        journal.append(path, {"kind": "run", "run": number, "outcome": outcome} | facts)

    for place in PATHS:
        told = " ".join(page(found, place).text.split())
        assert "The last run failed just now: disk <full>. The last successful run was just now" in told, place


@pytest.mark.slow
def test_a_silent_pipeline_is_said(tmp_path: Path) -> None:
    found = client_of(tmp_path)
    lock = tmp_path / "production_deployment" / paths.LOCK
    files.make_folder(lock.parent)
    files.write(lock, b"")
    quiet = page(found).text
    os.utime(lock, (time.time() - 3 * 86_400,) * 2)

    assert "Nobody has looked for new data" not in quiet
    assert "Nobody has looked for new data for 3 days." in page(found).text


@pytest.mark.slow
@pytest.mark.parametrize("listed", ["0-bb", "2-bb"])
def test_a_list_of_another_release_is_said_whichever_is_the_later(tmp_path: Path, listed: str) -> None:
    found = client_of(tmp_path, is_deployed=True, release=snapshot(listed, LISTED)["release"])

    told = " ".join(page(found).text.split())
    assert f"The list is of another release, {listed}. Release 1-aa predicts now" in told
    assert "earlier" not in told


@pytest.mark.slow
def test_pages_before_the_first_run_say_what_to_do(tmp_path: Path) -> None:
    bare = create_app(lay_out(tmp_path)).test_client()

    for path in PATHS:
        assert "no run has made a report" in page(bare, path).text


@pytest.mark.slow
def test_long_lists_are_cut_with_the_troubled_sources_first(tmp_path: Path) -> None:
    shown = snapshot("1-aa", LISTED)
    source = shown["dataset"]["sources"][0]
    shown["dataset"]["sources"] = [source | {"path": f"{n}.csv"} for n in range(90)] + [source | {"state": "refused"}]
    calls = [call(rank, f"c{rank}", 0.5) for rank in range(1, 251)]

    listed = tables.sources(shown, SHOWN["sources"])
    found = client_of(tmp_path, dataset=shown["dataset"], call_list=calls)

    assert (len(listed.rows), listed.n_more) == (SHOWN["sources"], 91 - SHOWN["sources"])
    assert listed.rows[0][-1].startswith("refused")
    assert listed.rows[1][0] == "89.csv"
    assert [len(names(page(found, path))) for path in ("/", "/?page=3")] == [100, 50]


@pytest.mark.slow
def test_names_of_any_length_are_clipped_on_pages(tmp_path: Path) -> None:
    found = client_of(tmp_path, call_list=[call(1, "x" * 10_000, 0.9, owner="o" * 10_000)])

    assert "x" * 200 not in page(found).text
    assert len(page(found).text) < 10_000


def test_a_list_by_expected_gain_is_shown_and_downloaded_in_its_order(tmp_path: Path) -> None:
    facts = [{"expected_gain": 80.5, "gain_rank": 1}, {"expected_gain": 7.0, "gain_rank": 2}]
    calls = [CALLS[1] | facts[0], CALLS[0] | facts[1], CALLS[2] | {"expected_gain": None, "gain_rank": None}]
    by_gain: dict[str, Any] = {
        "calls_per_week": 9,
        "per": "all",
        "order": "expected gain",
        "acceptance": 0.5,
        "call_cost": 2.0,
    }
    told = {"listed": 87.5, "n_left_over": 3, "n_losing": 4, "n_without_value": 1, "typical_value": 9.0}
    expected = {"mean": 1.5, "low": 0, "high": 3}
    client_of(
        tmp_path,
        expected_leavers=expected,
        call_list=calls,
        capacity=by_gain,
        list={"expected_gain": told, "previous": None},
    )
    (tmp_path / "models/reports/1" / paths.CALL_LIST).write_bytes(b"whole")
    shown = create_app(load(tmp_path / "config.json")).test_client()

    usual, by_risk, csv = (shown.get(path, headers=BROWSER) for path in ("/", "/?sort=rank", "/calllist.csv?owner=Ann"))

    def names(page: Any) -> list[str]:
        return [it for it in Page(page.text).all("href") if it.startswith("/clients/")]

    assert names(usual)[0] != names(by_risk)[0] == "/clients/acme%2C%20inc."
    assert names(usual)[-1] == names(by_risk)[-1]  # without a value, and at the lowest risk
    assert "Highest expected gain first" in usual.text
    assert "the calls are expected to gain 88" in usual.text.replace("The", "the")
    assert "4 other clients are not worth a call; 3 calls are left over." in usual.text
    assert csv.text.splitlines()[0].endswith(",control,expected_gain,gain_rank")
    assert shown.get("/?sort=expected_gain", headers=BROWSER).status_code == 200
    assert shown.get("/clients?sort=expected_gain", headers=BROWSER).status_code == 422
    assert "expected gain of a call" in shown.get("/clients/acme%2C%20inc.", headers=BROWSER).text


def test_the_ranks_of_a_list_by_gain_without_any_value_are_those_by_risk(tmp_path: Path) -> None:
    gone = {"value": None, "value_at_risk": None, "expected_gain": None, "gain_rank": None}
    capacity = {"calls_per_week": 9, "per": "all", "order": "expected gain", "acceptance": 0.5, "call_cost": 2.0}
    told = {"listed": None, "n_left_over": 0, "n_losing": 0, "n_without_value": 3, "typical_value": None}
    changes = {"capacity": capacity, "list": {"expected_gain": told, "previous": None}}

    found = client_of(tmp_path, call_list=[it | gone for it in CALLS], **changes).get("/", headers=BROWSER).text

    assert re.findall(r'class="number rank">([^<]*)<', found) == ["1", "2", "3"]
    assert "none of the 3 clients has a value: it goes by risk." in found


def test_the_list_begins_with_the_next_renewal_and_ends_with_past_ones_told_as_past(tmp_path: Path) -> None:
    days = {"past": -40, "lately": -1, "today": 0, "soon": 9, "unknown": None}
    calls = [
        call(rank, name, 0.9 - rank / 10, renews_in_days=it, renewal=it and f"2026-{rank:02}-01")
        for rank, (name, it) in enumerate(days.items(), 1)
    ]

    found = page(client_of(tmp_path, call_list=calls, as_of="2026-11-27"), "/?sort=renewal")

    assert names(found) == [f"/clients/{name}" for name in ("today", "soon", "lately", "past", "unknown")]
    told = " ".join(found.text.split())
    assert all(words in told for words in ("renews today", "renews in 9 days", "renewed 1 day ago", "40 days ago"))


@pytest.mark.slow
def test_a_plot_is_named_without_a_full_stop_before_the_colon(client: FlaskClient) -> None:
    found = [it for it in page(client, "/model").all("alt") if it]

    assert found
    assert not [it for it in found if ".:" in it]


@pytest.mark.slow
def test_all_clients_are_sorted_and_filtered_by_their_next_renewal(tmp_path: Path) -> None:
    renewals = ["2026-12-20", "2026-11-26", None, "2026-11-27"]
    shown = client_of(tmp_path, as_of="2026-11-27", renewals=renewals)

    def clients(query: str) -> list[str]:
        return [it["client"] for it in shown.get(f"/clients.json?{query}").json["clients"]]

    first, second, third, fourth = clients("")
    assert clients("sort=renewal") == [fourth, first, second, third]
    assert clients("show=renews") == [first, fourth]
    assert clients("show=renews&sort=renewal") == [fourth, first]
    assert shown.get("/clients?show=new", headers=BROWSER).status_code == 422
    whole, soon = (page(shown, path).text for path in ("/clients?sort=renewal", "/clients?show=renews"))
    assert ("renews today" in whole, "renews in 23 days" in whole, "ago" in whole) == (True, True, False)
    assert "2 clients" in soon


def test_without_renewals_all_clients_are_not_asked_for_them(client: FlaskClient) -> None:
    text = page(client, "/clients").text

    assert "Renews soon" not in text
    assert "Next renewal first" not in text
