"""A disk that fails, a disk that is full, a power cut: nothing half done, one clear line, and all well afterwards.

The operations are those of the kill harness. What DuckDB writes goes past it: for that a limit on the size of files
stands in for a full disk.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import killing
import pytest
from killing import (
    JOURNAL,
    REPORT,
    SAME,
    Meet,
    Operation,
    Story,
    check_model,
    names,
    read,
    readings,
)  # fmt: skip

from risk.disk import journal, paths, tick
from tests.conftest import Said

pytestmark = pytest.mark.slow

CHUNKS = 2
SAMPLE = 9  # after every so many kinds of power cuts a run goes on
GO_ON = 3  # after every so many kinds of disks that a fault leaves: a kill there leaves the same (test_crash)
FAULTS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
NEEDS_ROOM = ("write", "half of write", "mkdir", "symlink", "fsync")
NOT_OURS = "half of file"  # of a file that DuckDB wrote: no call of ours that could fail
FREE = tuple(name for name in SAME if not name.endswith(paths.CARD))  # of the number of the run


@pytest.fixture
def first_run() -> Story:
    return killing.first_run()


@pytest.fixture
def next_run() -> Story:
    return killing.next_run()


def refuse(root: Path, number: int, fault: int, *, stays: bool = False) -> Meet:
    """Return what refuses the operation of this number, and where it `stays` every later one that needs room."""

    def meet(operation: Operation) -> None:
        if operation.number == number or (stays and operation.number > number and operation.name in NEEDS_ROOM):
            raise OSError(fault, os.strerror(fault), str(root / operation.path))

    return meet


def check_one_line(said: Said, *reasons: str) -> None:
    assert said.code == 1, said
    assert said.err.count("\n") == 1, said.err
    assert [reason for reason in reasons if reason not in said.err] == [], said.err
    assert "unexpected" not in said.err


def check_nothing_torn(story: Story) -> None:
    seen, root = readings(story.project.root), story.project.root
    for what in ("dataset", "production"):
        assert seen[what] in (story.old[what], story.new[what]), f"{what} is torn"
    assert len({(root / name).resolve().parent for name in REPORT if (root / name).exists()}) <= 1
    assert set(seen["report"]) == {None} or None not in seen["report"]
    if (root / JOURNAL).exists():
        journal.read(root / JOURNAL)
    check_model(root)


def check_well_again(story: Story, calls: bool = False) -> None:
    """The next run ends as if the disk had never failed; a failed run keeps its number and its report set."""
    root = story.project.root
    said = killing.run(story.project, "--json", calls=calls)
    assert said.code == 0, said.err
    # What a power cut leaves is written again here, under other inodes: then a finished run is looked at once more.
    assert said.json["outcome"] in (story.outcome, tick.NOTHING, "no drift")
    now = dict(zip(SAME, read(root, SAME), strict=True))
    before = dict(zip(SAME, story.bytes, strict=True))
    assert [name for name in FREE if now[name] != before[name]] == []
    odd = names(root) ^ story.names
    assert [it for it in odd if paths.UNFINISHED in it or not it.startswith("models/reports/")] == []
    assert journal.verify(root / JOURNAL)
    assert killing.run(story.project).out == f"{tick.NOTHING}\n"


def check_all(story: Story, faults: list[tuple[Operation, int]], *, stays: bool = False) -> None:
    """Let each of these operations fail; of the kinds of disks that are left the next run goes on from every third."""
    failed, root, seen = [], story.project.root, set()
    for operation, fault in faults:
        try:
            killing.put_back(root, story.before)
            calls = paths.API_RETURNS in operation.path
            meet = refuse(root, operation.number, fault, stays=stays)
            said = killing.run(story.project, meet=meet, calls=calls)
            check_one_line(said, os.strerror(fault), str(root / operation.path))
            check_nothing_torn(story)
            if (kind := killing.alike(root)) not in seen:
                seen.add(kind)
                if len(seen) % GO_ON == 1:
                    check_well_again(story, calls)
        except Exception as error:
            failed.append(f"{errno.errorcode[fault]} at {operation}: {type(error).__name__}: {error}")
    assert not failed, f"{len(failed)} of {len(faults)}:\n" + "\n".join(failed)


def faults_of(story: Story, number: int) -> list[tuple[Operation, int]]:
    """Return a worker's share of the operations up to the API calls, with all faults in turn.

    Of those that meet disks that are alike (say, the writes into a set that nobody sees yet) it is one, each time one
    of another name, as far as there are any.
    """
    recording, kinds = story.recording, dict[str, list[Operation]]()
    last = max(it.number for it in recording.operations if paths.API_RETURNS in it.path)
    for state in recording.states:
        for it in state.operations:
            if it.name != NOT_OURS and it.number <= last:
                kinds.setdefault(killing.alike(state.folder), []).append(it)
    chosen = [alike[place % len(alike)] for place, alike in enumerate(kinds.values())]
    faults = [(it, FAULTS[place % len(FAULTS)]) for place, it in enumerate(chosen)]
    return faults[number * len(faults) // CHUNKS : (number + 1) * len(faults) // CHUNKS]


@pytest.mark.parametrize("number", range(CHUNKS))
def test_a_failing_disk_harms_nothing_at_any_operation(next_run: Story, number: int) -> None:
    check_all(next_run, faults_of(next_run, number))


@pytest.mark.parametrize("number", range(CHUNKS))
def test_a_full_disk_that_stays_full_harms_nothing(first_run: Story, number: int) -> None:
    faults = [(it, errno.ENOSPC) for it, _ in faults_of(first_run, number) if it.name in NEEDS_ROOM]
    check_all(first_run, faults[::3], stays=True)


@pytest.mark.parametrize("limit", [1, 2_000, 4_500, 9_500, 30_000, 150_000])
def test_a_disk_without_room_for_what_duckdb_writes_harms_nothing(next_run: Story, limit: int) -> None:
    killing.put_back(next_run.project.root, next_run.before)

    def meet_limit() -> Said:
        killing.apicalls.call_api = lambda settings: None  # type: ignore[assignment, misc, return-value]
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        said = next_run.project.run("fullprocess", whole=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return said

    said = killing.apart(meet_limit)

    check_one_line(said, str(next_run.project.root))
    check_nothing_torn(next_run)
    check_well_again(next_run)


class PowerCut:
    """A disk that keeps only what was made durable: bytes by fsync of the file, names by fsync of their folder.

    Before each operation it is cut three times: all else lost; all names already there (a disk may be early with
    them), bytes not; only the links already there. Every inode stays open, so that no number comes again.
    """

    def __init__(self, root: Path, shelf: Path) -> None:
        self._root, self._shelf, self._pending = root, shelf, ""
        self._bytes: dict[int, bytes] = {}
        self._names: dict[int, dict[str, tuple[int, str]]] = {}
        self._open: dict[int, int] = {}
        self.found: dict[str, tuple[str, Path]] = {}
        for path in [root, *(root / name for name in killing.WRITTEN if (root / name).exists())]:
            for folder, _, others in os.walk(path):
                self._make_durable(Path(folder))
                for name in others:
                    if not Path(folder, name).is_symlink():
                        self._make_durable(Path(folder, name))

    def meet(self, operation: Operation) -> None:
        self.settle()
        for kind in ("lost", "names early", "links early"):
            self._cut(kind, str(operation))
        self._pending = operation.path if operation.name == "fsync" else ""

    def settle(self) -> None:
        """The operation that was met last is done now."""
        if self._pending:
            self._make_durable(self._root / self._pending)
        self._pending = ""

    def durable(self, kind: str = "lost") -> dict[str, bytes | str | None]:
        """Return what is left: bytes of files, targets of links, None for folders."""
        return dict(self._left(self._root.stat().st_ino, self._root, "", kind))

    def _make_durable(self, path: Path) -> None:
        if path.is_dir():
            self._names[path.stat().st_ino] = self._listing(path)
        else:
            self._bytes[path.stat().st_ino] = path.read_bytes()

    def _listing(self, folder: Path) -> dict[str, tuple[int, str]]:
        """Return inode and target of every name in a folder."""
        found = {}
        for path in folder.iterdir():
            if folder != self._root or path.name in killing.WRITTEN:
                target = os.readlink(path) if path.is_symlink() else ""
                number = path.lstat().st_ino
                if not target and number not in self._open:
                    self._open[number] = os.open(path, os.O_RDONLY)
                found[path.name] = (number, target)
        return found

    def _left(self, number: int, folder: Path, below: str, kind: str) -> Iterator[tuple[str, bytes | str | None]]:
        now = self._listing(folder) if folder.is_dir() and folder.stat().st_ino == number else {}
        names = now if kind == "names early" else dict(self._names.get(number, {}))
        if kind == "links early":
            names |= {name: it for name, it in now.items() if it[1]}
        for name, (inode, target) in names.items():
            if target:
                yield below + name, target
            elif stat.S_ISDIR(os.fstat(self._open[inode]).st_mode):
                yield below + name, None
                yield from self._left(inode, folder / name, f"{below}{name}/", kind)
            else:
                yield below + name, self._bytes.get(inode, b"")

    def _cut(self, kind: str, where: str) -> None:
        left = self.durable(kind)
        told = killing.digest(left)
        if told in self.found:
            return
        folder = self._shelf / str(len(self.found))
        for name, content in left.items():
            path = folder / name
            if content is None:
                path.mkdir(parents=True)
            elif isinstance(content, str):
                path.symlink_to(content)
            else:
                path.write_bytes(content)
        folder.mkdir(parents=True, exist_ok=True)
        self.found[told] = (f"{kind} before {where}", folder)


def cut(story: Story, shelf: Path) -> tuple[list[tuple[str, Path]], set[str]]:
    """Run once more; return what power cuts leave, and which names differ between disk and durable disk at the end."""
    killing.put_back(story.project.root, story.before)

    def work() -> tuple[list[tuple[str, Path]], set[str]]:
        killing.remember()
        disk = PowerCut(story.project.root, shelf)
        killing.Watch(story.project.root, disk.meet).start()
        assert story.project.run("fullprocess", whole=True).code == 0
        disk.settle()
        kept, there = set(disk.durable()) - set(killing.WRITTEN), set(killing.tree(story.project.root))
        return list(disk.found.values()), kept ^ there

    found: tuple[list[tuple[str, Path]], set[str]] = killing.apart(work)
    return found


@pytest.mark.parametrize("which", ["first_run", "next_run"])
def test_a_power_cut_leaves_what_is_whole(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    story = request.getfixturevalue(which)
    found, odd = cut(story, tmp_path)
    failed, kinds = [], {killing.alike(folder): (where, folder) for where, folder in found}

    for place, (where, folder) in enumerate(kinds.values()):
        try:
            killing.put_back(story.project.root, folder)
            check_nothing_torn(story)
            if place % SAMPLE == 0:
                check_well_again(story, calls=True)
        except Exception as error:
            failed.append(f"{where}: {type(error).__name__}: {error}")

    assert not failed, f"{len(failed)} of {len(kinds)}:\n" + "\n".join(failed)
    assert len(found) > len(kinds) > 20
    assert odd == set(), "a finished run is durable"
