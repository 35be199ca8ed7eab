"""Fill the environment this Python belongs to with exactly what requirements.lock names, then the project itself.

Run with the environment's own Python: `.venv/bin/python tools/install.py` (Windows: `.venv\\Scripts\\python tools\\install.py`).
uv does the work where it can be had, pip where it cannot; both check every hash.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
UV = "uv==0.13.9"


def run(*arguments: str) -> bool:
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False).returncode == 0


def main() -> int:
    if sys.prefix == sys.base_prefix:
        print("install.py fills a virtual environment; run it with .venv/bin/python", file=sys.stderr)
        return 2
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    os.environ["VIRTUAL_ENV"] = sys.prefix
    if run("pip", "install", "--quiet", "--disable-pip-version-check", UV):
        ok = run("uv", "pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK))
        ok = ok and run("uv", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", ".")
    else:
        ok = run("pip", "install", "--quiet", "--require-hashes", "-r", str(LOCK))
        ok = ok and run("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", ".")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
