"""`moorage catalogue import` against a registry of its own on this machine."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from models.store import pins
from models.store.session import Store
from tests.cli.conftest import settings_of

pytestmark = pytest.mark.loopback
DIGEST = "sha256:" + "12" * 32


@pytest.fixture
def registry():
    """A registry that has everything but n8n."""

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self):
            here = "n8n" not in self.path
            self.send_response(200 if here else 404)
            if here:
                self.send_header("Docker-Content-Digest", DIGEST)
            self.end_headers()

        def log_message(self, *_):
            """A test says nothing on the console."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_tags_become_digests_and_what_is_missing_is_said(command, data, registry):
    said = command("catalogue", "import", "--mirror", registry, "--plain", registry, code=1)
    assert f": {DIGEST}" in said
    assert "gives no image n8nio/n8n:" in said
    assert "images resolved" in said
    store = Store(settings_of(data).store)
    with store.reading() as session:
        kept = pins.everything(session)
    store.close()
    assert set(kept.values()) == {DIGEST}
    assert any("wordpress" in image for image in kept)
    assert "busybox:1.37" in kept, "the page of suspended apps runs it"
    again = command("catalogue", "import", "--mirror", registry, "--plain", registry, code=1)
    assert ", 0 of them others than before" in again
