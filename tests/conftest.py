"""What the tests share: a project of its own in a temporary folder, with real files and the real scripts."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

from risk import command
from risk.disk import paths, tick
from risk.settings import settings
from tests.once import remember_fits

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one worker a core: more threads wait for each other, at full load
# The same draws each time, and as long as a busy machine takes, so that a suite that passed passes again; new ones:
# pytest --hypothesis-profile=default
hypothesis.settings.register_profile(
    "same draws", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("same draws")

FIVE_KEYS = {
    "input_folder_path": "sourcedata",
    "output_folder_path": "ingesteddata",
    "test_data_path": "testdata",
    "output_model_path": "models",
    "prod_deployment_path": "production_deployment",
}
HEADER = "corporation,lastmonth_activity,lastyear_activity,number_of_employees,exited"


FIT_ANEW = ("modeling", "registry", "test_order.py")  # tests of fitting, and of runs that have to be equal


@dataclass(frozen=True)
class Said:
    """What a script said: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out.strip().splitlines()[-1])


class Project:
    """One installation: folders, settings, files that arrived a while ago, scripts that run in it."""

    def __init__(self, root: Path):
        self.root = root
        for folder in ("sourcedata", "testdata", "practicedata"):
            (root / folder).mkdir(exist_ok=True)
        if not (root / "config.json").exists():
            self.configure()

    def configure(self, **sections: Any) -> None:
        """Write the settings. The family is fixed: the choice among all takes most of a run, and few tests need it."""
        known = FIVE_KEYS | {"model": {"family": "logistic"}} | sections
        (self.root / "config.json").write_text(json.dumps(known))

    @property
    def settings(self) -> settings.Settings:
        return settings.load(self.root / "config.json")

    def drop(self, name: str, content: str | bytes, age: float = 60.0) -> Path:
        """Put a file there as if it had arrived `age` seconds ago."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        moment = time.time() - age
        os.utime(path, (moment, moment))
        return path

    def run(self, name: str, *words: str, whole: bool = False) -> Said:
        """Run a script in this project, in this process.

        Drawing, the PDF and the API calls are most of a small run; fullprocess does them where the `whole` is wanted.
        """
        with pytest.MonkeyPatch.context() as patch:
            if name == "fullprocess" and not whole:
                patch.setattr("risk.report.figures.drawn", lambda *shown: {"confusion matrix": b"not drawn"})
                patch.setattr("risk.report.plots.drawn", lambda *shown: {})
                patch.setattr("risk.report.pdf.report", lambda *shown: b"not printed")
                patch.setattr("apicalls.call_api", lambda settings: None)
            return self._run(name, *words)

    def _run(self, name: str, *words: str) -> Said:
        module = importlib.import_module(name)
        arguments = ["--config", str(self.root / "config.json"), *words]
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            if name == "fullprocess":
                code = module.main(arguments)
            else:
                options, during = getattr(module, "_options", None), getattr(module, "DURING_ERASURE", ())
                code = command.main("", module._work, options=options, arguments=arguments, during_erasure=during)
        return Said(code, out.getvalue(), err.getvalue())

    def text(self, name: str) -> str:
        return (self.root / name).read_text()

    def json(self, name: str) -> Any:
        return json.loads(self.text(name))

    def seen(self) -> dict[str, bytes]:
        """Return every file below the project but the lock, with links followed."""
        found = sorted(path for path in self.root.rglob("*") if path.is_file() and path.name != "fullprocess.lock")
        return {str(path.relative_to(self.root)): path.read_bytes() for path in found}


def table(n: int, *, seed: int = 0, turned: bool = False, first: int = 0, labels: bool = True) -> str:
    """Return a client file of n rows: quiet, small clients leave; where `turned`, busy and small ones do."""
    draw = np.random.default_rng(seed)
    month, year = draw.lognormal(4, 1, n).astype(int), draw.lognormal(6, 1, n).astype(int)
    employees = draw.lognormal(3, 1, n).astype(int)
    pull = 1.4 * (np.log1p(month) - 4) * (-1 if turned else 1) + 0.8 * (np.log1p(employees) - 3)
    left = draw.random(n) < 1 / (1 + np.exp(1.2 + pull))
    marks = left.astype(int) if labels else [""] * n
    rows = zip(range(first, first + n), month, year, employees, marks, strict=True)
    return "\n".join([HEADER, *(f"c{name:05d},{a},{b},{c},{mark}" for name, a, b, c, mark in rows)]) + "\n"


class Installations:
    """Projects that are made once a worker, each by a function of its own, and copied for every test."""

    def __init__(self, shelf: Path):
        self._shelf = shelf
        self._made: dict[object, Path] = {}

    def copy(self, make: Callable[..., object], root: Path, **options: Any) -> Project:
        """Return a copy, below `root`, of the project that `make(project, **options)` leaves."""
        key = (make, *sorted(options.items()))
        if key not in self._made:
            home = self._shelf / str(len(self._made))
            home.mkdir()
            make(Project(home), **options)
            self._made[key] = home
        shutil.copytree(self._made[key], root, symlinks=True, dirs_exist_ok=True)
        copy = Project(root)
        _know_again(copy, Project(self._made[key]))
        return copy


def _state(project: Project) -> str:
    """Return the digest by which a tick knows that nothing has changed: of settings, sources and links."""
    settings = project.settings
    observed = tick.observe(str(settings.source_file), [str(path) for path in settings.watched])
    return tick.state(observed, [str(path) for path in settings.links])


def _know_again(copy: Project, original: Project) -> None:
    """Let ticks of a copy know its files, which are others by inode and path, where they knew those of the original."""
    former, now = _state(original), _state(copy)
    for name in (paths.JOURNAL, paths.TICK):
        path = copy.settings.production / name
        if path.exists():
            text = path.read_text().replace(former, now)
            path.write_text(text.replace(str(original.root), str(copy.root)))


def deploy(project: Project, n_rows: int = 300) -> None:
    """Do a first whole run, which deploys."""
    project.drop("sourcedata/dataset1.csv", table(n_rows))
    project.drop("testdata/testdata.csv", table(100, seed=9, first=90_000))
    said = project.run("fullprocess", "--json", whole=True)
    assert (said.code, said.json["outcome"]) == (0, "deployed"), said.err


@pytest.fixture(scope="session", autouse=True)
def _folder_of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.getbasetemp()
    os.environ["TESTS_SHARE"] = str(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="module", autouse=True)
def _fits(request: pytest.FixtureRequest) -> None:
    remember_fits(not set(FIT_ANEW) & set(request.path.parts))


@pytest.fixture(scope="session")
def installations(tmp_path_factory: pytest.TempPathFactory) -> Installations:
    return Installations(tmp_path_factory.mktemp("installations"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def deployed(installations: Installations, tmp_path: Path) -> Project:
    """A project after its first run: 300 rows of one file, one release, nothing new."""
    return installations.copy(deploy, tmp_path)
