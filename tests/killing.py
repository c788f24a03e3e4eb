"""The kill harness: a run, apart in a process of its own, met before every durable operation.

A process of its own is a fork with the libraries loaded, so that a point costs tenths of a second. In it alone the
functions of `os` that change a disk are replaced by ones that first tell what they are about to do; whoever is told
may stop the process there, refuse the operation like a failing disk, or copy what a kill would leave behind. Nothing
runs in the process that forks but imports: no DuckDB, no model, no thread. What only computes and touches no disk
(risks of a fold, pictures, the PDF) is computed by the first run that needs it, and remembered for those that follow.
"""

from __future__ import annotations

import atexit
import functools
import gc
import os
import pickle
import re
import shutil
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import joblib
from threadpoolctl import threadpool_limits

import apicalls
import deployment  # noqa: F401  (imported here so that no fork imports it)
import diagnostics  # noqa: F401
import fullprocess  # noqa: F401
import ingestion  # noqa: F401
import reporting  # noqa: F401
import scoring  # noqa: F401
import training  # noqa: F401
from risk.disk import files, journal, paths, tick
from risk.modeling import candidates
from risk.reading import sql
from risk.registry import model
from risk.report import figures, pdf, plots
from tests.conftest import Project, Said, table
from tests.once import remember_fits

KILLED = 137
# the folders that a run writes into
WRITTEN = ("ingesteddata", "models", "production_deployment", "practicemodels")
ONE_PATH = ("unlink", "remove", "mkdir", "rmdir")
TWO_PATHS = ("rename", "replace", "link")
DATASET = tuple(f"ingesteddata/{name}" for name in paths.DATASET_LINKS)
PRODUCTION = tuple(f"production_deployment/{name}" for name in paths.RELEASE_LINKS)
REPORT = tuple(f"models/{name}" for name in paths.REPORT_LINKS)
DESK = tuple(f"models/{name}" for name in (paths.MODEL, paths.CARD, paths.LATEST_SCORE))
LISTS = tuple(f"models/{name}" for name in (paths.CALL_LIST, paths.CLIENT_RISKS, paths.CONFUSION_MATRIX))
SAME = (*DATASET, *DESK, *PRODUCTION, f"production_deployment/current/{paths.CARD}", *LISTS)
API_RETURNS = f"models/{paths.API_RETURNS}"
JOURNAL = f"production_deployment/{paths.JOURNAL}"

Seen = tuple[bytes | None, ...]


@dataclass(frozen=True)
class Operation:
    """One durable operation: its number in the run, what it does, to which path below the project.

    `half of write` is met after half of the bytes, `half of file` before the fsync of a file that DuckDB wrote.
    """

    number: int
    name: str
    path: str

    def __str__(self) -> str:
        return f"{self.number} {self.name} {self.path}"


Meet = Callable[[Operation], None]
Wanted = Callable[[Operation], bool]


@dataclass(frozen=True)
class State:
    """What a kill before these operations leaves on disk, kept in a folder."""

    operations: tuple[Operation, ...]
    folder: Path

    def __str__(self) -> str:
        return f"killed before {' and '.join(map(str, self.operations))}"


@dataclass(frozen=True)
class Recording:
    """A run that nothing disturbed, with every different state of the disk on its way."""

    operations: tuple[Operation, ...]
    states: tuple[State, ...]
    said: Said


def warm() -> None:
    """Load what every run needs once in the process that forks: fonts and the modules that draw."""
    import requests  # noqa: F401

    figures.shown("warm")
    figures.confusion_matrix({"tp": 1, "fp": 1, "fn": 1, "tn": 1})
    threadpool_limits(1)  # as many processes as cores are at work already


