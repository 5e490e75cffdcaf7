"""Runs inside of an app's pod, with nothing but the standard library: uses a database and a cache as an app would, by its variables.

Prints a JSON object; `kept` is what the table holds.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import socket
import struct
import sys
from urllib.parse import urlsplit


def cache():
    with socket.create_connection((os.environ["REDIS_HOST"], int(os.environ["REDIS_PORT"])), 10) as there:
        lines = there.makefile("rb")
        for words in (["AUTH", urlsplit(os.environ["REDIS_URL"]).password], ["SET", "word", "halo"], ["GET", "word"]):
            there.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(w)}\r\n{w}\r\n".encode() for w in words))
            answer = lines.readline()
            assert not answer.startswith(b"-"), answer
        return lines.readline().decode().strip()


class Database:
    """Enough of PostgreSQL's protocol 3.0 with SCRAM-SHA-256."""

    def __init__(self, url):
        place = urlsplit(url)
        self.socket = socket.create_connection((place.hostname, place.port), 10)
        words = f"user\0{place.username}\0database\0{place.path[1:]}\0\0".encode()
        self.socket.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
        self.sign_in(place.password)

    def read(self, number):
        found = b""
        while len(found) < number:
            part = self.socket.recv(number - len(found))
            assert part, "the connection ended"
            found += part
        return found

    def message(self):
        kind = self.read(1)
        body = self.read(struct.unpack("!i", self.read(4))[0] - 4)
        assert kind != b"E", body
        return kind, body

    def send(self, kind, body):
        self.socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def sign_in(self, password):
        self.message()
        nonce = secrets.token_hex(12)
        first = f"n=,r={nonce}"
        said = f"n,,{first}".encode()
        self.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(said)) + said)
        server = self.message()[1][4:].decode()
        facts = dict(part.split("=", 1) for part in server.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(facts["s"]), int(facts["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        final = f"c=biws,r={facts['r']}"
        proof = hmac.digest(hashlib.sha256(key).digest(), f"{first},{server},{final}".encode(), "sha256")
        mixed = bytes(a ^ b for a, b in zip(key, proof, strict=True))
        self.send(b"p", f"{final},p={base64.b64encode(mixed).decode()}".encode())
        while self.message()[0] != b"Z":
            pass

    def ask(self, text):
        self.send(b"Q", text.encode() + b"\0")
        rows = []
        while True:
            kind, body = self.message()
            if kind == b"D":
                size = struct.unpack("!i", body[2:6])[0]
                rows.append(body[6 : 6 + size].decode())
            if kind == b"Z":
                return rows


database = Database(os.environ["DATABASE_URL"])
database.ask("CREATE TABLE IF NOT EXISTS kept (word text)")
database.ask("INSERT INTO kept VALUES ('kopi')")
sys.stdout.write(
    json.dumps(
        {
            "kept": database.ask("SELECT word FROM kept"),
            "cache": cache() if "REDIS_URL" in os.environ else None,
            "parts": [os.environ[f"PG{name}"] for name in ("HOST", "PORT", "USER", "DATABASE")],
        }
    )
)
