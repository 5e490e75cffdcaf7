"""Instances as orders would want them."""

from __future__ import annotations

from typing import Any

from provisioner.catalogue import Plan, Template, load
from provisioner.catalogue.listed import composed
from provisioner.wanted import Ground, Wanted, check_parameters

TEMPLATES = load()
SHOWN = [TEMPLATES[name] for name in ("container", "ghost", "n8n", "wordpress")]
"""What shops of tests sell when it does not matter what: each more takes every one of them time."""
EVERY = [(template, plan) for template in TEMPLATES.values() for plan in template.plans]
NAMES = [f"{template.id}-{plan.name}" for template, plan in EVERY]
LISTED = [
    {"name": "web", "image": "ghcr.io/kopi/web:2", "port": 3000, "path": "/", "health": "/"},
    {"name": "api", "image": "ghcr.io/kopi/api:2", "port": 8000, "path": "/api", "health": "/api/health"},
]
"""Components of a small stack."""
GROUND = Ground(apps_domain="apps.example", forbidden_networks=("203.0.113.11/32",))


def an_instance(template: Template, plan: Plan | None = None, **facts: Any) -> Wanted:
    proposed = {"image": "ghcr.io/kopi/shop:1.4", "components": LISTED}
    given = facts.pop("parameters", {name: said for name, said in proposed.items() if name in template.parameters})
    whole, parameters = composed(template, check_parameters(template, given))
    known: dict[str, Any] = {
        "instance_id": "ins_0123456789abcdef0123",
        "organization_id": "org_0123456789abcdef0123",
        "organization": "Kopi $(whoami) Senja",
        "email": "sari@kopi.example",
        "namespace": f"c-kopi-{template.id}",
        "host": f"kopi.{template.id}.apps.example",
        "ground": GROUND,
    }
    return Wanted(template=whole, plan=plan or template.plans[0], parameters=parameters, **(known | facts))
