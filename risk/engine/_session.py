"""The session with Spark: started at the first question, one per process, with our own code on every worker."""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import risk
from risk.errors import ConfigError, EngineError
from risk.settings.engine_choice import TOKEN, EngineChoice

INSTALL = "Nothing was changed. Run make spark, or set 'engine.kind' to 'duckdb'."
NEEDED = ("pyspark", "pyarrow")
OF_CONNECT = ("grpc", "grpc_status", "google.rpc")
USUAL = {
    "spark.app.name": "churn-risk",
    "spark.ui.enabled": "false",  # the page asks for no password
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.driver.memory": "1g",
    "spark.executor.memory": "1g",
}
OURS = {  # what answers depend on
    "spark.sql.caseSensitive": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
}
Answer = TypeVar("Answer")


def check(choice: EngineChoice) -> None:
    """Raises: ConfigError where Spark is not installed, or Java, which it needs but for Connect."""
    needed = (*NEEDED, *(OF_CONNECT if choice.is_connect else ()))
    if missing := [name for name in needed if not _is_there(name)]:
        raise ConfigError(f"key 'engine.kind' is 'spark', but the package {missing[0]} is not installed. {INSTALL}")
    if not choice.is_connect and not _java():
        told = "key 'engine.kind' is 'spark', which needs Java 17 or newer (no java on PATH, and no JAVA_HOME)"
        raise ConfigError(f"{told}. {INSTALL}")


def session(choice: EngineChoice) -> Any:
    """The session of this process. Raises: EngineError where no cluster answers."""
    return asked(lambda: _started(choice.master or "", tuple(sorted(choice.options.items()))))


def asked(question: Callable[[], Answer]) -> Answer:
    """The answer of the cluster. Raises: EngineError where it does not answer, or says that something failed."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that pandas is newer: no frame of pandas is handed to Spark
            return question()
    except (PySparkException, Py4JError, OSError) as error:
        told = "the Spark cluster did not finish its work"
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        why = next((line for line in reversed(lines) if line.startswith("Caused by:")), " ".join(lines[:2]))
        raise EngineError(
            f"engine: {told} ({why[:300]}). The dataset is unchanged. See to the cluster, then run again.",
            record=f"engine: {told}; the log says why",
        ) from error


def stop() -> None:
    """End the session, and with it the Java process."""
    if _started.cache_info().currsize:
        from pyspark.sql import SparkSession

        if found := SparkSession.getActiveSession():
            found.stop()
    _started.cache_clear()


@functools.lru_cache(1)
def _started(master: str, options: tuple[tuple[str, str], ...]) -> Any:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    if master.startswith("sc://"):
        token = os.environ.get(TOKEN)
        builder = builder.remote(f"{master.rstrip('/')}/;token={token}" if token else master)
    else:
        builder = builder.master(master)
    for name, value in (USUAL | dict(options) | OURS).items():
        builder = builder.config(name, value)
    found = builder.getOrCreate()
    scratch = tempfile.mkdtemp()  # workers ask for it as long as the session lives
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    atexit.register(stop)  # this comes first
    code = str(_packed(Path(scratch)))
    if master.startswith("sc://"):
        found.addArtifacts(code, pyfile=True)
    else:
        found.sparkContext.addPyFile(code)
    return found


def _packed(folder: Path) -> Path:
    """Our own code as one file that a worker imports from."""
    root = Path(risk.__file__).parent
    sources = sorted(root.rglob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    packed = folder / f"risk-{digest}.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in sources:
            file.write(path, path.relative_to(root.parent))
    return packed


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # a package around it, or it was put out of reach
        return False


def _java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return bool(shutil.which("java") or (home and Path(home, "bin", "java").is_file()))
