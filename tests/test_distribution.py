"""What is handed out: the lock, the sdist, the wheel made from it, and the wheel at work in an empty environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tradinggroup.cli import init

CONTENT = ("agents", "risk", "backtests", "data", "notebooks")
DEFAULTS = "tradinggroup/_defaults/"


def locked(repository: Path) -> dict[str, list[str]]:
    """Requirement line -> its hashes."""
    text = (repository / "requirements.lock").read_text(encoding="utf-8")
    entries = [entry.split("\\\n") for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]
    return {entry[0].strip(): [part.strip() for part in entry[1:]] for entry in entries}


def test_the_lock_pins_every_hash_and_names_no_host(repository: Path) -> None:
    text = (repository / "requirements.lock").read_text(encoding="utf-8")
    for host in ("://", "--index", "--extra-index", "--find-links", "--trusted-host", " @ "):
        assert host not in text
    for requirement, hashes in locked(repository).items():
        assert re.match(r"[a-z0-9-]+==\S+( ; .+)?$", requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", value) for value in hashes), requirement


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
def test_the_lock_holds_what_the_project_asks_for(repository: Path, python: str) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["baselines"],
        *project["dependency-groups"]["dev"],
    ]
    environment = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    pinned = [Requirement(line) for line in locked(repository)]
    versions = {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in pinned
        if each.marker is None or each.marker.evaluate(environment)
    }
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


@pytest.fixture(scope="module")
def sdist(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    build(repository, "sdist", folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the unpacked sdist and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    build(sdist, "wheel", folder)
    (path,) = folder.glob("*.whl")
    return path


def build(source: Path, target: str, folder: Path) -> None:
    """Build with the installed hatchling: no isolation, no network."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sdist_holds_the_package_and_its_content_only(sdist: Path) -> None:
    top = {path.name for path in sdist.iterdir()}
    assert top == {
        "tradinggroup",
        *CONTENT,
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "pyproject.toml",
        "models.toml",
        "PKG-INFO",
        ".gitignore",
    }
    assert {path.name for path in (sdist / "data").iterdir()} == {"demo", "README.md"}
    assert not list(sdist.rglob("*.sqlite*"))


def test_the_wheel_holds_the_default_content(repository: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        packaged = {name.removeprefix(DEFAULTS): archive.read(name) for name in names if name.startswith(DEFAULTS)}
        (metadata,) = (archive.read(name).decode("utf-8") for name in names if name.endswith(".dist-info/METADATA"))
        (entries,) = (archive.read(name).decode("utf-8") for name in names if name.endswith(".dist-info/entry_points.txt"))
    wanted = {path.relative_to(repository).as_posix(): path.read_bytes() for pattern in init.CONTENT for path in repository.glob(pattern)}
    assert wanted.keys() >= {"agents/decision.md", "risk/default.toml", "backtests/demo.toml", "data/demo/prices.parquet"}
    assert {name: packaged[name] for name in wanted} == wanted
    assert packaged["models.toml"] == (repository / "models.toml").read_bytes()
    assert "tradinggroup/py.typed" in names
    assert {PurePosixPath(name).parts[0] for name in names if ".dist-info/" not in name} == {"tradinggroup"}
    strange = re.compile(r"(^|/)(tests|shared|__pycache__)/|_defaults/backtests/.*/|\.sqlite")
    assert not [name for name in names if strange.search(name)]
    assert not [name for name in packaged if name.endswith(".py")]
    assert "License-Expression: GPL-3.0-or-later" in metadata
    assert "tradinggroup = tradinggroup.cli.main:main" in entries


@pytest.fixture(scope="module")
def installed(repository: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `tradinggroup` of an empty environment with the wheel, and its dependencies as locked."""
    if find_spec("uv") is None:
        pytest.skip("no uv in this environment: pip would need minutes to install the wheel")
    environment = tmp_path_factory.mktemp("installed") / "venv"
    uv(["venv", "--quiet", "--python", sys.executable, str(environment)])
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    words = ["pip", "install", "--quiet", "--python", str(python), "--constraints", str(repository / "requirements.lock"), str(wheel)]
    problem = uv([*words, "--offline"]) and uv(words)  # the registry is asked only where uv's cache does not do
    if problem:
        pytest.skip(f"the locked packages are neither in uv's cache nor to be had: {problem.strip().splitlines()[-1]}")
    return python.with_name(f"tradinggroup{python.suffix}")


def uv(words: list[str]) -> str:
    """What uv complained about; empty where it did what it should."""
    done = subprocess.run([sys.executable, "-m", "uv", *words], capture_output=True, text=True, check=False)
    return (done.stderr or "failed") if done.returncode else ""


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_installed_wheel_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    def command(*words: str, folder: Path) -> str:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        done = subprocess.run(
            [str(installed), *words], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    command("init", "x", folder=tmp_path)
    project = tmp_path / "x"
    assert "ALL made" in command("backtest", "backtests/demo.toml", folder=project)
    assert "verified" in command("verify", "latest", folder=project)
    assert not list(installed.parent.parent.rglob("_defaults/backtests/runs")), "the packaged content is read-only"
