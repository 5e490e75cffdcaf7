"""A world outside of the test bed, which has none: a network behind the node with somebody who answers at addresses of every kind."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PUBLIC = "203.0.113.5"
FORBIDDEN = "203.0.113.11"
"""Public too, but one of the nodes' own (the setting `forbidden_networks`)."""
METADATA = "169.254.169.254"
PRIVATE = ("192.168.77.5", "172.20.77.5", "10.77.0.5", "100.64.77.5", "198.18.77.5")
PORTS = (25, 80, 443)
_ANSWERS = """
import socket, sys, threading
def answer(listener):
    while True:
        near, _ = listener.accept()
        near.close()
for port in sys.argv[1:]:
    listener = socket.create_server(("0.0.0.0", int(port)))
    threading.Thread(target=answer, args=(listener,)).start()
print("ready", flush=True)
"""


@contextmanager
def outside() -> Iterator[None]:
    """While it is there, the node leads to all these addresses, as a router of a data centre would."""
    bed = "moorage-bed-" + hashlib.sha256(os.environ["MOORAGE_TESTBED_DIR"].encode()).hexdigest()[:8]
    name, near = f"outside-{secrets.token_hex(3)}", f"out{secrets.token_hex(3)}"
    _run("ip", "netns", "add", name)
    try:
        _run("ip", "-n", bed, "link", "add", near, "type", "veth", "peer", "name", "far", "netns", name)
        _run("ip", "-n", bed, "address", "add", "192.0.2.1/30", "dev", near)
        _run("ip", "-n", bed, "link", "set", near, "up")
        for word in (("link", "set", "lo", "up"), ("address", "add", "192.0.2.2/30", "dev", "far"), ("link", "set", "far", "up")):
            _run("ip", "-n", name, *word)
        _run("ip", "-n", name, "route", "add", "default", "via", "192.0.2.1")
        for address in (PUBLIC, FORBIDDEN, METADATA, *PRIVATE):
            _run("ip", "-n", name, "address", "add", f"{address}/32", "dev", "lo")
            _run("ip", "-n", bed, "route", "add", f"{address}/32", "via", "192.0.2.2")
        command = ["ip", "netns", "exec", name, sys.executable, "-c", _ANSWERS, *map(str, PORTS)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            assert server.stdout.readline().strip() == "ready"
            yield
        finally:
            server.kill()
            server.wait(10)
            if server.stdout is not None:
                server.stdout.close()
    finally:
        # the pair of interfaces goes with it, and the bed's routes with that
        _run("ip", "netns", "delete", name)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
