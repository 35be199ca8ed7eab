"""Fill the environment this Python belongs to with what requirements.lock names, then with the project itself.

Run with the environment's own Python: `.venv/bin/python tools/install.py` (Windows: `.venv\\Scripts\\python tools\\install.py`).
uv does it in seconds; where uv cannot be had or fails, pip does the same in a minute or two. Both check every hash.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = "uv==0.13.9"


def main() -> int:
    if sys.prefix == sys.base_prefix:
        print("install.py fills a virtual environment: run it with that environment's Python, .venv/bin/python", file=sys.stderr)
        return 2
    os.environ["VIRTUAL_ENV"] = sys.prefix
    if _run("pip", "install", "--quiet", UV, quietly=True) and _installed_by("uv", "pip"):
        return 0
    print("uv did not do it; pip installs the same, more slowly", file=sys.stderr)
    return 0 if _installed_by("pip") else 1


def _installed_by(*installer: str) -> bool:
    """Whether the locked packages, then the project, could be installed."""
    return _run(*installer, "install", "--quiet", "--require-hashes", "-r", "requirements.lock") and _run(
        *installer, "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", "."
    )


def _run(*module: str, quietly: bool = False) -> bool:
    stderr = subprocess.DEVNULL if quietly else None
    return subprocess.run([sys.executable, "-m", *module], cwd=ROOT, check=False, stderr=stderr).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
