"""Runs the test suite and says beforehand which live parts this machine lacks; arguments go to pytest."""

import os
import shutil
import sys

PARTS = {
    "PostgreSQL (set MOORAGE_TEST_POSTGRES to the URL of an empty database)": lambda: bool(os.environ.get("MOORAGE_TEST_POSTGRES")),
    "Prometheus (Debian package prometheus)": lambda: bool(shutil.which("prometheus") and shutil.which("promtool")),
    "a cluster (set KUBECONFIG and PROMETHEUS_URL, for example from a test bed)": lambda: bool(
        os.environ.get("KUBECONFIG") and os.environ.get("PROMETHEUS_URL")
    ),
    "a node that runs containers (set INGRESS_URL, as a test bed with --real-node does)": lambda: bool(
        os.environ.get("INGRESS_URL")
    ),
    "a test bed that can be broken (set MOORAGE_TESTBED and MOORAGE_TESTBED_DIR)": lambda: bool(
        os.environ.get("MOORAGE_TESTBED") and os.environ.get("MOORAGE_TESTBED_DIR")
    ),
    "Node.js (Debian package nodejs)": lambda: bool(shutil.which("node")),
    "a browser (Debian package chromium)": lambda: bool(shutil.which("chromium")),
}


def main() -> int:
    missing = [name for name, there in PARTS.items() if not there()]
    for name in missing:
        print(f"not here, its tests are skipped: {name}")
    if missing and os.environ.get("MOORAGE_TEST_ALL") == "1":
        print("MOORAGE_TEST_ALL=1 asks for every live part: a missing one is a failure", file=sys.stderr)
        return 2
    import pytest

    alone = {"-n", "--version", "-p", "--pdb", "--collect-only", "--co"} & {argument.split("=")[0] for argument in sys.argv[1:]}
    # tests that share something large (the test bed, a running server) come one after the other (tests/conftest.py)
    side_by_side = [] if alone else ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadscope"]
    return int(pytest.main([*side_by_side, *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
