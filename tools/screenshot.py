"""Take a picture of a page with a headless browser, such as the one of the README:

tradinggroup backtest backtests/demo.toml && tradinggroup report latest -o report.html
python tools/screenshot.py report.html docs/report.png
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
COLOURS = 128
DARK = "--blink-settings=preferredColorScheme=0"


def main() -> int:
    """Take the picture; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1180)
    parser.add_argument("--height", type=int, default=1860)
    parser.add_argument("--place", default="", help="an anchor of the page, such as #equity")
    parser.add_argument("--dark", action="store_true", help="as somebody sees it who prefers dark pages")
    given = parser.parse_args()
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        print(f"no browser found: none of {', '.join(BROWSERS)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            f"--window-size={given.width},{given.height}",
            f"--screenshot={given.picture.resolve()}",
            *([DARK] if given.dark else []),
            f"{given.page.resolve().as_uri()}{given.place}",
        ]
        code = subprocess.run(command, check=False, timeout=120, stderr=subprocess.DEVNULL).returncode
    if code == 0:
        shrink(given.picture)
    return code


def shrink(picture: Path) -> None:
    """Keep as few colours as such a page has: a third of the bytes."""
    from PIL import Image  # comes with matplotlib

    with Image.open(picture) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
