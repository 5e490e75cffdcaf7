"""The demo's people and what they have: organizations, members, catalogue and instances, as the simulated world knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.context import Context
from app.services import audit
from models.domain.access import MemberRole, StaffRole
from models.domain.instances import State
from models.store import audit as audit_rows
from models.store import members, organizations, staff
from models.store.catalogue import Plan, Template
from models.store.instances import Instance
from models.store.members import User
from models.world import apps
from models.world.chance import between
from models.world.history import FADES_ON
from models.world.tenants import CRASHING, IDLE, TENANTS, TRIAL_DAYS, App, Tenant
from models.world.world import World


@dataclass(frozen=True, slots=True)
class SignIn:
    """An address and its password; they exist on the demo only."""

    email: str
    password: str


ADMIN_NAME = "Moorage Demo Admin"
ADMIN = SignIn("admin@moorage.example", "quiet harbour demo")
CUSTOMER = SignIn("sari@kopi-senja.example", "morning coffee demo")

TEMPLATES = (
    ("n8n", "n8n", "Workflows between services, with a visual editor."),
    ("ghost", "Ghost", "A blog with newsletter and paid members."),
    ("wordpress", "WordPress", "Web sites and shops."),
)
PRICES = {
    ("n8n", "Starter"): 149_000,
    ("n8n", "Team"): 349_000,
    ("n8n", "Scale"): 899_000,
    ("ghost", "Blog"): 199_000,
    ("wordpress", "Site"): 129_000,
    ("wordpress", "Business"): 499_000,
}
"""Rupiah a month; the currency has no minor unit."""
_FIRST = ("Sari", "Budi", "Dewi", "Agus", "Rina", "Joko", "Maya", "Hadi", "Putri", "Eko", "Wulan", "Bayu", "Intan", "Rizal")
_LAST = ("Wijaya", "Santoso", "Lestari", "Pratama", "Hidayat", "Kusuma", "Halim", "Siregar", "Nugroho", "Utami", "Saputra")
_CENTRAL = frozenset({"Makassar", "Denpasar", "Kuta", "Mataram"})
"""Cities of Central Indonesian Time."""


LOADED, MONEY, TURNED = "demo.load", "demo.money", "demo.turn"
"""Actions in the audit: the demo was loaded, its money is whole, an app's owner did something about its plan."""


def is_empty(ctx: Context) -> bool:
    """Whether nobody has an account yet."""
    return not organizations.everything(ctx.session) and not staff.everyone(ctx.session)


def lacks_money(ctx: Context) -> bool:
    """Whether the demo was loaded with its money to come, and that did not come whole."""
    loaded = audit_rows.search(ctx.session, action=LOADED, limit=1)
    return bool(loaded) and '"money"' in (loaded[0].after or "") and not audit_rows.search(ctx.session, action=MONEY, limit=1)


def addresses(domain: str) -> list[tuple[str, str]]:
    """Namespace and address of every app."""
    return [(tenant.namespace(app), _address(tenant, app, domain)) for tenant in TENANTS for app in tenant.apps]


def write(ctx: Context, world: World, *, cluster: str, domain: str, admin_hash: str, customer_hash: str, money: bool) -> None:
    """All rows at once; their audit row is one, since nobody made them one by one."""
    first = world.epoch - timedelta(days=330)
    plans = _catalogue(ctx, first)
    owner = _person(ctx, ADMIN.email, ADMIN_NAME, first, admin_hash, locale="en")
    staff.appoint(ctx.session, user_id=owner.id, role=StaffRole.OWNER, now=first)
    begun = {name: created for name, (created, _) in world.timeline.namespaces.items()}
    for number, tenant in enumerate(TENANTS):
        _tenant(ctx, world, tenant, number, plans, begun, cluster=cluster, domain=domain, customer_hash=customer_hash)
    ctx.session.flush()
    audit.record(
        ctx,
        action="demo.load",
        subject="demo",
        after={"organizations": len(TENANTS), "seed": world.seed} | ({"money": True} if money else {}),
    )


def _catalogue(ctx: Context, at: datetime) -> dict[tuple[str, str], Plan]:
    for short, name, about in TEMPLATES:
        row = Template(id=short, name=name, description=about, created_at=at)
        if short == "n8n":  # a demo sells nothing, so its maker need not be asked
            row.agreed_at, row.agreed_by = at, ADMIN_NAME
        ctx.session.add(row)
    ctx.session.flush()
    made = {}
    for key, price in PRICES.items():
        wanted, storage = apps.totals(*key)
        made[key] = Plan(
            template=key[0],
            name=key[1],
            cpu_cores=round(wanted.cpu, 3),
            memory_bytes=wanted.memory,
            storage_bytes=storage,
            price_minor=price,
            currency="IDR",
            created_at=at,
        )
        ctx.session.add(made[key])
    ctx.session.flush()
    return made


def _tenant(
    ctx: Context,
    world: World,
    tenant: Tenant,
    number: int,
    plans: dict[tuple[str, str], Plan],
    begun: dict[str, float],
    *,
    cluster: str,
    domain: str,
    customer_hash: str,
) -> None:
    first = min(begun[tenant.namespace(app)] for app in tenant.apps)
    joined = world.epoch + timedelta(seconds=round(first) - 3600)
    zone = "Asia/Makassar" if tenant.city in _CENTRAL else "Asia/Jakarta"
    org = organizations.add(ctx.session, name=tenant.name, now=joined, country="ID", locale="id", timezone=zone, label=tenant.slug)
    mine = CUSTOMER.email.endswith(f"@{tenant.slug}.example")
    name = f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}"
    email = CUSTOMER.email if mine else f"{name.split()[0].lower()}@{tenant.slug}.example"
    person = _person(ctx, email, name, joined, customer_hash if mine else None, zone=zone)
    members.join(ctx.session, user_id=person.id, organization_id=org.id, role=MemberRole.OWNER, now=joined)
    if mine:
        second = _person(ctx, f"budi@{tenant.slug}.example", "Budi Santoso", joined + timedelta(days=9), None, zone=zone)
        members.join(
            ctx.session, user_id=second.id, organization_id=org.id, role=MemberRole.DEVELOPER, now=joined + timedelta(days=9)
        )
    for app in tenant.apps:
        namespace = tenant.namespace(app)
        created = world.epoch + timedelta(seconds=round(begun[namespace]))
        ctx.session.add(
            Instance(
                organization_id=org.id,
                name=app.template,
                template=app.template,
                plan_id=plans[app.template, app.plan].id,
                cluster=cluster,
                namespace=namespace,
                address=_address(tenant, app, domain),
                state=State.DEGRADED if CRASHING.startswith(f"{namespace}/") else State.READY,
                trial_until=created + timedelta(days=TRIAL_DAYS) if app.trial else None,
                last_used_at=_last_used(ctx, world, namespace),
                created_at=created,
            )
        )


def _person(
    ctx: Context, email: str, name: str, at: datetime, password_hash: str | None, *, locale: str = "id", zone: str = "Asia/Jakarta"
) -> User:
    row = members.add_user(ctx.session, email=email, name=name, now=at, locale=locale, timezone=zone)
    row.email_verified_at, row.password_hash = at, password_hash
    ctx.session.add(row)
    return row


def _last_used(ctx: Context, world: World, namespace: str) -> datetime:
    if namespace == IDLE:
        return world.epoch + timedelta(days=FADES_ON)
    return ctx.now - timedelta(minutes=round(between(2, 400, world.seed, namespace, "used")))


def _address(tenant: Tenant, app: App, domain: str) -> str:
    return f"https://{tenant.slug}.{app.template}.{domain}"
