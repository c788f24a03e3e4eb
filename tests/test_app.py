from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app import create_app
from risk.disk import files, journal, paths
from risk.lists import list_history
from risk.lists.list_files import ListFacts
from risk.registry import releases
from risk.service import security
from risk.service.requests import MAX_BODY
from risk.settings.settings import Settings, load
from tests.installation import HOSTILE, deploy, lay_out, report, snapshot
from tests.service.test_server import serving

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ["/scoring", "/summarystats", "/diagnostics", "/clients", "/history", "/releases", "/report"]
TOKEN = "a-secret-of-at-least-32-characters"
ONE = {"activity": 3, "size": 10, "sector": "bank", "company": "acme"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = lay_out(tmp_path_factory.mktemp("installation") / "root")
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    return settings


def client_of(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[FlaskClient]:
    yield from client_of(settings)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[FlaskClient]:
    yield from client_of(lay_out(tmp_path))


@pytest.mark.slow
def test_a_body_in_chunks_is_never_read_in_part(client: FlaskClient) -> None:
    def sent(n_rows: int) -> Any:
        body = io.BytesIO(b"[" + b",".join([b'{"activity": 3, "size": 10, "sector": "bank"}'] * n_rows) + b"]")
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        return client.post("/prediction", input_stream=body, content_type="application/json", environ_overrides=chunked)

    assert len(sent(3).get_json()["predictions"]) == 3
    assert "larger than" in problem_of(sent(400_000), 413)["detail"]


def test_a_body_that_a_server_cannot_read_is_a_bad_request(client: FlaskClient) -> None:
    class Broken:
        def read(self, *_: int) -> bytes:
            raise ArithmeticError("invalid chunk size")

    environ = EnvironBuilder(path="/prediction", method="POST", content_type="application/json").get_environ()
    environ |= {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": Broken()}
    content, status, _ = run_wsgi_app(client.application, environ)

    assert status == "400 BAD REQUEST"
    assert b"the chunks of the body are not those of HTTP" in b"".join(content)


def problem_of(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    told: dict[str, Any] = answer.json
    assert set(told) >= {"type", "title", "status", "detail"}
    assert told["status"] == status
    return told


@pytest.mark.slow
@pytest.mark.parametrize("path", FIGURES)
def test_figures_before_the_first_run_say_what_to_do(bare: FlaskClient, path: str) -> None:
    told = problem_of(bare.get(path), 503)

    assert told["detail"] == "no model is deployed; run fullprocess.py"


@pytest.fixture
def kept(settings: Settings) -> Iterator[None]:
    """Keep a list of each of two days, of two clients one of whom left since; they are gone after the test."""
    folder, noted = settings.models / paths.LISTS, {}
    for run, day in enumerate(("2026-07-01", "2026-07-08"), 1):
        rows = pd.DataFrame({"rank": [1, 2], "client": ["acme, inc.", "left/1"], "risk": [0.91237, 0.5], "open": True})
        rows = list_history.rows_of(rows.assign(value=[None, 2.5], period="2026-06"), [{"client": "acme, inc."}])
        (it,) = list_history.keep(folder, [(ListFacts(day, run, 100), rows)], noted, run)
        noted |= {it.digest: day}
    yield
    files.remove(folder)


@pytest.mark.usefixtures("kept")
def test_a_client_is_answered_with_what_each_list_said(client: FlaskClient) -> None:
    told = client.get("/clients/acme, inc.").json

    said = {"replayed": False, "rank": 1, "risk": 0.9124, "value": None, "period": "2026-06", "on_list": True}
    assert told["history"] == [{"as_of": day, "control": False} | said for day in ("2026-07-01", "2026-07-08")]


@pytest.mark.usefixtures("kept")
def test_a_client_who_left_still_has_a_history(client: FlaskClient) -> None:
    told = client.get("/clients/left%2F1/history").json

    assert (told["client"], [it["rank"] for it in told["history"]]) == ("left/1", [2, 2])
    problem_of(client.get("/clients/left%2F1"), 404)
    problem_of(client.get("/clients/nobody/history"), 404)


@pytest.mark.slow
def test_the_track_record_is_that_of_the_newest_report(settings: Settings, client: FlaskClient) -> None:
    problem_of(client.get("/trackrecord"), 503)  # the set of an older program has none
    record = {"lists": [], "sentence": "No list has been graded yet.", "leavers": []}
    listed = [("acme, inc.", 0.9)]

    report(settings, "7", "1-aa", listed, shown=snapshot("1-aa", listed) | {"track_record": record})
    client.application.extensions["rooms"].watch.poll()

    assert client.get("/trackrecord").json == record
    report(settings, "1", "1-aa")
    client.application.extensions["rooms"].watch.poll()


def test_a_prediction_before_the_first_run_says_what_to_do(bare: FlaskClient) -> None:
    told = problem_of(bare.post("/prediction", json=[ONE]), 503)

    assert told["detail"] == "no model is deployed; run fullprocess.py"


@pytest.mark.slow
def test_page_and_health_answer_before_the_first_run(bare: FlaskClient) -> None:
    page, health = bare.get("/"), bare.get("/health")

    assert (page.status_code, health.status_code) == (200, 503)
    assert "fullprocess.py" in page.text
    assert (health.json["status"], health.json["release"]) == ("no model", None)
    assert len(health.json["instance"]) == 16


def test_a_prediction_answers_in_the_order_of_the_request(client: FlaskClient) -> None:
    rows = [ONE | {"activity": 90}, ONE | {"company": None, "size": None}]

    told = client.post("/prediction", json={"clients": rows}).json

    assert list(told) == ["release", "threshold", "predictions", "risks", "ranks", "clients", "bands", "warnings"]
    assert (told["predictions"], told["clients"]) == ([0, 1], ["acme", None])
    assert told["risks"][0] < 0.1 < 0.9 < told["risks"][1]
    assert told["ranks"] == [5, 1]


def test_all_forms_of_the_same_clients_give_the_same_risks(client: FlaskClient, settings: Settings) -> None:
    content = (settings.holdout / "testdata.csv").read_bytes()
    rows = [{"activity": n, "size": n * 2, "sector": "retail"} for n in range(30)]

    file = client.post("/prediction", json={"filepath": "testdata/testdata.csv"}).json
    csv = client.post("/prediction", data=content, content_type="text/csv; charset=utf-8").json
    bare = client.post("/prediction", json=rows).json

    assert file == csv
    assert file["clients"] == [f"c{n}" for n in range(30)]
    assert file["risks"] == csv["risks"] == bare["risks"]


NUMBERS = ["7", "007", "123456789012345678901234567890", "0"]


def test_an_id_is_a_number_or_text_and_never_guessed(tmp_path: Path) -> None:
    settings = lay_out(tmp_path)
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa", [(name, 0.9 - n / 10) for n, name in enumerate(NUMBERS)])
    asked = ["7", '"7"', '"007"', NUMBERS[2], f'"{NUMBERS[2]}"', "-0", "0"]

    with contextmanager(client_of)(settings) as client:
        found = [ids_of(client, it) for it in asked]
        refused = [ids_of(client, it) for it in ("7.0", "1e0", "-0.0", "true", "null", "9" * 5000, '" 7"', '"7.0"')]

    assert [it.json["clients"] for it in found] == [["7"], ["7"], ["007"], [NUMBERS[2]], [NUMBERS[2]], ["0"], ["0"]]
    assert [(problem_of(it, 422)["row"], it.json["field"]) for it in refused] == [(0, "ids")] * len(refused)


def ids_of(client: FlaskClient, written: str) -> Any:
    return client.post("/prediction", data=f'{{"ids": [{written}]}}', content_type="application/json")


@pytest.mark.parametrize("query", ["reasons=-1", "reasons=11", "reasons=x", "reasons=", "reasons=1&reasons=1"])
def test_a_number_of_reasons_is_one_that_can_be(client: FlaskClient, query: str) -> None:
    assert problem_of(client.post(f"/prediction?{query}", json=[ONE]), 422)["field"] == "reasons"


def test_reasons_that_cannot_be_given_are_told_and_predict_all_the_same(client: FlaskClient) -> None:
    without, found = (client.post(f"/prediction?reasons={n}", json=[ONE]).json for n in (0, 2))

    assert found["reasons"] == [None]
    assert "no reasons can be given" in found["warnings"][-1]["message"]
    assert {name: it for name, it in found.items() if name not in ("reasons", "warnings")} == {
        name: it for name, it in without.items() if name != "warnings"
    }


def test_reasons_for_more_rows_than_can_be_explained_are_refused(client: FlaskClient) -> None:
    found = client.post("/prediction?reasons=1", json=[ONE] * 1001)

    assert "1,000 rows at most (found 1,001)" in problem_of(found, 422)["detail"]
    assert client.post("/prediction", json=[ONE] * 1001).status_code == 200


def test_current_clients_are_answered_by_name(client: FlaskClient) -> None:
    told = client.post("/prediction", json={"ids": ["zeta//one", HOSTILE]}).json

    assert (told["risks"], told["ranks"], told["predictions"]) == ([0.1, 0.7], [4, 2], [0, 1])


def test_a_refused_row_refuses_the_request_and_is_named(client: FlaskClient) -> None:
    told = problem_of(client.post("/prediction", json=[ONE, ONE | {"activity": "x"}]), 422)

    assert (told["row"], told["field"]) == (1, "activity")


def test_one_client_is_answered_with_and_without_a_list_around_it(client: FlaskClient) -> None:
    bare, wrapped, listed = (client.post("/prediction", json=body) for body in (ONE, {"clients": ONE}, [ONE]))

    assert bare.status_code == 200
    assert bare.json == wrapped.json == listed.json


def test_a_body_is_read_after_a_byte_order_mark_and_an_empty_one_told_what_is_expected(client: FlaskClient) -> None:
    marked = client.post("/prediction", data="\ufeff" + json.dumps([ONE]), content_type="application/json")
    empty = {kind: client.post("/prediction", data=b"", content_type=kind) for kind in ("text/csv", "application/json")}

    assert marked.json == client.post("/prediction", json=[ONE]).json
    assert problem_of(empty["text/csv"], 422)["detail"].startswith("the text is empty; send a header with activity, ")
    assert "send an object or a list" in problem_of(empty["application/json"], 400)["detail"]


def test_a_body_that_is_packed_is_told_to_come_as_it_is(client: FlaskClient) -> None:
    body = gzip.compress(json.dumps([ONE]).encode())

    told = [
        client.post("/prediction", data=body, content_type="application/json", headers=headers)
        for headers in ({"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}, {"Content-Encoding": "deflate"}, {})
    ]
    plain = client.post("/prediction", json=[ONE], headers={"Content-Encoding": "identity"})

    for answer in told:
        problem_of(answer, 415)
    assert "gzip" in told[0].json["detail"]
    assert "is compressed (gzip)" in told[-1].json["detail"]
    assert plain.status_code == 200


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/json", "application/csv", "*/*"])
def test_a_body_needs_its_content_type_and_is_told_how(client: FlaskClient, kind: str | None) -> None:
    told = problem_of(client.post("/prediction", data=json.dumps([ONE]).encode(), content_type=kind), 415)

    assert "'Content-Type: application/json'" in told["detail"]


EVERY = [*FIGURES, "/", "/health", "/clients/zeta%2F%2Fone", "/calllist.csv", "/releases/1/card"]


@pytest.mark.parametrize("path", EVERY)
@pytest.mark.parametrize("query", ["reasons=2", "limit=5&limit=7", "Limit=5", "=1", "owner=Ann&x", "limit=1;reasons=2"])
def test_a_query_is_answered_or_refused_and_never_ignored(client: FlaskClient, path: str, query: str) -> None:
    told = problem_of(client.get(f"{path}?{query}"), 422)

    assert told["field"] in query


def test_a_query_of_a_prediction_is_refused_too(client: FlaskClient) -> None:
    told = problem_of(client.post("/prediction?limit=2", json=[ONE]), 422)

    assert told["detail"] == "'limit' is not known in the query; known here: reasons"


def test_clients_are_listed_by_owner(client: FlaskClient) -> None:
    names = ("Ann", "ann", "–", "")
    ann, nobody, none, all_of_them = (client.get(f"/clients?owner={name}&limit=1").json for name in names)

    assert (ann["n_clients"], ann["owner"], len(ann["clients"])) == (4, "Ann", 1)
    assert (nobody["n_clients"], nobody["clients"], none["n_clients"], all_of_them["n_clients"]) == (0, [], 0, 4)


@pytest.mark.slow
def test_the_call_list_is_served_as_its_file_and_linked_on_the_page(tmp_path: Path) -> None:
    settings = lay_out(tmp_path)
    folder = report(settings, "1", None)
    (folder / paths.CALL_LIST).write_bytes(b"rank,client\n1,'=1+1\n")

    with contextmanager(client_of)(settings) as client:
        found, page = client.get("/calllist.csv"), client.get("/")

    assert (found.mimetype, found.data) == ("text/csv", b"rank,client\n1,'=1+1\n")
    assert found.headers["Content-Disposition"] == 'attachment; filename="calllist.csv"'
    assert page.status_code == 200


@pytest.mark.slow
def test_a_report_of_an_older_program_is_said_and_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gc.collect", int)  # after each load, of all that other tests have left
    settings = lay_out(tmp_path)
    deploy(settings, "1-aa")
    whole = json.loads((report(settings, "1", "1-aa") / paths.SNAPSHOT).read_bytes())

    with contextmanager(client_of)(settings) as client:
        for number, at in enumerate(places_in(whole), 2):
            report(settings, str(number), "1-aa", shown=without(whole, at))
            client.application.extensions["rooms"].watch.poll()
            answers = [client.get(it) for it in [*FIGURES, "/", "/health", "/clients/zeta%2F%2Fone"]]
            answers.append(client.post("/prediction", json={"ids": ["zeta//one"]}))

            assert {answer.status_code for answer in answers} <= {200, 503}, at
            assert all(
                "older program" in answer.text or answer.json for answer in answers if answer.status_code == 503
            ), at


@pytest.mark.slow
@pytest.mark.parametrize(
    "content", ["", "{", "[1]", "{}", "null", "\xff", '{"release": 3}', '{"release": "1-aa"}', "[" * 99_999]
)
def test_a_damaged_snapshot_is_told_by_page_and_api_and_no_missing_report(tmp_path: Path, content: str) -> None:
    settings = lay_out(tmp_path)
    deploy(settings, "1-aa")
    (report(settings, "1", "1-aa") / paths.SNAPSHOT).write_text(content, encoding="latin-1")

    with contextmanager(client_of)(settings) as client:
        page, health, risk = client.get("/"), client.get("/health"), client.post("/prediction", json=[ONE])
        told = [client.get(it) for it in FIGURES] + [client.post("/prediction", json={"ids": ["zeta//one"]})]

    assert (page.status_code, health.status_code, risk.status_code) == (503, 503, 200)
    assert "no run has made a report" not in page.text
    for text in (page.text, health.json["detail"], *(problem_of(it, 503)["detail"] for it in told)):
        assert "the newest report cannot be shown: reports/1/snapshot.json is missing, torn" in text


def places_in(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the place of every key of a JSON value, of a list those of its first entry."""
    if isinstance(value, list):
        return places_in(value[0], (*above, 0)) if value else []
    if not isinstance(value, dict):
        return []
    return [it for key in value for it in [(*above, key), *places_in(value[key], (*above, key))]]


def without(value: Any, place: tuple[Any, ...]) -> Any:
    copied = json.loads(json.dumps(value))
    holder = copied
    for key in place[:-1]:
        holder = holder[key]
    del holder[place[-1]]
    return copied


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "config.json", "models/current"])
def test_files_elsewhere_are_forbidden(client: FlaskClient, path: str) -> None:
    told = problem_of(client.post("/prediction", json={"filepath": path}), 403)

    assert told["field"] == "filepath"


@pytest.mark.parametrize(("kind", "status"), [("text/plain", 415), ("application/json; charset=utf-16", 415)])
def test_another_kind_of_body_is_refused(client: FlaskClient, kind: str, status: int) -> None:
    problem_of(client.post("/prediction", data=b"[]", content_type=kind), status)


def test_a_body_over_the_limit_is_refused(client: FlaskClient) -> None:
    told = problem_of(client.post("/prediction", data=b" " * (MAX_BODY + 1), content_type="application/json"), 413)

    assert "16 MiB" in told["detail"]


def test_unknown_paths_and_methods_are_problems(client: FlaskClient) -> None:
    problem_of(client.get("/nothing"), 404)
    problem_of(client.get("/clients/"), 404)
    problem_of(client.get("/static//style.css"), 404)
    problem_of(client.get("/clients/nobody"), 404)
    answer = client.get("/prediction")

    problem_of(answer, 405)
    assert "POST" in answer.headers["Allow"]


def test_a_path_without_anything_names_the_page_that_lists_the_endpoints(client: FlaskClient) -> None:
    (named,) = (it for it in client.get("/nothing").json["detail"].split() if it.startswith("/"))

    page = client.get(named).text

    assert all(it in page for it in ("/prediction", "/outcomes", "/figures/{name}", "/metrics"))


def test_scoring_has_the_agreed_fields(client: FlaskClient) -> None:
    told = client.get("/scoring").json

    fields = ["release", "f1", "f1_interval", "n_rows", "auc", "log_loss", "confusion", "scored_on", "warning"]
    assert list(told) == fields
    assert (told["release"], told["f1"], told["confusion"]["tp"]) == ("1-aa", 0.61, 15)


@pytest.mark.slow
def test_after_a_rollback_nothing_speaks_of_the_former_release_as_deployed(tmp_path: Path) -> None:
    settings = lay_out(tmp_path / "root")
    deploy(settings, "1-aa")
    deploy(settings, "2-bb", 0.3)
    report(settings, "1", "2-bb")
    releases.roll_back(settings.production, releases.named(settings.production, "1-aa"), {"reason": "a trial"})
    line = {"kind": "run", "run": 2, "outcome": "rolled back", "release": "1-aa", "at": "2026-09-03T08:00:00Z"}
    journal.append(settings.production / paths.JOURNAL, line)

    client = next(client_of(settings))
    scores, told = client.get("/scoring").json, client.get("/releases").json

    assert (told["current"]["name"], told["current"]["threshold"]) == ("1-aa", 0.4)
    assert [(it["outcome"], it["release"]) for it in told["changes"]][:1] == [("rolled back", "1-aa")]
    assert (scores["release"], scores["warning"]) == (
        "2-bb",
        "these scores are of release 2-bb, which is no longer deployed; the next run makes those of the one that is",
    )
    client.application.extensions["rooms"].watch.stop()


def test_statistics_and_diagnostics_have_the_agreed_fields(client: FlaskClient) -> None:
    statistics, diagnostics = client.get("/summarystats").json, client.get("/diagnostics").json

    assert (statistics["dataset"], statistics["n_rows"]) == ("1-ab", 29)
    assert statistics["columns"]["activity"] == {"mean": 1.0, "median": 1.0, "standard_deviation": 0.5}
    assert list(diagnostics) == ["seconds", "missing_percent", "dependencies"]
    assert diagnostics["seconds"]["training"] == {"last": 0.5, "median": 0.4}


def test_clients_are_listed_by_rank_and_page(client: FlaskClient) -> None:
    told = client.get("/clients?limit=2&offset=1").json

    assert (told["n_clients"], told["limit"], told["offset"]) == (4, 2, 1)
    assert "owner" not in told
    assert [(row["rank"], row["client"]) for row in told["clients"]] == [(2, HOSTILE), (3, "=1+1")]


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "limit=10001", "offset=1.5", "offset=²", "limit="])
def test_a_page_that_is_no_number_is_refused(client: FlaskClient, query: str) -> None:
    told = problem_of(client.get(f"/clients?{query}"), 422)

    assert told["field"] == query.partition("=")[0]


def test_one_client_is_found_by_any_name(client: FlaskClient) -> None:
    first, slashed = client.get("/clients/acme, inc.").json, client.get("/clients/zeta%2F%2Fone").json

    assert (first["rank"], first["reasons"]) == (1, ["activity 3 (typical 120)"])
    assert (slashed["client"], slashed["reasons"]) == ("zeta//one", None)


def test_history_releases_and_report_are_those_of_the_snapshot(client: FlaskClient) -> None:
    history, releases, paper = (client.get(path) for path in ("/history", "/releases", "/report"))

    assert history.json["history"][0]["run"] == 1
    assert (releases.json["current"]["name"], len(releases.json["changes"])) == ("1-aa", 1)
    assert (paper.mimetype, paper.data) == ("application/pdf", b"%PDF-1.4 test %%EOF")


def test_the_card_of_a_release_is_served_by_name_and_by_number(tmp_path: Path) -> None:
    settings = lay_out(tmp_path)
    deploy(settings, "1-aa")
    (deploy(settings, "2-bb") / paths.MODEL_CARD).write_text("# Model card <b>")

    with contextmanager(client_of)(settings) as client:
        by_name, by_number = client.get("/releases/2-bb/card"), client.get("/releases/2/card")
        others = [client.get(f"/releases/{name}/card") for name in ("1", "3", "2-b", "..", "current", "%2e%2e")]

    assert (by_name.mimetype, by_name.text) == ("text/markdown", "# Model card <b>")
    assert by_number.data == by_name.data
    for answer in others:
        problem_of(answer, 404)


def test_a_card_that_an_older_program_made_is_served_with_a_note(tmp_path: Path) -> None:
    settings = lay_out(tmp_path)
    folder = deploy(settings, "1-aa")
    (folder / paths.MODEL_CARD).write_text("# Model card")
    told = json.loads((folder / paths.CARD).read_text())
    told.pop("probes")
    (folder / paths.CARD).write_text(json.dumps(told))

    with contextmanager(client_of)(settings) as client:
        answer = client.get("/releases/1/card").text

    assert answer.startswith("> An older program trained this model: figures in its table")
    assert answer.endswith("# Model card")


@pytest.mark.slow
def test_a_broken_journal_is_faulty_health_and_said_on_the_page(tmp_path: Path) -> None:
    settings = lay_out(tmp_path)
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    path = settings.production / paths.JOURNAL
    for number in (1, 2):
        journal.append(path, {"kind": "run", "run": number})
    path.write_bytes(path.read_bytes().replace(b'"run": 1', b'"run": 7'))

    with contextmanager(client_of)(settings) as client:
        health, page, answer = client.get("/health"), client.get("/"), client.post("/prediction", json=[ONE])

    assert (health.status_code, health.json["status"]) == (503, "faulty")
    assert "line 4: it does not follow" in health.json["detail"]
    assert "line 4: it does not follow" in page.text
    assert answer.status_code == 200


@pytest.mark.parametrize("path", [*FIGURES, "/", "/health", "/nothing"])
def test_every_answer_is_closed_to_foreign_pages(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == ("private, no-cache" if path in FIGURES else "no-store")


def test_a_foreign_host_header_is_refused(client: FlaskClient) -> None:
    problem_of(client.get("/", headers={"Host": "evil.example"}), 421)


def test_a_configured_token_is_asked_for_everywhere_but_at_health(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(security.TOKEN, TOKEN)
    client = next(client_of(settings))

    refused = [client.get(path) for path in ("/", "/static/style.css", "/nothing", "/health/")]
    health = client.get("/health", headers={"Host": "risk.example", "X-Forwarded-For": "203.0.113.9"})
    admitted = client.get("/scoring", headers={"Authorization": f"Bearer {TOKEN}", "Host": "risk.example"})

    assert {answer.status_code for answer in refused} == {401}
    assert "Basic" in refused[0].headers["WWW-Authenticate"]
    open_to_all = [client.get(path).status_code for path in ("/health", "/live", "/ready")]
    assert health.status_code == admitted.status_code == 200
    assert open_to_all == [200, 200, 200]


def test_a_proxy_is_refused_by_the_served_program_as_long_as_there_is_no_token(client: FlaskClient) -> None:
    with serving(client.application) as port:
        answers = [
            requests.get(f"http://127.0.0.1:{port}/{path}", headers={"X-Forwarded-For": "203.0.113.9"}, timeout=20)
            for path in ("", "health", "scoring", "static/style.css")
        ]

    assert [answer.status_code for answer in answers] == [403] * 4
    assert "proxy" in answers[0].json()["detail"]


@pytest.mark.slow
def test_a_damaged_model_is_faulty_health_while_predictions_are_answered_and_names_no_folder(tmp_path: Path) -> None:
    settings = lay_out(tmp_path)
    folder = deploy(settings, "1-aa")
    report(settings, "1", "1-aa")

    with contextmanager(client_of)(settings) as client:
        before = client.get("/health")
        (folder / paths.MODEL).write_bytes(b"x")
        patience = time.monotonic() + 2
        while client.get("/health").status_code == 200 and time.monotonic() < patience:
            time.sleep(0.02)
        health, ready, alive = (client.get(path) for path in ("/health", "/ready", "/live"))
        answer = client.post("/prediction", json=[ONE])

    assert (before.status_code, ready.status_code, alive.status_code) == (200, 200, 200)
    assert (health.status_code, health.json["status"]) == (503, "faulty")
    assert "1-aa/trainedmodel.pkl" in health.json["detail"]
    assert str(tmp_path) not in health.text
    assert answer.status_code == 200


def test_a_service_without_a_model_lives_and_is_not_ready(bare: FlaskClient) -> None:
    assert bare.get("/live").status_code == 200
    problem_of(bare.get("/ready"), 503)


@pytest.mark.slow
def test_what_needs_a_person_is_told_in_health_and_on_the_page(tmp_path: Path) -> None:
    settings = lay_out(tmp_path)
    deploy(settings, "1-aa")
    folder = report(settings, "1", "1-aa")
    told = {"kind": "held", "subject": "a<b>.csv", "sentence": "a<b>.csv: refused whole."}
    snapshot = json.loads((folder / paths.SNAPSHOT).read_text())
    (folder / paths.SNAPSHOT).write_text(json.dumps(snapshot | {"attention": [told], "held": ["a<b>.csv"]}))

    with contextmanager(client_of)(settings) as client:
        health, page = client.get("/health"), client.get("/")

    assert (health.status_code, health.json["status"], health.json["attention"]) == (200, "ok", [told])
    assert "a&lt;b&gt;.csv: refused whole." in page.text
    assert "1 thing needs attention" in page.text


@pytest.mark.slow
def test_an_unexpected_error_tells_nothing_of_the_inside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = lay_out(tmp_path)
    folder = report(settings, "1", None)
    (folder / "snapshot.json").write_text('{"release": null, "history": 3}')
    client = next(client_of(settings))

    told = problem_of(client.get("/releases"), 500)

    assert told["detail"] == "the service failed to answer; its log says why"
    assert "TypeError" in caplog.text


def test_questions_write_nothing(client: FlaskClient, settings: Settings) -> None:
    before = sorted((path, path.lstat().st_mtime_ns) for path in settings.root.rglob("*"))

    for path in [*FIGURES, "/", "/health"]:
        client.get(path)

    assert sorted((path, path.lstat().st_mtime_ns) for path in settings.root.rglob("*")) == before


@pytest.mark.slow
def test_wsgi_is_importable_from_any_folder_before_any_model(tmp_path: Path) -> None:
    lay_out(tmp_path / "house")
    environment = os.environ | {"RISK_CONFIG": str(tmp_path / "house" / "config.json")}
    code = (
        f"import runpy; app = runpy.run_path({str(ROOT / 'wsgi.py')!r})['app']; "
        "print(app.test_client().get('/scoring').status_code)"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )

    assert (done.stdout, done.stderr) == ("503\n", "")


@pytest.mark.slow
def test_the_script_serves_and_ends_on_sigterm(settings: Settings, tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "app.py"), "--config", str(settings.root / "config.json"), "--port", "0"]
    served = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert served.stdout is not None
    url = served.stdout.readline().split()[-1]

    answer = requests.post(f"{url}prediction", json=[ONE], timeout=20)
    served.send_signal(signal.SIGTERM)
    said, errors = served.communicate(timeout=30)

    assert answer.status_code == 200
    assert (served.returncode, said, errors) == (0, "stopped\n", "")


@pytest.mark.slow
def test_practice_is_served_from_practice_alone(settings: Settings) -> None:
    (settings.root / "practicemodels").mkdir(exist_ok=True)
    practice = load(settings.root / "config.json", practice=True)

    health = next(client_of(practice)).get("/health").json

    assert (health["release"], health["status"]) == (None, "no model")
