"""Delivery by mail and alerts, against a mail server and a web server of the tests' own."""

from __future__ import annotations

import contextlib
import datetime
import email
import http.server
import io
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from risk.disk import files, journal, paths, tick
from risk.report import _mail, deliver, money_words
from risk.settings import settings
from risk.settings.recipients import Deliver
from tests.conftest import Installations, Project
from tests.conftest import deploy as make_deployed

SECRET = "s3cret-Password"
NASTY = "acme\r\nBcc: evil@example.com\u202e <b>https://evil.example/x</b>"


class Box:
    """What the mail server took in, and the recipients that it refuses."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.refused: set[str] = set()
        self.logins: list[bytes] = []

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: Any) -> str:
        if address in self.refused:
            return "550 5.1.1 nobody\u00e4 here".encode("ascii", "replace").decode()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content, policy=default)  # type: ignore[arg-type]
        self.mails.append((envelope.rcpt_tos, message))  # type: ignore[arg-type]
        return "250 OK"

    def authenticate(self, *told: Any) -> AuthResult:
        login = told[-1]
        assert isinstance(login, LoginPassword)
        self.logins.append(login.password)
        return AuthResult(success=login.password == SECRET.encode(), handled=False)

    @property
    def recipients(self) -> list[str]:
        return sorted(address for addresses, _ in self.mails for address in addresses)

    def to(self, address: str) -> EmailMessage:
        (message,) = (message for addresses, message in self.mails if addresses == [address])
        return message


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def mail_server(box: Box, port: int, **options: Any) -> Iterator[None]:
    controller = Controller(box, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


class Web:
    """A web server that remembers what was posted and answers with a status."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, Any]] = []
        self.status, self.location = 200, ""
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                web.posts.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(web.status)
                self.send_header("Location", web.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/t0ken"


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield web
    web.server.shutdown()
    thread.join()
    web.server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("RISK_SMTP_PASSWORD", raising=False)


@contextlib.contextmanager
def silent_server() -> Iterator[tuple[int, Callable[[], int]]]:
    """A port where connections are taken and nothing is ever said, and how many were made."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        def n_connections() -> int:
            n = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    server.accept()[0].close()
                    n += 1
            return n

        yield int(server.getsockname()[1]), n_connections


def call(client: str, owner: str | None, risk: float = 0.9) -> dict[str, Any]:
    row = {"rank": 1, "client": client, "risk": risk, "prediction": 1, "owner": owner, "value": 100, "period": None}
    return row | {"value_at_risk": 90.0, "reasons": ["Activity fell to 1", "Size 80"]}


class Office:
    """A production folder with a journal and report sets, as runs leave them, and what is to be delivered of them."""

    def __init__(self, root: Path, port: int):
        self.root, self.production, self.reports = root, root / "production_deployment", root / "models" / "reports"
        self.production.mkdir(mode=0o700)
        self.smtp: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none", "from": "list@example.com"}
        self.calls = [call("acme", "Anna"), call("bolt", "Bert", 0.8), call("core", "Anna", 0.7), call("dyne", None)]

    def wanted(self, **keys: Any) -> Deliver:
        return Deliver(**{"smtp": self.smtp} | keys)

    def run(self, set_number: int, **facts: Any) -> None:
        """Leave what a run leaves: one report set and one line of the journal."""
        money = {"currency": "€", "listed": 360.0, "everyone": 900.0, "owners": []}
        shown = {"made_at": "2026-11-27T06:00:00Z", "outcome": "no drift", "instance": "i", "call_list": self.calls}
        shown |= {"release": {"provisional": False}, "money": money, "expected_leavers": None, "attention": []}
        shown |= {"capacity": {"per": "all", "calls_per_week": 4}}
        contents = {"snapshot.json": json.dumps(shown).encode(), "report.pdf": b"%PDF", "calllist.csv": b"rank\n"}
        files.publish(self.reports, str(set_number), contents, self.reports / paths.CURRENT)
        line = {"kind": "run", "run": set_number, "script": "fullprocess", "outcome": "no drift", "steps": []}
        journal.append(self.production / paths.JOURNAL, line | facts)

    def deliver(self, wanted: Deliver, failure: str | None = None) -> str:
        return deliver.deliver(wanted, self.root, self.production, self.reports, failure)

    @property
    def kept(self) -> Any:
        return json.loads((self.production / paths.DELIVERY).read_text())

    def wait_is_over(self) -> None:
        """Let the time of the next try come."""
        kept = self.kept
        for entry in kept["pending"].values():
            entry["next_try"] = 0
        (self.production / paths.DELIVERY).write_text(json.dumps(kept))

    def on(self, day: str) -> None:
        """Let all that was delivered have been delivered on that day."""
        kept = self.kept
        for entry in kept["delivered"].values():
            entry["day"] = day
        (self.production / paths.DELIVERY).write_text(json.dumps(kept))


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path, free_port())


ADDRESSES = {"owners": {"Anna": "anna@example.com", "Bert": "bert@example.com"}, "to": ["head@example.com"]}


def attachments(message: EmailMessage) -> dict[str, str]:
    return {str(it.get_filename()): str(it.get_content()) for it in message.iter_attachments()}


def texts_of(message: EmailMessage) -> set[str]:
    """Return the texts in the workbook of a message."""
    content = next(it.get_content() for it in message.iter_attachments() if it.get_filename() == "calllist.xlsx")
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return set(re.findall("<t>([^<]*)</t>", book.read("xl/sharedStrings.xml").decode()))


def body(message: EmailMessage) -> str:
    found = message.get_body()
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


# --- who gets what ----------------------------------------------------------------------------------------------------


def test_each_owner_gets_the_own_clients_and_the_head_gets_all_and_the_report(office: Office, box: Box) -> None:
    office.run(1)

    with mail_server(box, office.smtp["port"]):
        said = office.deliver(office.wanted(**ADDRESSES))

    assert said == "3 messages sent"
    assert box.recipients == ["anna@example.com", "bert@example.com", "head@example.com"]
    anna, bert, head = (box.to(f"{name}@example.com") for name in ("anna", "bert", "head"))
    assert anna["Subject"] == "Call list of 2026-11-27: 2 clients"
    assert body(anna).startswith(
        "2 clients of yours to call. Value at risk (value × risk): 180 €.\n\n1. acme: risk 90 %."
    )
    assert list(attachments(anna)) == ["calllist.xlsx"]
    assert list(attachments(head)) == ["calllist.csv", "report.pdf"]
    assert {"acme", "core"} <= texts_of(anna)
    assert not {"bolt", "dyne"} & texts_of(anna)
    assert not {"acme", "core", "dyne"} & texts_of(bert)
    assert not re.search("bolt|dyne", body(anna))
    assert not re.search("acme|core|dyne", body(bert))
    assert (anna["From"], anna["To"], anna["Cc"], anna["Bcc"]) == ("list@example.com", "anna@example.com", None, None)


def test_mails_of_a_list_by_expected_gain_say_what_its_calls_gain() -> None:
    calls = [call("acme", "Anna") | {"expected_gain": 40.5}, call("bolt", "Anna", 0.8) | {"expected_gain": 2.0}]
    money = {"currency": "€", "listed": 360.0, "everyone": 900.0, "owners": []}
    shown = {"made_at": "2026-11-27T06:00:00Z", "call_list": calls, "money": money, "release": {"provisional": False}}

    past = {"order": "risk", "value_left": 90.0, "value_expected": 50.0, "value_low": 40.0, "value_high": 60.0}
    schema = {"value": "worth", "features": {}}
    told = shown | {"orders": {"orders": [past]}, "capacity": {"order": "risk"}, "schema": schema}

    message, other, everyone = (
        _mail.of_owner(shown, "Anna"),
        _mail.of_owner(told, "Anna"),
        money_words.kept_promise(told),
    )

    assert "Value at risk (value × risk): 180 €. The calls are expected to gain 42 €." in body(message)
    assert str(everyone).startswith("On the newest outcomes such a list held 50 at risk")
    assert body(other) == body(message)  # what lists of everybody brought is no owner's


def test_an_owner_without_clients_is_told_and_one_without_an_address_is_named_to_the_head(
    office: Office, box: Box
) -> None:
    office.run(1)

    with mail_server(box, office.smtp["port"]):
        office.deliver(office.wanted(owners={"Ana": "ana@example.com"}, to=["head@example.com"]))

    assert body(box.to("ana@example.com")).startswith("No client of yours is on this list.")
    assert not attachments(box.to("ana@example.com"))
    assert "No address is known for: Anna, Bert, clients without an owner." in body(box.to("head@example.com"))


def test_nobody_is_asked_to_call_the_control_group(office: Office, box: Box) -> None:
    office.calls = [it | {"control": it["client"] == "acme"} for it in office.calls]
    office.run(1)

    with mail_server(box, office.smtp["port"]):
        office.deliver(office.wanted(**ADDRESSES))

    anna, head = (box.to(f"{name}@example.com") for name in ("anna", "head"))
    assert body(anna).startswith("1 client of yours to call. Do not call 1 more, marked as control.")
    assert "acme" not in body(anna)
    assert "acme" in texts_of(anna)
    assert anna["Subject"] == "Call list of 2026-11-27: 1 client"
    assert head["Subject"] == "Call list of 2026-11-27: 3 clients"


def test_a_workbook_of_the_set_takes_the_place_of_the_csv(office: Office, box: Box) -> None:
    office.run(1)
    (office.reports / "1" / "calllist.xlsx").write_bytes(b"PK")

    with mail_server(box, office.smtp["port"]):
        office.deliver(office.wanted(to=["head@example.com"]))

    assert list(attachments(box.to("head@example.com"))) == ["calllist.xlsx", "report.pdf"]


def test_hostile_names_add_no_header_no_line_no_link_and_no_recipient(office: Office, box: Box) -> None:
    office.calls = [call(NASTY + "\ud800", NASTY)]
    office.run(1)

    with mail_server(box, office.smtp["port"]):
        said = office.deliver(
            office.wanted(owners={NASTY: "anna@example.com", "Bert": "b@example.com"}, to=["h@example.com"])
        )

    assert said == "3 messages sent"
    assert box.recipients == ["anna@example.com", "b@example.com", "h@example.com"]
    for _, message in box.mails:
        assert message["Bcc"] is None
        assert set(attachments(message)) <= {"calllist.csv", "calllist.xlsx", "report.pdf"}
        assert "https://" not in body(message)
        assert not re.search(r"^Bcc|\u202e", body(message), re.MULTILINE)


def test_nothing_is_sent_while_there_is_no_model(office: Office, box: Box) -> None:
    office.run(1)
    path = office.reports / "1" / "snapshot.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"release": None}))

    with mail_server(box, office.smtp["port"]):
        said = office.deliver(office.wanted(**ADDRESSES))

    assert (said, box.mails) == ("", [])


# --- how often --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "days_ago", "sent"),
    [("weekly", 0, 1), ("weekly", 7, 2), ("daily", 0, 1), ("daily", 1, 2), ("each", 0, 2)],
)
def test_a_new_set_is_sent_once_in_its_time(office: Office, box: Box, when: str, days_ago: int, sent: int) -> None:
    wanted = office.wanted(when=when, to=["head@example.com"])
    with mail_server(box, office.smtp["port"]):
        office.run(1)
        office.deliver(wanted)
        office.on((datetime.date.today() - datetime.timedelta(days_ago)).isoformat())

        office.deliver(wanted)
        assert len(box.mails) == 1  # without a new set nothing is due, whatever the day
        office.run(2)
        office.deliver(wanted)
        office.deliver(wanted)

    assert len(box.mails) == sent


def test_who_is_added_later_gets_the_next_set_and_the_others_wait_for_their_week(office: Office, box: Box) -> None:
    with mail_server(box, office.smtp["port"]):
        office.run(1)
        office.deliver(office.wanted(to=["head@example.com"]))
        office.run(2)
        office.deliver(office.wanted(to=["head@example.com", "new@example.com"]))

    assert box.recipients == ["head@example.com", "new@example.com"]


# --- what fails -------------------------------------------------------------------------------------------------------


def test_a_server_that_is_down_is_said_and_the_next_tick_sends_once(
    office: Office, box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = office.wanted(**ADDRESSES)
    office.run(1)

    said = office.deliver(wanted)
    told = deliver.waiting(wanted, office.production)
    with mail_server(box, office.smtp["port"]):
        later = office.deliver(wanted)
        office.deliver(wanted)

    assert said == "3 messages not sent (owner Anna: Connection refused), a later tick retries"
    assert 'not delivered messages=3 to="owner Anna" reason="Connection refused"' in caplog.text
    assert told[0] == "owner Anna (Connection refused)"
    assert later == "3 messages sent"
    assert len(box.mails) == 3
    assert deliver.waiting(wanted, office.production) == []


def test_tries_grow_rarer_and_never_rarer_than_four_hours(office: Office) -> None:
    office.run(1)
    waits = []

    for _ in range(9):
        office.deliver(office.wanted(to=["head@example.com"]))
        waits.append(round(office.kept["next_try"] - time.time()))
        office.wait_is_over()

    assert waits[:3] == [pytest.approx(0, abs=5), pytest.approx(600, abs=5), pytest.approx(1200, abs=5)]
    assert waits[-1] == pytest.approx(14_400, abs=5)


def test_a_message_waits_for_its_time(office: Office, box: Box) -> None:
    office.run(1)
    for _ in range(2):
        office.deliver(office.wanted(to=["head@example.com"]))

    with mail_server(box, office.smtp["port"]):
        said = office.deliver(office.wanted(to=["head@example.com"]))

    assert (said, box.mails) == ("", [])


def test_a_refused_address_holds_up_nobody_else(office: Office, box: Box) -> None:
    box.refused.add("anna@example.com")
    office.run(1)

    with mail_server(box, office.smtp["port"]):
        said = office.deliver(office.wanted(**ADDRESSES))

    assert box.recipients == ["bert@example.com", "head@example.com"]
    assert said.startswith("2 messages sent; 1 message not sent (owner Anna: the server refused the address (550 5.1.1")


@pytest.mark.slow
def test_a_server_that_says_nothing_costs_one_limit_for_all_messages(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_mail, "SECONDS", 0.3)
    office.run(1)

    with silent_server() as (port, n_connections):
        office.smtp["port"] = port
        said = office.deliver(office.wanted(**ADDRESSES, alert_url=f"http://127.0.0.1:{port}/"), "it failed")
        n_tried = n_connections()

    assert n_tried == 2  # one to the mail server, one with the alert
    assert said.startswith("4 messages not sent (owner Anna: no answer within 10 seconds)")


@pytest.mark.slow
def test_a_server_that_trickles_is_bounded_in_all(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mail, "SECONDS", 0.5)
    office.run(1)
    lines: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                for _ in range(400):
                    connection.sendall(b"220-x\r\n")
                    lines.append(b"220-x")
                    time.sleep(0.05)

        thread = threading.Thread(target=trickle)
        thread.start()
        office.smtp["port"] = server.getsockname()[1]
        said = office.deliver(office.wanted(to=["head@example.com"]))
        thread.join()

    assert len(lines) < 400  # it was hung up on
    assert "no answer within" in said


def test_a_state_that_cannot_be_written_sends_nothing(
    office: Office, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.run(1)
    (office.production / (paths.UNFINISHED + paths.DELIVERY)).mkdir()

    with mail_server(box, office.smtp["port"]):
        said = office.deliver(office.wanted(to=["head@example.com"]))

    assert said.startswith("nothing more was delivered (")
    assert not box.mails


def test_a_kill_between_sending_and_its_note_costs_one_repeat(
    office: Office, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = office.wanted(to=["head@example.com"])
    office.run(1)
    write, n_writes = files.write, []

    def killed(path: Path, content: Any) -> None:
        n_writes.append(path)
        if len(n_writes) == 2:
            raise KeyboardInterrupt
        write(path, content)

    with mail_server(box, office.smtp["port"]):
        monkeypatch.setattr(files, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            office.deliver(wanted)
        monkeypatch.setattr(files, "write", write)
        for _ in range(3):
            office.deliver(wanted)

    first, second = (message["Message-ID"] for _, message in box.mails)
    assert first == second


def test_two_deliveries_at_once_send_once(office: Office, box: Box) -> None:
    wanted = office.wanted(to=["head@example.com"])
    office.run(1)

    with mail_server(box, office.smtp["port"]):
        with files.lock(office.production / paths.DELIVERY_LOCK):
            assert office.deliver(wanted) == ""
        office.deliver(wanted)

    assert len(box.mails) == 1


# --- passwords --------------------------------------------------------------------------------------------------------


def everything_below(root: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("place", ["environment", "file"])
def test_the_password_is_sent_to_the_server_and_told_nobody(
    office: Office, box: Box, place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    office.smtp["user"] = "list"
    office.run(1)
    if place == "file":
        office.smtp["password_file"] = "mailpassword"
        (office.root / "mailpassword").write_text(f"\ufeff{SECRET}\n", encoding="utf-8")
    else:
        monkeypatch.setenv("RISK_SMTP_PASSWORD", SECRET)
    options = {"authenticator": box.authenticate, "auth_require_tls": False}

    with mail_server(box, office.smtp["port"], **options):
        said = office.deliver(office.wanted(to=["head@example.com"]))

    (office.root / "mailpassword").unlink(missing_ok=True)
    assert said == "1 message sent"
    assert box.logins == [SECRET.encode()]
    assert SECRET not in caplog.text
    assert SECRET.encode() not in everything_below(office.root)


def test_a_wrong_and_a_missing_password_are_said_without_it(
    office: Office, box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    office.smtp["user"] = "list"
    wanted = office.wanted(to=["head@example.com"])
    office.run(1)
    options = {"authenticator": box.authenticate, "auth_require_tls": False}

    with mail_server(box, office.smtp["port"], **options):
        missing = office.deliver(wanted)
        monkeypatch.setenv("RISK_SMTP_PASSWORD", "wr0ng")
        wrong = office.deliver(wanted)

    assert "key 'deliver.smtp.user' needs a password" in missing
    assert "the server refused user or password (535)" in wrong
    assert "wr0ng" not in wrong + caplog.text + everything_below(office.root).decode()
    assert not box.mails


def test_a_server_without_encryption_gets_neither_password_nor_list(
    office: Office, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISK_SMTP_PASSWORD", SECRET)
    office.smtp |= {"security": "starttls", "user": "list"}
    office.run(1)

    with mail_server(box, office.smtp["port"], authenticator=box.authenticate, auth_require_tls=False):
        said = office.deliver(office.wanted(to=["head@example.com"]))

    assert "STARTTLS extension not supported" in said
    assert (box.logins, box.mails) == ([], [])


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_an_encrypted_server_is_trusted_by_its_certificate_alone(
    office: Office, box: Box, security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    options = {"tls_context": context} if security == "starttls" else {"ssl_context": context}
    office.smtp |= {"security": security, "host": "localhost"}
    office.run(1)

    with mail_server(box, office.smtp["port"], **options):
        refused = office.deliver(office.wanted(to=["head@example.com"]))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusted = office.deliver(office.wanted(to=["head@example.com"]))

    assert "certificate verify failed" in refused
    assert trusted == "1 message sent"
    assert len(box.mails) == 1


# --- alerts -----------------------------------------------------------------------------------------------------------


def entry(kind: str, subject: str) -> dict[str, str]:
    return {"kind": kind, "subject": subject, "sentence": f"{subject} needs a person."}


def test_an_alert_tells_what_is_new_since_the_last_one_and_once(office: Office, web: Web) -> None:
    wanted = Deliver(alert_url=web.url)
    office.run(1, attention=[entry("held", "old")])
    office.run(2, outcome="deployed", release="1-aa", sentence="It is better.", attention=[entry("held", "old")])
    office.deliver(wanted)
    office.run(3, attention=[entry("held", "old"), entry("held", "b.csv")])

    office.deliver(wanted)
    office.deliver(wanted)

    assert [path for path, _ in web.posts] == ["/hooks/t0ken"] * 2
    first, second = (content for _, content in web.posts)
    assert first["text"] == "Deployed: a new model was deployed: 1-aa. It is better."
    assert second["events"] == [{"kind": "attention", "run": 3, "sentence": "b.csv needs a person."}]
    assert not re.search("acme|bolt|Anna", json.dumps(web.posts))


def test_the_same_failure_is_told_once_until_a_run_ends_well(office: Office, web: Web) -> None:
    wanted = Deliver(alert_url=web.url)
    office.run(1)

    for failure in ("disk full", "disk full", "no disk", None, "disk full"):
        office.deliver(wanted, failure)

    assert [content["text"] for _, content in web.posts] == [
        f"A run failed: {why}" for why in ("disk full", "no disk", "disk full")
    ]


def test_a_redirect_is_not_followed_and_the_url_is_told_nobody(
    office: Office, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    web.status, web.location = 307, web.url.replace("/hooks/t0ken", "/elsewhere")
    wanted = Deliver(alert_url=web.url)

    said = office.deliver(wanted, "disk full")
    web.status = 204
    later = office.deliver(wanted, "disk full")

    assert (
        said == "1 message not sent (alert: the server answered 307; redirects are not followed), a later tick retries"
    )
    assert later == "1 message sent"
    assert {path for path, _ in web.posts} == {"/hooks/t0ken"}
    assert "t0ken" not in caplog.text + everything_below(office.root).decode()


def test_news_does_not_wait_for_the_next_try_of_an_old_alert(office: Office, web: Web) -> None:
    wanted, web.status = Deliver(alert_url=web.url), 500
    for _ in range(2):
        office.deliver(wanted, "disk full")
    assert office.deliver(wanted, "disk full") == ""

    web.status = 200
    said = office.deliver(wanted, "no disk")

    assert said == "1 message sent"
    assert web.posts[-1][1]["text"] == "A run failed: disk full\nA run failed: no disk"


def test_alerts_and_mail_do_not_hold_each_other_up(office: Office, web: Web) -> None:
    office.run(1, outcome="deployed", release="1-aa")

    said = office.deliver(office.wanted(to=["head@example.com"], alert_url=web.url))

    assert said.startswith("1 message sent; 1 message not sent (head@example.com: Connection refused)")


# --- the whole process ------------------------------------------------------------------------------------------------


@pytest.fixture
def delivering(installations: Installations, tmp_path: Path) -> Callable[..., Project]:
    """A deployed project whose settings deliver."""

    def configured(**keys: Any) -> Project:
        project = installations.copy(make_deployed, tmp_path)
        project.configure(deliver=keys)
        return project

    return configured


def smtp(port: int) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "security": "none", "from": "list@example.com"}


@pytest.mark.slow
def test_a_run_whose_mail_fails_ends_as_ever_and_the_next_ticks_send_once(
    delivering: Callable[..., Project], box: Box
) -> None:
    port = free_port()
    project = delivering(to=["head@example.com"], smtp=smtp(port))
    words = ["--config", str(project.root / "config.json")]

    run = project.run("fullprocess", whole=True)
    was_idle = tick.idle(words)
    with mail_server(box, port):
        again = project.run("fullprocess")
        last = project.run("fullprocess")

    assert run.code == again.code == last.code == 0, run.err
    assert "; delivery: 1 message not sent (head@example.com: Connection refused), a later tick retries" in run.out
    assert "not delivered" in run.err
    assert not was_idle
    assert again.out == "no new data; delivery: 1 message sent\n"
    assert last.out == "no new data\n"
    assert tick.idle(words)
    pdf = next(it for it in box.to("head@example.com").iter_attachments() if it.get_filename() == "report.pdf")
    assert pdf.get_content() == (project.root / "models" / "report.pdf").read_bytes()


@pytest.mark.slow
def test_a_waiting_message_starts_no_run_and_is_told_by_status(delivering: Callable[..., Project]) -> None:
    project = delivering(to=["head@example.com"], smtp=smtp(free_port()))
    project.run("fullprocess")
    before = project.text("production_deployment/journal.jsonl")

    retried = project.run("fullprocess")
    is_idle = tick.idle(["--config", str(project.root / "config.json")])  # the second wait has begun

    assert retried.out.startswith("no new data; delivery: 1 message not sent")
    assert project.text("production_deployment/journal.jsonl") == before
    assert is_idle
    assert "not sent: head@example.com (Connection refused)" in project.run("fullprocess", "--status").out


def test_a_failed_run_posts_an_alert_and_fails_as_ever(delivering: Callable[..., Project], web: Web) -> None:
    project = delivering(alert_url=web.url)
    (project.root / "production_deployment" / "current").unlink()

    said = project.run("fullprocess")

    assert said.code == 1
    assert [content["events"][0]["kind"] for _, content in web.posts] == ["failed"]
    assert str(project.root) not in json.dumps(web.posts)


@pytest.mark.slow
def test_a_dry_run_and_practice_deliver_nothing(delivering: Callable[..., Project], box: Box) -> None:
    port = free_port()
    project = delivering(to=["head@example.com"], smtp=smtp(port))

    with mail_server(box, port):
        said = [project.run("fullprocess", word) for word in ("--dry-run", "--practice", "--status")]

    assert [it.code for it in said] == [0, 4, 0], said  # there are no practice data
    assert not box.mails
    assert not list(project.root.rglob(paths.DELIVERY))


def test_a_test_says_what_arrived(project: Project, box: Box, web: Web) -> None:
    port = free_port()
    project.configure(deliver={"to": ["head@example.com"], "smtp": smtp(port), "alert_url": web.url})

    down = project.run("fullprocess", "--deliver-test")
    with mail_server(box, port):
        well = project.run("fullprocess", "--deliver-test")

    assert (down.code, well.code) == (1, 0)
    assert down.out == "head@example.com: not sent (Connection refused)\ndeliver.alert_url: sent\n"
    assert well.out == "head@example.com: sent\ndeliver.alert_url: sent\n"
    assert box.recipients == ["head@example.com"]
    assert not (project.root / "production_deployment").exists()


# --- settings ---------------------------------------------------------------------------------------------------------

SERVER = {"host": "mail.example.com", "from": "list@example.com"}


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"when": "hourly"}, r"'deliver.when' is wrong; input should be 'weekly', 'daily' or 'each'"),
        ({"to": ["a@b.c"]}, r"key 'deliver': owners and to need a mail server"),
        ({"to": ["a@b.c\nBcc: d@e.f"], "smtp": SERVER}, r"'deliver.to.0' is wrong; expected one mail address"),
        ({"to": ["a@b.c, d@e.f"], "smtp": SERVER}, r"'deliver.to.0' is wrong"),
        ({"to": ["Anna <a@b.c>"], "smtp": SERVER}, r"'deliver.to.0' is wrong"),
        ({"owners": {"Anna": "anna"}, "smtp": SERVER}, r"'deliver.owners.Anna' is wrong; expected one mail address"),
        ({"owners": {"": "a@b.c"}, "smtp": SERVER}, r"at least 1 character"),
        ({"smtp": SERVER | {"from": "a@b.c\r\nX: y"}}, r"'deliver.smtp.from' is wrong"),
        ({"smtp": {"host": "h"}}, r"key 'deliver.smtp.from' is missing; expected a text"),
        ({"smtp": SERVER | {"hots": "x"}}, r"unknown key 'deliver.smtp.hots'; did you mean 'host'\?"),
        (
            {"smtp": SERVER | {"password": SECRET}},
            r"unknown key 'deliver.smtp.password'; did you mean 'password_file'\?",
        ),
        ({"smtp": SERVER | {"host": f"list:{SECRET}@h"}}, r"'deliver.smtp.host' is wrong"),
        ({"smtp": SERVER | {"port": "25"}}, r"'deliver.smtp.port' is wrong; input should be a valid integer"),
        (
            {"smtp": SERVER | {"security": "none", "user": "u"}},
            r"'deliver.smtp': a password is sent without encryption",
        ),
        ({"smtp": SERVER | {"password_file": "p"}}, r"'deliver.smtp': password_file needs a user"),
        ({"alert_url": "ftp://h/x"}, r"'deliver.alert_url' is wrong; expected the URL of a web hook"),
        ({"alert_url": f"https://u:{SECRET}@h/x"}, r"'deliver.alert_url' is wrong"),
        ({"alert_url": "https://h/x\r\ny"}, r"'deliver.alert_url' is wrong"),
        ({"alert_url": "https://h:port/"}, r"'deliver.alert_url' is wrong"),
        ({"ownrs": {}}, r"unknown key 'deliver.ownrs'; did you mean 'owners'\?"),
    ],
)
def test_a_wrong_delivery_is_one_sentence_without_a_secret(
    project: Project, section: dict[str, Any], told: str
) -> None:
    project.configure(deliver=section)

    said = project.run("fullprocess")

    assert said.code == 2
    assert re.search(told, said.err), said.err
    assert SECRET not in said.err
    assert said.err.count("\n") == 1


def test_a_password_without_encryption_goes_to_this_machine_alone(project: Project) -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        project.configure(deliver={"smtp": SERVER | {"host": host, "security": "none", "user": "u"}})

        assert project.settings.deliver.smtp is not None


def test_practice_has_nobody_to_deliver_to(project: Project) -> None:
    project.configure(deliver={"alert_url": "https://h/x"})

    assert not settings.load(project.root / "config.json", practice=True).deliver.is_wanted
