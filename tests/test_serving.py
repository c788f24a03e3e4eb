from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from risk.errors import DiskError
from risk.serving import Server

LARGE = b"x" * 20_000_000


def answering(environ: Any, start_response: Any) -> Iterable[bytes]:
    answer = environ["wsgi.input"].read() or LARGE
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]


@pytest.fixture
def served() -> Iterator[tuple[Server, threading.Event, threading.Thread]]:
    ended = threading.Event()
    server = Server(answering, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=(ended.is_set,))
    thread.start()
    yield server, ended, thread
    ended.set()
    thread.join(30)


Served = tuple[Server, threading.Event, threading.Thread]


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
        time.sleep(0.05)
    pytest.fail("the server still takes connections")


def test_a_taken_address_is_an_error_for_people() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(DiskError, match=f"127.0.0.1:{port} cannot be listened at"):
            Server(answering, "127.0.0.1", port)
