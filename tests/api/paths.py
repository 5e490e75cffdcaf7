"""Every operation of the API with values of the demo in its path, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from tests.api.conftest import NOW, Party, Program

Operation = Mapping[str, Any]
MOST_IN_EXAMPLE = 2


def operations(schema: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, str], Operation]]:
    """Name, (method, path) and description."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], (method.upper(), path.removeprefix("/v1")), operation


def filled(program: Program, path: str, party: Party) -> str:
    """The path with ids that belong to `party`."""
    making = "/suspension" in path or "/operations" in path or "/components" in path or "/domains" in path or "/upgrades" in path
    made = program.ordered_by(party, open_=False).instance_id if making else ""
    values = {
        "/orders/{id}": program.ordered_by(party, open_=True).id if "/orders/{id}" in path else "",
        "/documents/{id}": program.document_of(party) if "/documents/{id}" in path else "",
        "/invoices/{id}": program.invoice_of(party) if "/invoices/{id}" in path else "",
        "/subscriptions/{id}": program.subscription_of(party),
        "/credit-notes/{id}": program.credit_note_of(party) if "/credit-notes/{id}" in path else "",
        "/transfers/{id}": program.bank_line() if "/transfers/{id}" in path else "",
        "/payment-events/{id}": program.payment_event() if "/payment-events/{id}" in path else "",
        "/change-sets/{id}": program.change_set_of(party) if "/change-sets/{id}" in path else "",
        "/instances/{id}/operations": f"{made}/operations",
        "/instances/{id}/suspension": f"{made}/suspension",
        "/instances/{id}/upgrades": f"{made}/upgrades",
        "/instances/{id}/domains": f"{made}/domains",
        "/instances/{id}/components": f"{made}/components",
        "/instances/{id}/backups": f"{program.backup_of(party).instance_id}/backups",
        "/app-backups/{id}": program.backup_of(party).id,
        "/organizations/{id}": party.organization_id,
        "/instances/{id}": program.instance_of(party) if "/instances/{id}" in path else "",
        "/nodes/{name}": "node-1",
        "/pods/{uid}": a_pod(program) if "/pods/{uid}" in path else "",
        "/members/{user_id}": party.user_id,
        "/{component}": "valkey",
        "/support/{stay}": "sup_none",
        "/{domain}": "shop.example.com",
        "/jobs/{name}": "rollup",
        "/templates/{template}": "wordpress",
        "/occurrences/{id}": an_occurrence(program) if "/occurrences" in path else "",
        "/mapping/{namespace}": "spare",
        "/invitations/{id}": "inv_none",
        "/me/tokens/{id}": "tok_none",
    }
    for part, value in values.items():
        path = path.replace(part, part.partition("{")[0] + value) if part in path else path
    assert "{" not in path
    return path


def a_pod(program: Program) -> str:
    return min(pod.uid for pod in program.live.cluster.snapshot().pods.values() if pod.ready and pod.labels)


def an_occurrence(program: Program) -> str:
    made = program.send("POST", "/jobs/rollup/runs", key="an-occurrence-to-look-at").json()
    return str(made["id"])


BODIES: Mapping[str, Mapping[str, Any]] = {
    "cancel_subscription": {"when": "at_period_end"},
    "convert_subscription": {"plan": "starter"},
    "hold_dunning": {"until": (NOW + timedelta(days=9)).isoformat(), "reason": "Promised to pay on the 30th"},
    "create_organization": {"name": "Kopi Senja", "country": "ID"},
    "change_organization": {},
    "change_instance": {"template": ""},
    "change_member": {"role": "owner"},
    "decide_order": {"decision": "received"},
    "issue_credit_note": {"reason": "The app was not reachable for two days", "amounts": {"1": 1000}},
    "write_off_invoice": {"reason": "The company does not exist any more"},
    "refund_credit": {"currency": "IDR", "amount_minor": 50000, "reason": "Bank transfer of 29 November"},
    "import_statement": {"text": "date,description,amount\n2026-11-29,thanks,149000\n", "source": "bca.csv"},
    "assign_transfer": {"invoice": "INV-2026-000001"},
    "operate_instance": {"operation": "stop"},
    "add_component": {"component": "valkey"},
    "copy_app_backup": {"plan": "starter"},
    "add_domain": {"name": "shop.example.com"},
    "serve_node": {"do": "cordon"},
    "begin_support": {"reason": "Ticket 812: the shop answers slowly"},
    "suspend_instance": {"do": "suspend", "reason": "The invoice of October is open."},
    "restore_app_backup": {"typed_name": "ordered-trial"},
    "import_mapping": {"text": "namespace,organization,instance\nkube-system,apotek-melati,\n", "dry_run": True},
    "query_warehouse": {"sql": "SELECT node, count(*) AS samples FROM node_1h GROUP BY node ORDER BY node"},
}
COOKIE_ONLY = frozenset(
    {
        "convert_subscription",
        "cancel_subscription",
        "keep_subscription",
        "repair_orphan",
        "begin_support",
        "end_support",
        "list_my_tokens",
        "revoke_token",
        "restore_app_backup",
    }
)
"""A token is not shown tokens, and overwrites nothing."""


