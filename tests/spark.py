"""A Spark cluster of the tests' own: a standalone master and two workers with one core each, on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

WAIT = 300.0  # seconds, of a machine with other work
LIGHT = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"  # Java starts sooner


def need() -> None:
    """Skip a test without Spark or Java; fail it where CI is set. For fixtures: `make test` reads these files, too."""
    missing = [name for name in ("pyspark", "pyarrow") if importlib.util.find_spec(name) is None]
    missing += [] if shutil.which("java") else ["java"]
    if missing:
        end = pytest.fail if os.environ.get("CI") else pytest.skip
        end(f"{missing[0]} is not installed: make spark java")


@dataclass
class Cluster:
    """A master and its workers, as processes of our own."""

    folder: Path
    port: int = 0
    page: int = 0
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def master(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, str]:
        """Options for an application on this cluster."""
        return {
            "spark.driver.memory": "600m",
            "spark.executor.memory": "500m",
            "spark.driver.extraJavaOptions": LIGHT,
            "spark.executor.extraJavaOptions": LIGHT,
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": "4",
            "spark.ui.enabled": "true",
            "spark.cores.max": "2",
            "spark.scheduler.minRegisteredResourcesRatio": "1.0",  # so that both workers are there
            "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s",
        }

    def start(self, name: str, *words: str) -> None:
        spark = Path(str(importlib.util.find_spec("pyspark").submodule_search_locations[0]))  # type: ignore[union-attr,index]
        environment = os.environ | {
            "SPARK_HOME": str(spark),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": f"{LIGHT} -Dspark.master.rest.enabled=false",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable,
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [str(spark / "bin/spark-class"), f"org.apache.spark.deploy.{words[0]}", *words[1:]],
                env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, start_new_session=True,
            )  # fmt: skip

    def start_worker(self, name: str) -> None:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        words = [
            "--host",
            "127.0.0.1",
            "--cores",
            "1",
            "--memory",
            "600m",
            "--webui-port",
            "0",
            "--work-dir",
            str(home),
        ]
        self.start(name, "worker.Worker", *words, self.master)

    def state(self) -> dict[str, Any]:
        """What the master's page says."""
        state: dict[str, Any] = answer(f"http://127.0.0.1:{self.page}/json/")
        return state

    def alive(self) -> int:
        return sum(worker["state"] == "ALIVE" for worker in self.state()["workers"])

    def kill(self, name: str) -> None:
        """Kill a process of the cluster with all that it has started."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name)


def answer(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as found:
        return json.loads(found.read())


def until(is_so: Callable[[], Any], what: str) -> Any:
    """Wait for something; an error of the network is not yet."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, KeyError):
            if found := is_so():
                return found
        time.sleep(0.2)
    pytest.fail(f"{what} did not come about within {WAIT:.0f} seconds")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Give a cluster with so many workers of one core; every process of it ends."""
    made = Cluster(folder, free_port(), free_port())
    try:
        words = ["--host", "127.0.0.1", "--port", str(made.port), "--webui-port", str(made.page)]
        made.start("master", "master.Master", *words)
        until(lambda: made.state(), "the master")
        for number in range(workers):
            made.start_worker(f"worker{number}")
        until(lambda: made.alive() == workers, "the workers")
        yield made
    finally:
        made.stop()
