"""Runs the Dockerfile's own steps where no container engine runs: each stage in a root of its own made by debootstrap.

`python3 scripts/dockerfile_in_clean_root.py` (as root, Debian) builds both stages, then starts the result as the Dockerfile
says: as its user, with a read-only root, writable volumes only, and asks the HEALTHCHECK command until it is content. What the
official base image brings (Python 3.11 on Debian bookworm) comes from Debian's own packages of the same versions.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
BASE = "python:3.11-slim-bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
FROM_HOST = ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


@dataclass
class Stage:
    """A root that instructions change, and what they said about running it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)


def instructions(text: str) -> list[tuple[str, str]]:
    lines = text.replace("\\\n", " ").splitlines()
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.strip().partition(" ") for line in lines) if word and word[0] != "#"
    ]


def mirror() -> str:
    """The mirror this machine already installs from."""
    for source in sorted(Path("/etc/apt").rglob("*.sources")) + sorted(Path("/etc/apt").rglob("*.list")):
        for word in source.read_text().split():
            if word.startswith("http") and word.rstrip("/").endswith("/debian"):
                return word
    sys.exit("no Debian mirror found in /etc/apt")


def base(into: Path, cache: Path) -> None:
    if not cache.exists():
        made = cache.with_suffix(".new")
        shutil.rmtree(made, ignore_errors=True)
        run = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(made), mirror()]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        made.rename(cache)
    subprocess.run(["cp", "-a", str(cache), str(into)], check=True)
    for name in FROM_HOST:
        if Path(name).exists():
            shutil.copy(name, into / name.lstrip("/"))


def inside(stage: Stage, command: list[str], *, sealed: bool = False) -> list[str]:
    """What runs `command` in the stage; `sealed` as the image would: its user, read-only root, volumes in memory."""
    passed = {k: v for k, v in os.environ.items() if k.startswith("PIP_") and k != "PIP_FIND_LINKS"}
    words = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", **passed, **stage.environment}
    mounts = ["mount --make-rprivate /", f"mount --bind {stage.root} {stage.root}", f"mount -t proc proc {stage.root}/proc"]
    mounts += [f"mount --bind /dev {stage.root}/dev"]
    if sealed:
        for volume in stage.volumes:
            owner = f",uid={stage.user},gid={stage.user}" if stage.user != "0" else ""
            mounts.append(f"mkdir -p {stage.root}{volume} && mount -t tmpfs -o mode=0700{owner} tmpfs {stage.root}{volume}")
        mounts.append(f"mount -o remount,bind,ro {stage.root}")
    who = f"--userspec={stage.user}:{stage.user} " if sealed and stage.user != "0" else ""
    environment = " ".join(f"{k}={shlex.quote(v)}" for k, v in words.items())
    step = f"cd {stage.workdir} && exec {shlex.join(command)}"
    script = " && ".join(mounts) + f" && exec env -i {environment} chroot {who}{stage.root} /bin/sh -c {shlex.quote(step)}"
    return ["unshare", "--mount", "/bin/sh", "-c", script]


def ignored() -> list[str]:
    return [line.strip().removeprefix("**/") for line in (HERE / ".dockerignore").read_text().splitlines() if line.strip()]


def copy(stage: Stage, words: list[str], stages: dict[str, Stage]) -> None:
    source = HERE
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].root
    *names, target = words
    into = stage.root / os.path.normpath(os.path.join(stage.workdir, target)).lstrip("/")
    for name in names:
        origin = source / name.lstrip("/")
        if origin.is_dir():
            skip = shutil.ignore_patterns(*ignored()) if source == HERE else None
            shutil.copytree(origin, into, symlinks=True, ignore=skip, dirs_exist_ok=True)
        else:
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, into / Path(name).name)


def build(scratch: Path, cache: Path) -> Stage:
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for word, rest in instructions((HERE / "Dockerfile").read_text()):
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            if image != BASE:
                sys.exit(f"the Dockerfile builds on {image}, this script knows {BASE}")
            stage = Stage(scratch / f"stage{len(stages)}")
            base(stage.root, cache)
            stages[name or str(len(stages))] = stage
            continue
        assert stage is not None
        print(f"   {word} {rest[:100]}", flush=True)
        match word:
            case "WORKDIR":
                stage.workdir = rest
                (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "COPY":
                copy(stage, shlex.split(rest), stages)
            case "RUN":
                subprocess.run(inside(stage, ["/bin/sh", "-c", rest]), check=True)
            case "ENV":
                pairs = (pair.split("=", 1) for pair in shlex.split(rest))
                stage.environment |= {k: v.replace("$PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin") for k, v in pairs}
            case "USER":
                stage.user = rest
            case "VOLUME":
                stage.volumes = json.loads(rest)
            case "ENTRYPOINT":
                stage.entrypoint = json.loads(rest)
            case "CMD":
                stage.command = json.loads(rest)
            case "HEALTHCHECK":
                stage.health = json.loads(rest[rest.index("CMD ") + 4 :])
            case "EXPOSE":
                pass
            case _:
                sys.exit(f"this script does not know the instruction {word}")
    assert stage is not None
    return stage


def healthy(stage: Stage, port: int, seconds: float = 300) -> None:
    """Start it as the image would be started, on loopback, and wait for its own health check."""
    stage.environment |= {"MOORAGE_PORT": str(port), "MOORAGE_HOST": "127.0.0.1"}
    process = subprocess.Popen(inside(stage, [*stage.entrypoint, *stage.command], sealed=True), start_new_session=True)
    try:
        until = time.monotonic() + seconds
        while subprocess.run(inside(stage, stage.health), stderr=subprocess.DEVNULL).returncode:
            if process.poll() is not None or time.monotonic() > until:
                sys.exit("the image did not become healthy")
            time.sleep(1)
        print("   healthy: as its user, on a read-only root", flush=True)
    finally:
        process.terminate()
        process.wait(timeout=20)


def main() -> None:
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("needs root and Debian's debootstrap")
    cache = Path(tempfile.gettempdir()) / "moorage-base-bookworm"
    with tempfile.TemporaryDirectory(prefix="moorage-image-") as scratch:
        os.chmod(scratch, 0o755)
        stage = build(Path(scratch), cache)
        healthy(stage, port=18600 + os.getpid() % 1000)


if __name__ == "__main__":
    main()
