"""The service for any WSGI server: `wsgi:app`. Its settings: RISK_CONFIG, else config.json beside this file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:  # a server may load this file by its path alone
    sys.path.insert(0, str(HERE))

from app import create_app  # noqa: E402
from risk.artifacts import CONFIG  # noqa: E402
from risk.config import load  # noqa: E402

app = create_app(load(Path(os.environ.get("RISK_CONFIG") or HERE / CONFIG)))
