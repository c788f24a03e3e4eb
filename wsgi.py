"""The service for any WSGI server: `wsgi:app`. Its settings: RISK_CONFIG, else config.json beside this file.

This file serves nothing by itself; a server loads it, such as `waitress-serve --listen=127.0.0.1:8000 wsgi:app`, and
`python app.py` serves without one. As there, a token (RISK_TOKEN, or server.token_file) lets other machines in.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:  # a server may load this file by its path alone
    sys.path.insert(0, str(HERE))

if __name__ == "__main__":
    page = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    page.parse_args()
    page.print_help()
    sys.exit()

from app import create_app  # noqa: E402
from risk.disk.paths import CONFIG  # noqa: E402
from risk.settings.settings import load  # noqa: E402

app = create_app(load(Path(os.environ.get("RISK_CONFIG") or HERE / CONFIG)))
