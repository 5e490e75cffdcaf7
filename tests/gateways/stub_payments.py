"""Midtrans and Stripe on loopback, in the wire format that their documentation describes, each with a book of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Answer = tuple[int, dict[str, Any]]


@dataclass
class Stub:
    """What both have: a key that is asked for, what was called, and troubles to come."""

    key: str
    calls: list[tuple[str, str]] = field(default_factory=list)
    troubles: list[int] = field(default_factory=list)
    """Statuses with which the calls to come are answered; 0: it is carried out and the answer lost."""
    url: str = ""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.calls.append((method, path))
        if self.troubles and self.troubles[0]:
            return self.troubles.pop(0), {}
        basic = base64.b64encode(f"{self.key}:".encode()).decode()
        if headers.get("authorization") not in (f"Basic {basic}", f"Bearer {self.key}"):
            return 401, {"error": {"message": "no such key"}}
        found = self.carry_out(method, path, headers, body)
        if self.troubles:
            self.troubles.pop(0)
            return 504, {}
        return found

    def carry_out(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        raise NotImplementedError

    @contextmanager
    def running(self) -> Iterator[Any]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer = stub.answer(self.command, self.path, headers, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _any

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@dataclass
class MidtransStub(Stub):
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What customers began to pay, by order id."""
    pages: dict[str, int] = field(default_factory=dict)

    def carry_out(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts = urlsplit(path).path.strip("/").split("/")
        asked = json.loads(body) if body else {}
        if parts == ["snap", "v1", "transactions"]:
            order = asked["transaction_details"]["order_id"]
            if order in self.orders:
                return 400, {"error_messages": ["transaction_details.order_id has already been taken"]}
            self.pages[order] = asked["transaction_details"]["gross_amount"]
            return 201, {"token": f"snap-{order}", "redirect_url": f"{self.url}/snap/v4/redirection/snap-{order}"}
        by_transaction = {one["transaction_id"]: one for one in self.orders.values()}
        found = self.orders.get(parts[1]) or by_transaction.get(parts[1])
        if found is None:
            return 404, {"status_code": "404", "status_message": "Transaction doesn't exist.", "id": "x"}
        if parts[2] == "status":
            return 200, found
        taken = sum(int(float(one["refund_amount"])) for one in found.get("refunds", ()))
        if any(one["refund_key"] == asked["refund_key"] for one in found.get("refunds", ())):
            return 200, {"status_code": "406", "status_message": "Refund key has been used"}
        if found["transaction_status"] not in ("settlement", "partial_refund"):
            return 200, {"status_code": "412", "status_message": "Transaction status cannot be updated."}
        if taken + asked["amount"] > int(float(found["gross_amount"])):
            return 200, {"status_code": "414", "status_message": "Refund amount is more than the transaction's."}
        return 200, self.back(found["order_id"], asked["refund_key"], asked["amount"])

    def begin(self, order: str, status: str = "pending", **facts: Any) -> dict[str, Any]:
        """The customer chooses a virtual account on the page, or pays at once."""
        self.orders[order] = {
            "status_code": "200" if status == "settlement" else "201", "transaction_id": f"tx-{len(self.orders)}", "order_id": order,
            "gross_amount": f"{self.pages[order]}.00", "currency": "IDR", "payment_type": "bank_transfer",
            "transaction_status": status, "va_numbers": [{"bank": "bca", "va_number": "9880012345"}], **facts,
        }  # fmt: skip
        return self.orders[order]

    def back(self, order: str, key: str, amount: int, kind: str = "refund") -> dict[str, Any]:
        found = self.orders[order]
        found.setdefault("refunds", []).append(
            {"refund_chargeback_id": len(found.get("refunds", ())) + 1, "refund_amount": f"{amount}.00", "refund_key": key}
        )
        total = sum(int(float(one["refund_amount"])) for one in found["refunds"])
        found["transaction_status"] = kind if total == int(float(found["gross_amount"])) else f"partial_{kind}"
        found["refund_amount"] = f"{total}.00"
        return {**found, "status_code": "200", "refund_key": key, "refund_amount": f"{amount}.00"}

    def notification(self, order: str, **facts: Any) -> tuple[dict[str, str], bytes]:
        told = {**self.orders[order], **facts}
        signed = f"{told['order_id']}{told['status_code']}{told['gross_amount']}{self.key}"
        told["signature_key"] = hashlib.sha512(signed.encode()).hexdigest()
        return {"content-type": "application/json"}, json.dumps(told).encode()


@dataclass
class StripeStub(Stub):
    secret: str = "whsec_test"
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[str, tuple[dict[str, str], Answer]] = field(default_factory=dict)
    """Answers by idempotency key."""

    def carry_out(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        parts, form = urlsplit(path), dict(parse_qsl(body.decode()))
        key = headers.get("idempotency-key", "")
        if method == "POST" and key in self.kept:
            sent, answer = self.kept[key]
            if sent != form:
                return 400, {"error": {"type": "idempotency_error", "message": "Keys for idempotent requests are used once."}}
            return answer
        answer = self._made(method, parts.path.removeprefix("/v1/").split("/"), dict(parse_qsl(parts.query)), form)
        if method == "POST" and key:
            self.kept[key] = (form, answer)
        return answer

    def _made(self, method: str, parts: list[str], query: dict[str, str], form: dict[str, str]) -> Answer:
        match (method, parts):
            case ("POST", ["checkout", "sessions"]):
                id = f"cs_test_{len(self.sessions)}"
                self.sessions[id] = {
                    "id": id, "object": "checkout.session", "url": f"{self.url}/pay/{id}", "status": "open", "payment_status": "unpaid",
                    "amount_total": int(form["line_items[0][price_data][unit_amount]"]), "payment_intent": None,
                    "currency": form["line_items[0][price_data][currency]"], "client_reference_id": form["client_reference_id"],
                    "metadata": {"key": form["metadata[key]"]}, "livemode": False,
                }  # fmt: skip
                return 200, self.sessions[id]
            case ("GET", ["checkout", "sessions", id]) if id in self.sessions:
                return 200, self.sessions[id]
            case ("GET", ["payment_intents", "search"]):
                wanted = query["query"].split("'")[3]
                found = [one for one in self.intents.values() if one["metadata"]["key"] == wanted]
                return 200, {"object": "search_result", "data": found, "has_more": False, "url": "/v1/payment_intents/search"}
            case ("GET", ["payment_intents", id]) if id in self.intents:
                return 200, self.intents[id]
            case ("POST", ["refunds"]) if form["payment_intent"] in self.intents:
                intent = self.intents[form["payment_intent"]]
                taken = sum(one["amount"] for one in self.refunds.values() if one["payment_intent"] == intent["id"])
                if taken + int(form["amount"]) > intent["amount_received"]:
                    return 400, {"error": {"type": "invalid_request_error", "message": "Refund amount is greater than unrefunded"}}
                id = f"re_{len(self.refunds)}"
                self.refunds[id] = {
                    "id": id, "object": "refund", "amount": int(form["amount"]), "currency": intent["currency"],
                    "payment_intent": intent["id"], "status": "succeeded", "metadata": {},
                }  # fmt: skip
                return 200, self.refunds[id]
        return 404, {"error": {"type": "invalid_request_error", "message": f"No such thing: {'/'.join(parts)}"}}

    def of(self, key: str) -> dict[str, Any]:
        return next(one for one in self.sessions.values() if one["client_reference_id"] == key)

    def pay(self, key: str) -> dict[str, Any]:
        session = self.of(key)
        id = f"pi_{len(self.intents)}"
        self.intents[id] = {
            "id": id, "object": "payment_intent", "status": "succeeded", "amount": session["amount_total"],
            "amount_received": session["amount_total"], "currency": session["currency"], "metadata": {"key": key},
        }  # fmt: skip
        session |= {"status": "complete", "payment_status": "paid", "payment_intent": id}
        return session

    def event(self, kind: str, thing: dict[str, Any], *, at: int, id: str = "evt_1") -> tuple[dict[str, str], bytes]:
        body = json.dumps({"id": id, "object": "event", "type": kind, "data": {"object": thing}, "created": at}).encode()
        signature = hmac.new(self.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"stripe-signature": f"t={at},v1={'0' * 64},v1={signature}"}, body