def answered(program: Program) -> dict[str, Any]:
    """A real answer by operation, with lists cut short."""
    from app.api.main import api

    found: dict[str, Any] = {}
    for name, (method, path), operation in operations(api.openapi()):
        if "204" in operation["responses"] or name in ("copy_app_backup", "upgrade_app", "refund_credit", "write_off_invoice"):
            continue
        if name in ("cancel_subscription", "convert_subscription", "keep_subscription"):
            continue
        if name in COOKIE_ONLY:
            if name in ("begin_support", "end_support"):
                found[name] = _stay(program, over=name == "end_support")
                continue
            if name == "repair_orphan":
                found[name] = {"repair": "delete_namespace", "id": "c-stray", "change_set": None}
                continue
            found[name] = _restore(program) if name == "restore_app_backup" else _token(program, name)
            continue
        body = dict(BODIES.get(name, {}))
        if name == "invite_member":
            body = {"email": "ayu@example.com", "role": "developer"}
        if name == "assign_transfer":
            body = {"invoice": program.invoice_of(program.mine)}
        if name == "place_order":
            body = {"organization_id": program.mine.organization_id, "template": "ghost", "plan": "trial"}
        if name == "adopt_instance":
            body = {"organization_id": program.mine.organization_id, "name": "shop", "namespace": "kube-system"}
        if name == "assign_namespace":
            row = program.get("/mapping", organization=program.mine.organization_id).json()["items"][0]
            path = f"/mapping/{row['namespace']}"
            body = {"organization_id": row["organization_id"]}
        who = program.mine if name == "list_my_apps" else program.owner
        made = program.send(
            method, filled(program, path, program.mine), who, key=f"example-{name}" if method == "POST" else "", **body
        )
        assert made.status_code < 300, (name, made.text)
        kind = made.headers["content-type"].partition(";")[0]
        # the bytes of a PDF belong into no description
        found[name] = {"text/csv": made.text[:400], "application/pdf": "%PDF-1.7"}.get(kind) or short(made.json())
    # for a second app of its size the demo has no room, and its apps have the newest versions
    lost = found["get_invoice"]  # what is open in the demo is needed for other examples
    lost = lost | {"state": "written_off", "open_minor": 0, "written_off_minor": lost["total_minor"]}
    found["write_off_invoice"] = lost
    found["refund_credit"] = {"currency": "IDR", "credit_minor": 25000}  # nobody in the demo has credit
    found |= dict.fromkeys(("cancel_subscription", "convert_subscription", "keep_subscription"), found["get_subscription"])
    return found | {"copy_app_backup": found["place_order"], "upgrade_app": found["list_upgrades"]["items"][0]}


def _token(program: Program, name: str) -> Any:
    token = {
        "id": "tok_0123456789abcdef0123",
        "name": "deploy script",
        "hint": "moorage_Ab3d",
        "user_id": program.mine.user_id,
        "owner": "Mine",
        "organization_id": program.mine.organization_id,
        "scopes": ["own.instances.see"],
        "created_at": NOW.isoformat(),
        "expires_at": None,
        "used_at": None,
        "revoked_at": None,
        "open": True,
    }
    return [token] if name == "list_my_tokens" else {**token, "revoked_at": NOW.isoformat(), "open": False}


def _stay(program: Program, *, over: bool) -> Any:
    return {
        "id": "sup_0123456789abcdef0123",
        "organization_id": program.mine.organization_id,
        "by": "Citra",
        "reason": "Ticket 812: the shop answers slowly",
        "acts": False,
        "began_at": NOW.isoformat(),
        "until": (NOW + timedelta(minutes=30)).isoformat(),
        "ended_at": (NOW + timedelta(minutes=5)).isoformat() if over else None,
    }


def _restore(program: Program) -> Any:
    return {
        "id": "res_0123456789abcdef0123",
        "backup_id": "bak_0123456789abcdef0123",
        "instance_id": program.ordered_by(program.mine, open_=False).instance_id,
        "kind": "place",
        "state": "wanted",
        "why": "",
        "created_by": "Mine",
        "created_at": NOW.isoformat(),
        "finished_at": None,
    }


def short(value: Any) -> Any:
    """An answer as an example: the first of every list."""
    if isinstance(value, list):
        return [short(one) for one in value[:MOST_IN_EXAMPLE]]
    if isinstance(value, dict):
        return {name: short(one) for name, one in value.items()}
    return value
