from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from risk.errors import DiskError
from risk.service import server as serving_room
from risk.service.server import THREADS, HttpServer
from tests.installation import lay_out

ROOT = Path(__file__).resolve().parents[2]

LARGE = b"x" * 20_000_000


def answering(environ: Any, start_response: Any) -> Iterable[bytes]:
    answer = environ["wsgi.input"].read() or LARGE
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


@pytest.fixture
def served() -> Iterator[tuple[HttpServer, threading.Event, threading.Thread]]:
    ended = threading.Event()
    server = HttpServer(answering, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=(ended.is_set,))
    thread.start()
    yield server, ended, thread
    ended.set()
    thread.join(30)


Served = tuple[HttpServer, threading.Event, threading.Thread]


@pytest.mark.slow
def test_a_request_that_is_half_received_is_finished_and_the_door_is_closed(served: Served) -> None:
    server, ended, thread = served
    flying = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    flying.putrequest("POST", "/")
    flying.putheader("Content-Length", "8")
    flying.endheaders(b"half")
    time.sleep(0.3)

    ended.set()
    wait_until_closed(server.port)
    flying.send(b"done")
    answer = flying.getresponse().read()
    flying.close()
    thread.join(20)

    assert answer == b"halfdone"
    assert not thread.is_alive()


# waitress leaves the temporary file of a large answer to the collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_answer_that_is_read_slowly_is_sent_whole(served: Served) -> None:
    server, ended, thread = served
    flying = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    flying.request("GET", "/")
    answer = flying.getresponse()

    ended.set()
    wait_until_closed(server.port)
    found = answer.read()
    flying.close()
    thread.join(20)

    assert found == LARGE
    assert not thread.is_alive()


def wait_until_closed(port: int) -> None:
    patience = time.monotonic() + 20
    while time.monotonic() < patience:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # the door was closed while this one stood in it
            continue
        time.sleep(0.05)
    pytest.fail("the server still takes connections")


def test_a_taken_address_is_an_error_for_people() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(DiskError, match=f"127.0.0.1:{port} cannot be listened at"):
            HttpServer(answering, "127.0.0.1", port)


def asked(port: int, path: str, body: bytes | None = None) -> tuple[int, str | None, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("POST" if body else "GET", path, body)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Retry-After"), answer.read()


@contextlib.contextmanager
def serving(application: Any) -> Iterator[int]:
    ended, server = threading.Event(), HttpServer(application, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=(ended.is_set,))
    thread.start()
    try:
        yield server.port
    finally:
        ended.set()
        thread.join(30)


@pytest.mark.slow
def test_what_waits_too_long_is_told_to_come_again_and_the_watchers_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving_room, "LONGEST_WAIT", 0.5)
    free = threading.Event()

    def busy(environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/health":
            free.wait(20)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]

    with serving(busy) as port, ThreadPoolExecutor(20) as clients:
        working = [clients.submit(asked, port, "/") for _ in range(THREADS)]
        time.sleep(0.5)
        told = [answer.result() for answer in [clients.submit(asked, port, "/") for _ in range(8)]]
        health = asked(port, "/health")
        free.set()

    assert {(status, retry) for status, retry, _ in told} == {(503, "2")}
    assert json.loads(told[0][2])["detail"].endswith("retry in a few seconds")
    assert health == (200, None, b"done")
    assert [answer.result()[0] for answer in working] == [200] * THREADS


@pytest.mark.slow
def test_more_work_than_a_second_is_refused_at_once_and_an_ordinary_burst_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving_room, "LONGEST_WAIT", 60.0)
    free = threading.Event()

    def busy(environ: Any, start_response: Any) -> Iterable[bytes]:
        free.wait(20)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]

    with serving(busy) as port, ThreadPoolExecutor(330) as clients:
        burst = [clients.submit(asked, port, "/") for _ in range(300)]
        time.sleep(2)
        large = [clients.submit(asked, port, "/", b"x" * 15_000_000) for _ in range(2)]
        wait(large, return_when=FIRST_COMPLETED, timeout=20)
        refused = [answer.result()[0] for answer in large if answer.done()]
        free.set()

    assert set(refused) == {503}
    assert sorted(answer.result()[0] for answer in large) == [200, 503]
    assert [answer.result()[0] for answer in burst] == [200] * 300


@pytest.mark.slow
def test_an_ordinary_burst_is_answered_whole() -> None:
    def quick(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]

    with serving(quick) as port, ThreadPoolExecutor(50) as clients:
        answers = list(clients.map(lambda _: asked(port, "/")[0], range(500)))

    assert answers == [200] * 500


@contextlib.contextmanager
def started(root: Path, limit: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    lay_out(root)
    code = f"ulimit -n {limit}; exec {sys.executable} {ROOT / 'app.py'} --config {root / 'config.json'} --port 0"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(["bash", "-c", code], text=True, **pipes) as served:  # type: ignore[call-overload]
        yield served, served.stdout.readline()
        served.terminate()


@pytest.mark.slow
def test_idle_connections_leave_room_for_those_who_ask(tmp_path: Path) -> None:
    with started(tmp_path, 160) as (served, line), contextlib.ExitStack() as stack:
        port = int(line.rstrip().rstrip("/").rpartition(":")[2])
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))

        found = [asked(port, "/live/none")[0] for _ in range(20)]
        served.terminate()

        assert found == [404] * 20
        assert served.communicate(timeout=30)[1] == ""


@pytest.mark.slow
def test_the_first_line_says_who_is_answered_and_ends_in_the_address(tmp_path: Path) -> None:
    with started(tmp_path, 1024) as (_, line):
        assert line.startswith("without a token: answered is everybody with an account on this machine")
        assert line.split()[-1].startswith("http://127.0.0.1:")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_start_that_cannot_be_told_is_one_line(tmp_path: Path) -> None:
    lay_out(tmp_path)
    words = [sys.executable, str(ROOT / "app.py"), "--config", str(tmp_path / "config.json"), "--port", "0"]

    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("standard output: it cannot be written (No space left on device).")
    assert done.stderr.count("\n") == 1
