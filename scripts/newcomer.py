"""What a newcomer types, where nothing is installed but Python: `./moorage up` from a clean copy of the sources, as no root.

`python3 scripts/newcomer.py` (as root, Debian) copies what git knows into a root made by debootstrap, starts it there, waits until
it is ready, and ends it with Ctrl-C.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from dockerfile_in_clean_root import HERE, Stage, base, inside

USER = "1000"
SECONDS = 540.0


def copied(into: Path) -> None:
    """The files that git knows, as they are now."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=HERE, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (HERE / name).exists():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(HERE / name, into / name)
    subprocess.run(["chown", "-R", f"{USER}:{USER}", str(into.parent)], check=True)


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("needs root and Debian's debootstrap")
    port = 19600 + os.getpid() % 1000
    with tempfile.TemporaryDirectory(prefix="moorage-newcomer-") as scratch:
        os.chmod(scratch, 0o755)
        stage = Stage(Path(scratch) / "root", environment={"HOME": "/home/new"}, workdir="/home/new/moorage")
        base(stage.root, Path(tempfile.gettempdir()) / "moorage-base-bookworm")
        copied(stage.root / "home" / "new" / "moorage")
        words = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "./moorage", "up", "--port", str(port)]
        began = time.monotonic()
        process = subprocess.Popen(inside(stage, words), start_new_session=True)
        try:
            while not ready(port):
                if process.poll() is not None or time.monotonic() - began > SECONDS:
                    sys.exit("`./moorage up` did not become ready")
                time.sleep(0.5)
            print(f"   ready after {time.monotonic() - began:.0f} s, installation and demo included", flush=True)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            code = process.wait(timeout=60)
        if code:
            sys.exit(f"Ctrl-C ended it with {code}")


if __name__ == "__main__":
    main()
