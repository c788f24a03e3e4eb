"""The service under load: swaps of the release, more than it can do, a million predictions, and what watching costs."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response

from risk.registry import releases
from risk.service import traffic
from risk.service.access import AccessLog
from risk.settings.settings import Settings
from tests.benchmarks.measure import ROOT, Table
from tests.installation import deploy, lay_out, report

RATE, SWAPS, PAUSE = 200, 1_000, 0.3  # requests a second; swaps, and seconds between two
STALE = 2.0  # seconds after which no answer may be of a release that is no longer live
ROWS = 100  # of a request in the soak
HEAVY = 2_000  # of one where the load is more than the service can do, so that it is not more than the asker can
OVERLOAD, SECONDS, MOST_OPEN = 2.0, 15.0, 1_800
PREDICTIONS = 1_000_000
Row = tuple[str, str, str, bool | None]


def bench(swaps: int = SWAPS, predictions: int = PREDICTIONS) -> Table:
    """Measure all four."""
    with installed(20) as (settings, thresholds), served(settings) as (port, process):
        rows = _of_swaps(asyncio.run(swapped(settings, thresholds, port, swaps, PAUSE, RATE)), thresholds, swaps)
        rows += asyncio.run(_overloaded(port))
        rows += asyncio.run(_soaked(port, process.pid, predictions))
    return Table(
        "The service under load",
        "`python app.py` with a logistic model of three columns; client and service share the machine. "
        "Open loop: requests are sent when they are due, and time counts from then.",
        [*rows, *_watching()],
    )


@dataclass(frozen=True)
class Answered:
    """One answer: when it was due and when it came, its status (0: none came), what it says, its Retry-After."""

    due: float
    came: float
    status: int
    told: dict[str, Any]
    retry: bool

    @property
    def milliseconds(self) -> float:
        return 1000 * (self.came - self.due)


@dataclass(frozen=True)
class Swaps:
    """What was answered while the release changed; of each change its beginning, end and release."""

    answers: Sequence[Answered]
    changes: Sequence[tuple[float, float, str]]

    def n_mixed(self, thresholds: dict[str, float]) -> int:
        """Answers with the threshold of another release than the one they name."""
        good = [it for it in self.answers if it.status == 200]
        return sum(thresholds[it.told["release"]] != it.told["threshold"] for it in good)

    @property
    def n_told(self) -> int:
        """Requests that were told to come again: there was more to do than this machine could."""
        return sum(it.status == 503 and it.retry for it in self.answers)

    @property
    def n_failed(self) -> int:
        """Requests that were neither answered nor told to come again."""
        return sum(it.status != 200 for it in self.answers) - self.n_told

    @property
    def n_stale(self) -> int:
        """Answers of a release that was not live in the seconds before they were asked for, nor until they came."""
        begins, ends = [it[0] for it in self.changes], [it[1] for it in self.changes[1:]] + [float("inf")]
        lives: dict[str, list[tuple[float, float]]] = {}
        for (_, _, name), begin, end in zip(self.changes, begins, ends, strict=True):
            lives.setdefault(name, []).append((begin, end))
        good = [it for it in self.answers if it.status == 200 and it.due > begins[0] + STALE]
        return sum(
            not any(begin <= it.came and end >= it.due - STALE for begin, end in lives.get(it.told["release"], []))
            for it in good
        )


# --- a service to ask -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def installed(n_releases: int) -> Iterator[tuple[Settings, dict[str, float]]]:
    """An installation with so many releases, and the threshold of each: no two have the same."""
    with tempfile.TemporaryDirectory() as folder:
        settings = lay_out(Path(folder) / "root")
        thresholds = {f"{number}-{number:02x}": round(0.2 + number / 100, 2) for number in range(1, n_releases + 1)}
        for name, threshold in thresholds.items():
            deploy(settings, name, threshold)
        report(settings, "1", next(iter(thresholds)))
        yield settings, thresholds


@contextlib.contextmanager
def served(settings: Settings) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The service of an installation: its port and process."""
    words = [sys.executable, str(ROOT / "app.py"), "--config", str(settings.source_file), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        try:
            yield int(line.rstrip().rstrip("/").rpartition(":")[2]), process
        finally:
            process.terminate()


class Caller:
    """Asks over connections that are kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.n_open = 0

    async def ask(self, request: bytes, due: float) -> Answered:
        """Send a request and wait for its answer."""
        try:
            status, head, body = await self._asked(request)
        except (OSError, EOFError, asyncio.IncompleteReadError):
            self.n_open -= 1
            return Answered(due, time.monotonic(), 0, {}, False)
        told = json.loads(body) if body[:1] == b"{" else {}
        return Answered(due, time.monotonic(), status, told, b"\r\nRetry-After:" in head)

    async def _asked(self, request: bytes) -> tuple[int, bytes, bytes]:
        while self._free and self._free[-1][0].at_eof():  # silent for long, and so closed by the service
            self._free.pop()
            self.n_open -= 1
        if self._free:
            reader, writer = self._free.pop()
        else:
            self.n_open += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"\r\nContent-Length: (\d+)", head)
        body = await reader.readexactly(int(size[1])) if size else b""
        self._free.append((reader, writer))
        return int(head[9:12]), head, body

    async def closed(self) -> None:
        """Close what is open."""
        for _, writer in self._free:
            writer.close()


@contextlib.asynccontextmanager
async def calling(port: int) -> AsyncIterator[Caller]:
    """Somebody who asks the service at a port."""
    caller = Caller(port)
    yield caller
    await caller.closed()


def request(n_rows: int) -> bytes:
    """A request for the prediction of so many rows."""
    row = {"activity": 31, "size": 10, "sector": "bank"}
    body = json.dumps([row | {"activity": n} for n in range(n_rows)]).encode()
    head = "POST /prediction HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


async def paced(caller: Caller, asked: bytes, rate: float, ended: asyncio.Event) -> list[Answered]:
    """Ask at a rate, whether answers have come or not, until it is ended."""
    tasks: list[asyncio.Task[Answered]] = []
    begun = time.monotonic()
    while not ended.is_set():
        due = begun + len(tasks) / rate
        await asyncio.sleep(max(due - time.monotonic(), 0))
        tasks.append(asyncio.create_task(caller.ask(asked, due)))
    return list(await asyncio.gather(*tasks))


# --- swaps ------------------------------------------------------------------------------------------------------------


async def swapped(
    settings: Settings, thresholds: dict[str, float], port: int, n_swaps: int, pause: float, rate: float
) -> Swaps:
    """Make one release after the other the live one, by the function that rolls back, while requests come at a rate."""
    known = [releases.named(settings.production, name) for name in thresholds]
    ended, changes = asyncio.Event(), []
    async with calling(port) as caller:
        asking = asyncio.create_task(paced(caller, request(1), rate, ended))
        for number in range(n_swaps):
            target, begun = known[number % len(known)], time.monotonic()
            await asyncio.to_thread(releases.roll_back, settings.production, target, {"reason": "a swap"})
            changes.append((begun, time.monotonic(), target.name))
            await asyncio.sleep(pause)
        ended.set()
        return Swaps(await asking, changes)


def _of_swaps(found: Swaps, thresholds: dict[str, float], n_swaps: int) -> list[Row]:
    n_answers, late = len(found.answers), p99([it.milliseconds for it in found.answers])
    n_seen = len({it.told.get("release") for it in found.answers})
    wrong = {
        "failed": found.n_failed,
        "told to retry": found.n_told,
        "mixed": found.n_mixed(thresholds),
        "stale after 2 s": found.n_stale,
    }
    what = f"{n_answers:,} requests at {RATE} a second, {n_swaps:,} swaps of {n_seen} releases"
    rows: list[Row] = [(f"{what}: {name}", f"{n:,}", "0", n == 0) for name, n in wrong.items()]
    return [*rows, ("99 of 100 answered within", f"{late:.0f} ms", "≤ 100 ms", late <= 100)]


# --- more than it can do ----------------------------------------------------------------------------------------------


async def overloaded(port: int, n_rows: int, seconds: float, times: float) -> tuple[float, list[Answered]]:
    """Measure what the service can do (requests a second), then ask for so many times as much."""
    async with calling(port) as caller:
        begun, n_done, asked = time.monotonic(), 0, request(n_rows)

        async def steadily() -> None:
            nonlocal n_done
            while time.monotonic() < begun + seconds / 3:
                await caller.ask(asked, time.monotonic())
                n_done += 1

        await asyncio.gather(*(steadily() for _ in range(16)))
        capacity = n_done / (time.monotonic() - begun)
        tasks: set[asyncio.Task[Answered]] = set()
        answers: list[Answered] = []
        begun, n_sent = time.monotonic(), 0
        while time.monotonic() < begun + seconds:
            await asyncio.sleep(max(begun + n_sent / (times * capacity) - time.monotonic(), 0))
            n_sent += 1
            if len(tasks) < MOST_OPEN:
                task = asyncio.create_task(caller.ask(asked, time.monotonic()))
                tasks.add(task)
                task.add_done_callback(lambda it: (tasks.discard(it), answers.append(it.result())))
        await asyncio.gather(*tasks)
        await asyncio.sleep(0)
        return capacity, answers


async def _overloaded(port: int) -> list[Row]:
    capacity, answers = await overloaded(port, HEAVY, SECONDS, OVERLOAD)
    taken = [it for it in answers if it.status == 200]
    told = [it for it in answers if it.status == 503 and it.retry]
    n_other, late = len(answers) - len(taken) - len(told), p99([it.milliseconds for it in taken])
    what = f"{OVERLOAD:g} times the {capacity:,.0f} requests of {HEAVY:,} rows a second that it can do"
    return [
        (f"{what}: answered, and told to retry (503)", f"{len(taken):,}, {len(told):,}", "both", bool(taken and told)),
        ("neither answered nor told", f"{n_other:,}", "0", n_other == 0),
        ("99 of 100 of the answered within", f"{late:.0f} ms", "≤ 500 ms", late <= 500),
    ]


# --- a million predictions --------------------------------------------------------------------------------------------


async def _soaked(port: int, process: int, n_predictions: int) -> list[Row]:
    asked, sizes = request(ROWS), []
    n_failed = 0
    async with calling(port) as caller:
        for _ in range(10):
            for _ in range(n_predictions // ROWS // 10 // 4):
                four = await asyncio.gather(*(caller.ask(asked, time.monotonic()) for _ in range(4)))
                n_failed += sum(it.status != 200 for it in four)
            sizes.append(megabytes(process))
    growth = sizes[-1] / sizes[0] - 1
    what = f"memory after {n_predictions // 10:,} and after {n_predictions:,} predictions ({n_failed} requests failed)"
    return [(what, f"{sizes[0]:.0f} MB, {sizes[-1]:.0f} MB", "≤ 3 % more", growth <= 0.03 and not n_failed)]


def megabytes(process: int) -> float:
    """The memory that a process holds."""
    (kilobytes,) = re.findall(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    return int(kilobytes) / 1000


# --- what watching costs ----------------------------------------------------------------------------------------------


def _watching(times: int = 300) -> list[Row]:
    """CPU of one request to an application that answers a constant, bare, with ids and counts, and with the log too."""
    with tempfile.TemporaryDirectory() as folder:
        apps = [_hello(), _hello(), _hello()]
        traffic.furnish(apps[1], None)
        traffic.furnish(apps[2], AccessLog("access.log", Path(folder)))
        seconds: list[list[float]] = [[], [], []]
        for _ in range(times):
            for app, found in zip(apps, seconds, strict=True):
                begun = time.thread_time()
                for _ in range(20):
                    b"".join(app.wsgi_app(_environ(), lambda *_: lambda _: None))
                found.append((time.thread_time() - begun) / 20)
    bare, counted, logged = (1e6 * min(it) for it in seconds)  # what else runs on the machine only adds
    whole = 1e6 * _served_hello()
    return [
        (f"{what}, of the {whole:.0f} µs of CPU of a request that is answered a constant", f"{cost / whole:.1%}", goal,
         cost <= 0.05 * whole if goal else None)
        for what, cost, goal in [("ids and metrics", counted - bare, "≤ 5 %"), ("… and access log", logged - bare, "")]
    ]  # fmt: skip


def _served_hello(times: int = 4_000) -> float:
    """CPU seconds of our server for one request to an application that answers a constant."""
    code = (
        "from tests.benchmarks.load import _hello; from risk.service.server import HttpServer; "
        "server = HttpServer(_hello(), '127.0.0.1', 0); print(server.port, flush=True); server.run(lambda: False)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline()) if process.stdout else 0

        async def ask(n_requests: int) -> None:
            async with calling(port) as caller:
                for _ in range(n_requests):
                    await caller.ask(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 0.0)

        asyncio.run(ask(200))
        before = _cpu(process.pid)
        asyncio.run(ask(times))
        used = _cpu(process.pid) - before
        process.terminate()
    return used / times


def _cpu(process: int) -> float:
    """CPU seconds that a process has used."""
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _hello() -> Flask:
    app = Flask("hello")
    app.add_url_rule("/", view_func=lambda: Response(b"{}", mimetype="application/json"), methods=["POST"])
    return app


def _environ() -> dict[str, Any]:
    told = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "SERVER_NAME": "x", "SERVER_PORT": "80", "SCRIPT_NAME": ""}
    told |= {"SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "QUERY_STRING": ""}
    return told | {"wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}


def p99(figures: Sequence[float]) -> float:
    """What 99 of 100 figures do not pass."""
    return sorted(figures)[min(len(figures) - 1, 99 * len(figures) // 100)] if figures else 0.0