def apart(work: Callable[[], Any]) -> Any:
    """Return what the work returns in a process of its own; None if that process was killed on its way."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work_and_leave(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        content = answer.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == KILLED:
        return None
    assert code == 0, f"the process ended with {code}: {content.decode(errors='replace')}"
    return pickle.loads(content)


def _work_and_leave(work: Callable[[], Any], writing: int) -> NoReturn:
    real_write, code = os.write, 0
    # What other tests left in this process has threads that did not come along: here it is never collected, nor used.
    remember_fits(False)
    gc.disable()
    gc.freeze()
    gc.unfreeze = lambda: None
    made = sql._database.__wrapped__  # type: ignore[attr-defined]
    # One thread is enough for a hundred rows: starting and joining more takes as long as what they do.
    sql._database, sql.of_others = functools.lru_cache(4)(lambda spill, threads: made(spill, 1)), sql._database  # type: ignore[assignment, attr-defined]
    try:
        content = pickle.dumps(work())
    except BaseException:
        content, code = traceback.format_exc().encode(), 1
    while content:
        content = content[real_write(writing, content) :]
    os._exit(code)


def run(
    project: Project, *words: str, script: str = "fullprocess", meet: Meet | None = None, calls: bool = False
) -> Any:
    """Run a script apart and return what it said; None if `meet` killed it.

    The API calls start a server and cost as much as all the rest, so they are left out unless asked for; with them
    nothing is remembered.
    """

    def work() -> Said:
        if not calls:
            apicalls.call_api = lambda settings: None  # type: ignore[assignment, misc, return-value]
            remember()
        if meet:
            Watch(project.root, meet).start()
        return project.run(script, *words, whole=True)

    return apart(work)


def remember() -> None:
    """Compute once what only computes; of reports that differ in their times alone the first one stands for all."""
    model.Model.risks = _once(model.Model.risks, lambda it, frame: (it.digest, it.name, frame[[*it.card.features]]))  # type: ignore[method-assign]
    candidates.tune = _once(candidates.tune, lambda family, *others: (family.name, family.encoding, others))
    figures.drawn = _once(figures.drawn, lambda *shown: shown)
    plots.drawn = _once(plots.drawn, lambda shown: ("plots", shown["outcome"], shown["scores"]))
    pdf.report = _once(pdf.report, lambda shown, pictures: (shown["outcome"], shown["scores"], pictures))


def _once(work: Callable[..., Any], key: Callable[..., Any]) -> Any:
    """Return the work, done once for each key, whatever process it is in."""

    def once(*words: Any) -> Any:
        place = Path(os.environ["TESTS_SHARE"]) / f"{work.__name__}-{joblib.hash(key(*words))}"
        if not place.exists():
            unfinished = place.with_name(str(os.getpid()))
            unfinished.write_bytes(pickle.dumps(work(*words)))
            unfinished.rename(place)
        return pickle.loads(place.read_bytes())

    return once


def kill_at(root: Path, number: int) -> Meet:
    """Return what kills the process at the operation of this number."""

    def meet(operation: Operation) -> None:
        if operation.number == number:
            if operation.name == "half of file":
                os.truncate(root / operation.path, (root / operation.path).stat().st_size // 2)
            os._exit(KILLED)

    return meet


def record(
    project: Project, shelf: Path, *words: str, script: str = "fullprocess", wanted: Wanted = lambda operation: True
) -> Recording:
    """Run a script undisturbed and keep on the shelf every different state that a kill would leave, or those wanted."""

    def work() -> Recording:
        remember()
        keeper = _Keeper(project.root, shelf, wanted)
        Watch(project.root, keeper.meet).start()
        said = project.run(script, *words, whole=True)
        return Recording(tuple(keeper.operations), tuple(keeper.states), said)

    return apart(work)


def keep(root: Path, folder: Path) -> None:
    """Copy what runs write into."""
    for name in WRITTEN:
        if (root / name).is_dir():
            shutil.copytree(root / name, folder / name, symlinks=True, copy_function=_kept)


def _kept(source: str, target: str) -> None:
    """Copy a file; one that was published never changes, and is linked: as after a kill it is the same to a tick."""
    published = any(f"/{name}/" in source for name in (paths.RELEASES, paths.VERSIONS, paths.REPORTS))
    unfinished = paths.UNFINISHED in source or paths.STAGED in source
    if published and not unfinished and not os.path.islink(source):
        os.link(source, target)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def put_back(root: Path, folder: Path) -> None:
    """Bring back what was kept. The sources stay where they are: a copy of them would be another file to a run."""
    for name in WRITTEN:
        shutil.rmtree(root / name, ignore_errors=True)
    keep(folder, root)


def tree(root: Path) -> dict[str, bytes]:
    """Return everything below the folders that runs write into: bytes of files, targets of links."""
    found: dict[str, bytes] = {}
    for folder, folders, others in (step for name in WRITTEN for step in os.walk(root / name)):
        for name in (*folders, *others):
            path = Path(folder, name)
            at = path.lstat().st_mode
            content = os.readlink(path).encode() if stat.S_ISLNK(at) else b"" if stat.S_ISDIR(at) else path.read_bytes()
            found[str(path.relative_to(root))] = content
    return found


def digest(seen: Mapping[str, bytes | str | None]) -> str:
    """Return the digest of what `tree` returned, or of what is like it."""
    known = sha256()
    for name in sorted(seen):
        content = seen[name]
        kept = content if isinstance(content, bytes) else repr(content).encode()
        known.update(f"{name}\0{len(kept)}\0".encode() + kept)
    return known.hexdigest()


# what no two runs have in common, and what the next one does not look at: times, digests, words of an error
_INCIDENTAL = re.compile(
    rb'\d{4}-\d\d-\d\dT[\d:.]+Z?|[0-9a-f]{64}|"(?:error|what|seconds|sentence)": *(?:"(?:\\\\.|[^"])*"|[\d.]+)'
)


def alike(root: Path) -> str:
    """Return what is the same for states of the disk that differ incidentally, or inside what is unfinished.

    Nobody reads what is unfinished: of such states one stands for all.
    """
    shown: dict[str, bytes] = {}
    for name, content in tree(root).items():
        before, unfinished, _ = name.partition(paths.STAGED if paths.STAGED in name else paths.UNFINISHED)
        shown[before + unfinished] = b"" if unfinished else _INCIDENTAL.sub(b"", content)
    return digest(shown)


class _Keeper:
    """Keeps a copy of the disk before each operation, unless nothing has changed since the copy before."""

    def __init__(self, root: Path, shelf: Path, wanted: Wanted) -> None:
        self._root, self._shelf, self._wanted, self._last = root, shelf, wanted, ""
        self.operations: list[Operation] = []
        self.states: list[State] = []

    def meet(self, operation: Operation) -> None:
        self.operations.append(operation)
        if not self._wanted(operation):
            return
        now = "" if operation.name == "half of file" else digest(tree(self._root))
        if now and now == self._last:
            self.states[-1] = replace(self.states[-1], operations=(*self.states[-1].operations, operation))
            return
        folder = self._shelf / str(operation.number)
        keep(self._root, folder)
        if operation.name == "half of file":
            path = folder / operation.path
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        self.states.append(State((operation,), folder))
        self._last = now


class Watch:
    """Stands before the functions of `os` and tells of each durable operation below one folder before it is done."""

    def __init__(self, root: Path, meet: Meet) -> None:
        self._root, self._meet, self._number = str(root), meet, 0
        self._real: dict[str, Any] = {}
        self._by_us: set[int] = set()

    def start(self) -> None:
        for name in (*ONE_PATH, *TWO_PATHS, "symlink", "truncate", "write", "fsync"):
            self._real[name] = getattr(os, name)
        for name in (*ONE_PATH, "truncate"):
            setattr(os, name, self._told(name, lambda words, known: self._place(words[0], known.get("dir_fd"))))
        for name in TWO_PATHS:
            setattr(os, name, self._told(name, lambda words, known: self._place(words[1], None)))
        os.symlink = self._told("symlink", lambda words, known: self._place(words[1], None))
        os.write, os.fsync = self._write, self._fsync

    def _told(self, name: str, place: Callable[[Any, Any], str | None]) -> Any:
        real = self._real[name]

        def told(*words: Any, **known: Any) -> Any:
            path = place(words, known)
            if path:
                self._tell(name, path)
            return real(*words, **known)

        return told

    def _write(self, descriptor: int, content: Any) -> int:
        path, view = self._file(descriptor), memoryview(content)
        if path is None:
            return int(self._real["write"](descriptor, content))
        self._by_us.add(os.fstat(descriptor).st_ino)
        self._tell("write", path)
        done = self._real["write"](descriptor, view[: len(view) // 2])
        self._tell("half of write", path)
        return int(done + self._real["write"](descriptor, view[done:]))

    def _fsync(self, descriptor: int) -> None:
        path = self._file(descriptor)
        if path is not None:
            at = os.fstat(descriptor)
            if stat.S_ISREG(at.st_mode) and at.st_size and at.st_ino not in self._by_us:
                self._tell("half of file", path)
            self._tell("fsync", path)
        self._real["fsync"](descriptor)

    def _tell(self, name: str, path: str) -> None:
        self._number += 1
        self._meet(Operation(self._number, name, path))

    def _file(self, descriptor: int) -> str | None:
        return self._below(os.readlink(f"/proc/self/fd/{descriptor}"))

    def _place(self, path: Any, folder: int | None) -> str | None:
        above = os.getcwd() if folder is None else os.readlink(f"/proc/self/fd/{folder}")
        return self._below(os.path.join(above, os.fspath(path)))

    def _below(self, path: str) -> str | None:
        return os.path.relpath(path, self._root) if f"{path}/".startswith(f"{self._root}/") else None


@dataclass(frozen=True)
class Story:
    """One run over one installation: how it went undisturbed, what readers saw before and after, what was left."""

    project: Project
    before: Path
    recording: Recording
    old: dict[str, Seen]
    new: dict[str, Seen]
    names: set[str]
    bytes: Seen
    run: int
    outcome: str


def read(root: Path, names: Iterable[str]) -> Seen:
    """Return files as their readers find them, through the links; None where there is nothing to read."""
    return tuple((root / name).read_bytes() if (root / name).exists() else None for name in names)


def readings(root: Path) -> dict[str, Seen]:
    return {"dataset": read(root, DATASET), "production": read(root, PRODUCTION), "report": read(root, REPORT)}


def names(root: Path) -> set[str]:
    """Return the names of all files; that of a kept list is its day, for its digest names the run.

    Of one day the list before stays until the next run finds the newer one in the journal: never more.
    """
    found, lists = set(tree(root)) - {API_RETURNS}, f"models/{paths.LISTS}/"
    days = [name.removeprefix(lists)[:10] for name in found if name.startswith(lists)]
    assert max(map(days.count, days), default=0) <= 2
    return {name for name in found if not name.startswith(lists)} | {f"{lists}{day}" for day in days}


def installation(root: Path, rows: int = 120) -> Project:
    warm()
    root.mkdir()
    project = Project(root)
    project.drop("testdata/testdata.csv", table(60, seed=9, first=50_000))
    project.drop("sourcedata/dataset1.csv", table(rows, seed=1))
    return project


def drop_turned(project: Project) -> None:
    project.drop("sourcedata/dataset2.csv", table(300, seed=2, turned=True, first=1_000))


@functools.cache
def first_run() -> Story:
    """Return the story of a very first run, made once in a process."""
    folder = _folder_of_a_story()
    return undisturbed(installation(folder / "project"), folder / "shelf")


@functools.cache
def next_run() -> Story:
    """Return that of a run that takes in a file in which the reason for leaving has turned, deploys and reports."""
    folder = _folder_of_a_story()
    project = installation(folder / "project")
    assert run(project, calls=True).code == 0
    drop_turned(project)
    return undisturbed(project, folder / "shelf")


def _folder_of_a_story() -> Path:
    folder = Path(tempfile.mkdtemp(dir=os.environ["TESTS_SHARE"]))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def undisturbed(project: Project, shelf: Path, *words: str, script: str = "fullprocess") -> Story:
    """Do the run that the tests will disturb."""
    old, root, before = readings(project.root), project.root, shelf / "before"
    keep(root, before)
    done = record(project, shelf, "--json", *words, script=script)
    assert done.said.code == 0, done.said.err
    run, outcome = journal.next_run(root / JOURNAL) - 1, done.said.json["outcome"]
    return Story(project, before, done, old, readings(root), names(root), read(root, SAME), run, outcome)


def check_model(root: Path) -> None:
    """The live model opens: in a process of its own, for what is opened here would be open in every run to come."""
    live = files.resolve(root / "production_deployment" / paths.CURRENT)
    assert live is None or apart(lambda: model.load(live).digest)


def expected_outcome(story: Story) -> str:
    """Return what the next run should say: where the line of the run is journaled, nothing is left to do."""
    found = journal.runs(story.project.root / JOURNAL)
    return tick.NOTHING if any(record["run"] == story.run for record in found) else story.outcome
