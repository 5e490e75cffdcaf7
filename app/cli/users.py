"""`moorage user`: accounts, for whoever has the machine, also when no mail gets out."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import edge
from app.cli.edge import DataOption
from models.domain.access import StaffRole

app = typer.Typer(help="Accounts of people: add, reset, roles.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="E-mail address of the account.")]
Role = Annotated[StaffRole | None, typer.Option("--role", help="Makes the person staff, in this role.")]


@app.command("list")
def list_(data: DataOption = None) -> None:
    """The staff, with role and second factor."""
    from app.services import staff

    with edge.reading(edge.settings(data)) as ctx:
        rows = staff.list_(ctx)
    edge.table(
        ("e-mail", "name", "role", "second factor", "disabled"),
        [(r.email, r.name, r.role, "yes" if r.second_factor else "no", "yes" if r.disabled else "no") for r in rows],
    )


@app.command()
def show(email: Email, data: DataOption = None) -> None:
    """One account."""
    from app.services import users

    with edge.reading(edge.settings(data)) as ctx:
        found = users.find(ctx, email=email)
    for name in ("id", "email", "name", "staff_role", "second_factor", "disabled_at", "created_at"):
        edge.say(f"{name.replace('_', ' '):<14}{getattr(found, name) if getattr(found, name) is not None else ''}")


@app.command("add")
def add_(
    email: Email,
    name: Annotated[str, typer.Option("--name", help="Name that people see.")],
    role: Role = None,
    data: DataOption = None,
) -> None:
    """A new account; prints a one-time link at which the person chooses a password."""
    from app.services import users

    with edge.transaction(edge.settings(data)) as ctx:
        made = users.create(ctx, email=email, name=name, role=role)
        link = users.reset_link(ctx, email=made.email)
    edge.say(f"{made.email} can choose a password at (once, within an hour):\n  {link}")


@app.command()
def reset(email: Email, data: DataOption = None) -> None:
    """A one-time link at which the person chooses a new password."""
    from app.services import users

    with edge.transaction(edge.settings(data)) as ctx:
        link = users.reset_link(ctx, email=email)
    edge.say(f"Good once, within an hour:\n  {link}")


@app.command()
def role(
    email: Email,
    role: Annotated[StaffRole | None, typer.Argument(help="The new role; without one the person leaves the staff.")] = None,
    data: DataOption = None,
) -> None:
    """Make somebody staff, give another role, or take the person out of the staff."""
    from app.services import staff, users

    with edge.transaction(edge.settings(data)) as ctx:
        found = users.find(ctx, email=email)
        if role is None:
            staff.remove(ctx, user_id=found.id)
            edge.say(f"{found.email} is no longer staff.")
        else:
            edge.say(f"{found.email} is {staff.set_role(ctx, user_id=found.id, role=role).role} now.")


@app.command()
def disable(email: Email, data: DataOption = None) -> None:
    """Let somebody in no more: sessions and tokens end."""
    from app.services import users

    with edge.transaction(edge.settings(data)) as ctx:
        ended = users.disable(ctx, user_id=users.find(ctx, email=email).id)
    edge.say(f"{email} is disabled; {len(ended)} sessions ended.")


@app.command()
def enable(email: Email, data: DataOption = None) -> None:
    """Let a disabled account in again."""
    from app.services import users

    with edge.transaction(edge.settings(data)) as ctx:
        users.enable(ctx, user_id=users.find(ctx, email=email).id)
    edge.say(f"{email} is enabled.")


@app.command("drop-second-factor")
def drop_second_factor(email: Email, data: DataOption = None) -> None:
    """Take the second factor away from somebody who lost phone and recovery codes."""
    from app.services import users

    with edge.transaction(edge.settings(data)) as ctx:
        users.drop_second_factor(ctx, user_id=users.find(ctx, email=email).id)
    edge.say(f"{email} signs in with the password alone until a new second factor is set up.")
