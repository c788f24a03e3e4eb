"""Contacts over HTTP: what is recorded and how, who may record, and that nothing is lost or torn."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from risk.dataset import outcomes
from risk.errors import DiskError
from risk.reading import erased
from risk.service import contacts, security
from risk.service.contacts import ContactLog
from risk.service.problems import Problem
from tests.installation import HOSTILE, deploy, lay_out, report

CAP = 1_000_000
CALL = {"client": "acme, inc.", "result": "stays"}
HEADER = "client,date,result,opinion,note\n"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    settings = lay_out(tmp_path / "root")
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    app = create_app(settings)
    yield app.test_client()
    app.extensions["rooms"].watch.stop()


def today() -> str:
    return date.today().isoformat()


def recorded(root: Path) -> str:
    path = root / "root/outcomes/recorded.csv"
    return path.read_text() if path.exists() else ""


def contact(**told: str) -> dict[str, str]:
    return {"client": "acme", "date": today(), "result": "reached", "opinion": "", "note": ""} | told


def keep(folder: Path, numbers: range) -> None:
    for number in numbers:
        ContactLog(folder, CAP, folder.parent).record(contact(note=str(number)))


# --- reading ----------------------------------------------------------------------------------------------------------


def unreadable(folder: str) -> Any:
    raise PermissionError(13, "Permission denied", folder)


def test_contacts_that_cannot_be_read_are_not_called_none(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("risk.disk.tick.listing", unreadable)

    answers = [client.get(path) for path in ("/outcomes", "/health", "/", "/clients/acme%2C%20inc.", "/outcomes")]

    assert [it.status_code for it in answers] == [503, 503, 200, 200, 503]
    for told in (answers[0].json["detail"], answers[1].json["detail"], answers[2].text):
        assert "the contacts cannot be read (Permission denied)" in told
    assert caplog.text.count("Permission denied") == 1


def test_contacts_that_were_read_before_are_shown_with_the_fault(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.post("/outcomes", json=CALL).status_code == 201
    assert client.get("/outcomes").json["n_contacts"] == 1
    monkeypatch.setattr("risk.disk.tick.listing", unreadable)

    assert client.get("/outcomes").json["n_contacts"] == 1
    assert "the contacts cannot be read" in client.get("/health").json["detail"]
    monkeypatch.undo()
    assert client.get("/health").json["detail"] is None


# --- recording --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_contact_is_recorded_as_one_line_and_shown_at_once(client: FlaskClient, tmp_path: Path) -> None:
    note = ' =1+1; he said "no", <b>'
    told = client.post("/outcomes", json=CALL | {"opinion": "leaves", "note": note, "date": "2026-01-31"})
    client.post("/outcomes", json=CALL)

    assert (told.status_code, told.json["recorded"]["note"]) == (201, note)
    lines = recorded(tmp_path).splitlines()
    assert lines[0] + "\n" == HEADER
    assert lines[1:] == [
        '"acme, inc.","2026-01-31","stays","leaves"," =1+1; he said ""no"", <b>"',
        f'"acme, inc.","{today()}","stays","",""',
    ]
    shown = client.get("/outcomes").json
    assert [(it["date"], it["source"]) for it in shown["contacts"]] == [
        (today(), "outcomes/recorded.csv"), ("2026-01-31", "outcomes/recorded.csv"),
    ]  # fmt: skip
    assert client.get("/clients/acme, inc.").json["contacts"] == shown["contacts"]
    assert shown["contacts"][1]["note"] == note
    assert client.get("/clients/zeta%2F%2Fone").json["contacts"] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["json", "data"])
def test_the_lines_of_a_note_are_joined_by_a_blank(client: FlaskClient, tmp_path: Path, kind: str) -> None:
    for note in ("asks for\r\na price \n\n soon\r\n", f"{'a' * 249}\r\n{'b' * 250}"):
        told = client.post("/outcomes", **{kind: CALL | {"note": note}})  # type: ignore[arg-type]
        assert told.status_code in (201, 303)

    notes = [it["note"] for it in client.get("/outcomes").json["contacts"]]
    assert sorted(notes) == [f"{'a' * 249} {'b' * 250}", "asks for a price soon"]
    assert recorded(tmp_path).count("\n") == 3


def test_what_others_drop_is_shown_at_once_and_asked_by_client_and_page(client: FlaskClient, tmp_path: Path) -> None:
    folder = tmp_path / "root/outcomes"
    folder.mkdir()
    lines = [f"{name},2026-0{month},stays\n" for month, name in (("1-02", "acme"), ("2-02", "zeta"), ("1-01", "acme"))]
    (folder / "crm.csv").write_text("client,date,result\n" + "".join(lines) + "broken\n")

    everyone, one = client.get("/outcomes?limit=2").json, client.get("/outcomes?client=acme&offset=1").json

    assert (everyone["n_contacts"], everyone["n_rejected"]) == (3, 1)
    assert [it["date"] for it in everyone["contacts"]] == ["2026-02-02", "2026-01-02"]
    assert [it["date"] for it in one["contacts"]] == ["2026-01-01"]


@pytest.mark.slow
def test_the_form_of_a_page_is_answered_by_the_clients_page(client: FlaskClient, tmp_path: Path) -> None:
    told = client.post("/outcomes", data={"client": HOSTILE, "result": "not reached", "note": "näh", "date": ""})

    assert told.status_code == 303
    assert told.headers["Location"] == "/clients/%3Cscript%3Ealert%28%27x%27%29%3C%2Fscript%3E"
    assert client.get(told.headers["Location"]).json["client"] == HOSTILE
    assert recorded(tmp_path).endswith(f'"{today()}","not reached","","näh"\n')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status", "field", "detail"),
    [
        ({"client": "nobody"}, 404, "client", "not a current client"),
        ({"result": "Stays"}, 422, "result", "result is 'Stays', expected one of reached"),
        ({"opinion": "maybe"}, 422, "opinion", "expected blank or one of stays"),
        ({"date": "27.11.2026"}, 422, "date", "expected a day such as 2026-11-27"),
        ({"date": (date.today() + timedelta(2)).isoformat()}, 422, "date", "lies in the future"),
        ({"note": "n" * 501}, 422, "note", "500 characters at most"),
        ({"note": "a\tb"}, 422, "note", "expected text on one line"),
        ({"result": "stays\n"}, 422, "result", "expected text on one line"),
        ({"note": "n" * 499 + "\nn\n" + "n"}, 422, "note", "500 characters at most"),
        ({"client": 3}, 422, "client", "expected text, found a whole number"),
        ({"manager": "Ann"}, 422, "manager", "is not known"),
    ],
)
def test_what_is_no_contact_is_refused_by_field_and_nothing_is_written(
    client: FlaskClient, tmp_path: Path, body: dict[str, Any], status: int, field: str, detail: str
) -> None:
    told = client.post("/outcomes", json=CALL | body)

    assert (told.status_code, told.json["field"]) == (status, field)
    assert detail in told.json["detail"]
    assert not (tmp_path / "root/outcomes").exists()


def test_a_missing_field_is_asked_for_without_a_null_that_would_be_refused(client: FlaskClient) -> None:
    told = client.post("/outcomes", json={"client": "acme, inc."})

    assert (told.status_code, told.json["detail"]) == (422, "result: is missing; give a value")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"client": "\\ud800", "result": "stays"}', "application/json", 400),
        (b'{"client": "acme, inc.", "result": "stays", "result": "stays"}', "application/json", 422),
        (b"client=a&client=b&result=stays", contacts.responses.FORM, 422),
        (b"client=%ff&result=stays", contacts.responses.FORM, 400),
        (b"client=a&result=stays&a=&b=&c=&d=", contacts.responses.FORM, 400),
        (b"client=acme", contacts.responses.FORM, 422),
        (b"client,result\n", "text/csv", 415),
        (b'{"note": "' + b"n" * contacts.MAX_BODY + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_is_none_is_refused(
    client: FlaskClient, tmp_path: Path, body: bytes, kind: str, status: int
) -> None:
    assert client.post("/outcomes", data=body, content_type=kind).status_code == status
    assert recorded(tmp_path) == ""


@pytest.mark.slow
def test_before_the_first_report_nobody_can_be_recorded(tmp_path: Path) -> None:
    app = create_app(lay_out(tmp_path / "root"))
    told = app.test_client().post("/outcomes", json=CALL)
    app.extensions["rooms"].watch.stop()

    assert told.status_code == 503


@pytest.mark.slow
def test_a_contact_that_cannot_be_written_is_said_without_a_path(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "root/outcomes").mkdir()
    (tmp_path / "root/outcomes/recorded.csv").write_text("client,date,result\n")

    told = client.post("/outcomes", json=CALL)

    assert told.status_code == 503
    assert "the log says why" in told.json["detail"]
    assert str(tmp_path) not in told.text


# --- who may record ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://before.example"}, 201),
        ({"Origin": "http://localhost"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_only_pages_of_this_service_and_programs_may_record(
    client: FlaskClient, tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    assert client.post("/outcomes", json=CALL, headers=headers).status_code == status
    assert bool(recorded(tmp_path)) == (status == 201)


@pytest.mark.slow
def test_with_a_token_nobody_records_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "a-secret-of-at-least-32-characters"
    monkeypatch.setenv(security.TOKEN, token)
    settings = lay_out(tmp_path / "root")
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    app = create_app(settings)
    without = app.test_client().post("/outcomes", json=CALL)
    known = app.test_client().post("/outcomes", json=CALL, headers={"Authorization": f"Bearer {token}"})
    app.extensions["rooms"].watch.stop()

    assert (without.status_code, known.status_code) == (401, 201)


@pytest.mark.slow
def test_too_many_contacts_in_a_minute_are_told_to_come_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contacts, "A_MINUTE", 3)
    refused = [client.post("/outcomes", json=body) for body in ({}, CALL | {"client": "nobody"}) for _ in range(3)]
    taken = [client.post("/outcomes", json=CALL) for _ in range(3)]

    told = client.post("/outcomes", json=CALL)

    assert [it.status_code for it in refused] == [422] * 3 + [404] * 3
    assert [it.status_code for it in taken] == [201] * 3
    assert (told.status_code, "more than 3 contacts in a minute" in told.json["detail"]) == (429, True)
    assert 1 <= int(told.headers["Retry-After"]) <= 61


@pytest.mark.slow
def test_a_flood_of_refused_requests_is_stopped(client: FlaskClient) -> None:
    answers = {client.post("/outcomes", json={}).status_code for _ in range(contacts.TRIES)}
    told = client.post("/outcomes", json=CALL)

    assert answers == {422}
    assert (told.status_code, "requests in a minute" in told.json["detail"]) == (429, True)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_nothing_else_is_writable(client: FlaskClient, method: str) -> None:
    assert getattr(client, method)("/outcomes", json=CALL).status_code == 405


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", ['"acme","2026-11-', '"acme","2026-11-27","stays","leaves","He s'])
def test_a_line_that_a_kill_has_torn_is_kept_apart_and_told(
    tmp_path: Path, torn: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "outcomes"
    folder.mkdir()
    (folder / "recorded.csv").write_text(f"{HEADER}acme,2026-11-27,stays,,\n{torn}")

    ContactLog(folder, CAP, folder.parent).record(contact())

    found = outcomes.read(folder, CAP)
    assert [it.result for it in found.contacts] == ["stays", "reached"]
    assert [it.line for it in found.rejected] == [3]
    assert "its last line was cut off" in caplog.text


@pytest.mark.parametrize("torn", ["", "client,da", HEADER])
def test_a_file_of_which_only_the_header_was_begun_is_begun_again(tmp_path: Path, torn: str) -> None:
    (tmp_path / "recorded.csv").write_text(torn)

    ContactLog(tmp_path, CAP, tmp_path.parent).record(contact())

    assert (tmp_path / "recorded.csv").read_text() == f'{HEADER}"acme","{today()}","reached","",""\n'


def test_a_line_that_finds_no_room_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ContactLog(tmp_path, CAP, tmp_path.parent).record(contact())
    before = (tmp_path / "recorded.csv").read_bytes()

    def full(descriptor: int, content: bytes) -> None:
        os.write(descriptor, content[:7])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("risk.disk.files.write_all", full)

    with pytest.raises(DiskError, match="No space left"):
        ContactLog(tmp_path, CAP, tmp_path.parent).record(contact(note="lost"))
    assert (tmp_path / "recorded.csv").read_bytes() == before


def test_a_file_of_other_columns_and_a_link_are_left_alone(tmp_path: Path) -> None:
    other, target = tmp_path / "other", tmp_path / "target"
    for folder in (other, target):
        folder.mkdir()
    (other / "recorded.csv").write_text("client,date,result\nacme,2026-11-27,stays\n")
    (target / "recorded.csv").symlink_to(tmp_path / "elsewhere")

    for folder in (other, target):
        with pytest.raises(DiskError):
            ContactLog(folder, CAP, folder.parent).record(contact())
    assert "reached" not in (other / "recorded.csv").read_text()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.slow
def test_writers_of_several_processes_and_threads_tear_and_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=keep, args=(tmp_path, range(100)))
    process.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: keep(tmp_path, range(100 * n, 100 * n + 100)), range(1, 5)))
    process.join()

    found = outcomes.read(tmp_path, CAP)

    assert not found.rejected
    assert sorted(int(it.note) for it in found.contacts) == list(range(500))


def test_a_lock_that_is_held_for_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "PATIENCE", 0.05)
    descriptor = os.open(tmp_path / ".recorded.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with pytest.raises(Problem) as caught:
        ContactLog(tmp_path, CAP, tmp_path.parent).record(contact())
    os.close(descriptor)

    assert caught.value.status == 503


def test_contacts_of_a_client_who_was_erased_are_answered_no_more(client: FlaskClient, tmp_path: Path) -> None:
    production = tmp_path / "root/production_deployment"
    (tmp_path / "root/outcomes").mkdir(exist_ok=True)
    (tmp_path / "root/outcomes/crm.csv").write_text(f"{HEADER}acme,2026-01-05,reached,,\nb,2026-01-05,reached,,\n")
    assert client.get("/outcomes?client=acme").json["n_contacts"] == 1

    erased.add(production, ["acme"])

    told = client.get("/outcomes?client=acme").json
    assert (told["n_contacts"], told["n_rejected"]) == (0, 1)
    assert client.get("/outcomes?client=b").json["n_contacts"] == 1
