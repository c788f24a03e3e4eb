"""What long benchmarks have found is kept as lines of JSON, so that a run that was cut off can be gone on with."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

Row = tuple[str, str, str, bool | None]

CACHE = Path(os.environ.get("RISK_KEPT", "~/.cache/risk/benchmarks.jsonl")).expanduser()
RULES = ("risk/drift", "risk/decision", "risk/modeling", "risk/settings/decision_rules.py")
MEASURED = (*RULES, "risk/backtest", "risk/simulation", "tests/benchmarks/decisions.py")


def digest(sources: Sequence[str]) -> str:
    """The digest of the files and folders that are measured: what other rules gave is not mixed with theirs.

    From where a file imports is no rule.
    """
    root, whole = Path(__file__).parents[2], hashlib.sha256()
    for source in sources:
        for path in [root / source] if source.endswith(".py") else sorted((root / source).glob("*.py")):
            rules = ast.parse(path.read_bytes())
            rules.body = [it for it in rules.body if not isinstance(it, ast.Import | ast.ImportFrom)]
            whole.update(ast.dump(rules).encode())
    return whole.hexdigest()[:16]


def rows(
    bench: str, part: str, measured: Callable[[], Iterable[Row]], path: Path = CACHE, sources: Sequence[str] = MEASURED
) -> list[Row]:
    """The rows of a part of a bench: those that this very program has kept, else measured now, and kept."""
    program = digest([*sources, f"tests/benchmarks/{bench}.py"])
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            stored = json.loads(line)
        except ValueError:  # a line that was cut off, or a blank one
            continue
        if [stored.get(name) for name in ("bench", "part", "program")] == [bench, part, program]:
            return [(what, figure, goal, held) for what, figure, goal, held in stored["rows"]]
    found = list(measured())
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        told = json.dumps({"bench": bench, "part": part, "program": program, "rows": found})
        file.write(f"\n{told}\n")  # what was cut off before has no end of its line
    return found
