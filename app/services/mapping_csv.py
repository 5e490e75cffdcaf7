"""The mapping of namespaces as a CSV file, in and out: the whole file or nothing, each bad line with its own sentence."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from app.context import Context
from app.services import mapping
from models.domain.access import Permission
from models.domain.errors import Conflict, Invalid, NotFound, PlatformError
from models.domain.instances import LIVING, check_address
from models.domain.mapping import Via
from models.domain.organizations import ENDED
from models.store import instances, organizations
from models.store import mapping as store

COLUMNS = ("namespace", "organization", "instance", "address")
MOST_LINES = 20_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell instead of showing it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file: what would be or was done, or what is wrong with it."""

    number: int
    """As an editor counts, the heading is line 1."""
    namespace: str
    organization: str
    instance: str
    address: str
    outcome: str
    """new, changed, same, problem"""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """What a file says. `done` is False after a dry run and when any line is wrong: then nothing was changed."""

    lines: tuple[Line, ...]
    new: int
    changed: int
    same: int
    problems: int
    done: bool


def read(ctx: Context, *, text: str, dry_run: bool = False) -> Import:
    """Take the rules of a CSV file with the columns namespace, organization, instance, address; the last two may be missing or empty.

    `organization` is an id, slug, label or unique name; `instance` an id or a name. Without a column `address` the rules keep
    theirs, as `mapping.assign` does. Namespaces that it does not name keep what
    they have. Invalid when it is no such file at all.
    """
    ctx.require(Permission.MAP_NAMESPACES)
    found: list[Line] = []
    seen: dict[str, int] = {}
    wanted: list[_Rule] = []
    for number, row in _rows(text):
        namespace, organization, instance, address = (row.get(name, "").strip() for name in COLUMNS)
        try:
            if namespace in seen:
                raise Invalid(f"the namespace stands on line {seen[namespace]} already; keep one of the two")
            seen[namespace] = number
            rule, outcome = _judged(ctx, namespace, organization, instance, address if "address" in row else None)
            wanted.append(rule)
            found.append(Line(number, namespace, organization, instance, address, outcome))
        except PlatformError as error:
            found.append(Line(number, namespace, organization, instance, address, "problem", str(error)))
    counts = {outcome: sum(line.outcome == outcome for line in found) for outcome in ("new", "changed", "same", "problem")}
    done = not dry_run and not counts["problem"]
    if done:
        for line, rule in zip(found, wanted, strict=True):
            if line.outcome != "same":
                mapping.give(
                    ctx,
                    namespace=rule.namespace,
                    organization_id=rule.organization_id,
                    instance_id=rule.instance_id,
                    address=rule.address,
                    via=Via.CSV,
                )
    return Import(tuple(found), counts["new"], counts["changed"], counts["same"], counts["problem"], done)


def write(ctx: Context) -> str:
    """Every namespace that somebody owns, as `read` takes it.

    An instance goes by its name, or by its id where a spreadsheet would take the name for a formula.
    """
    ctx.require(Permission.MAP_NAMESPACES)
    slugs = {row.id: row.slug for row in organizations.everything(ctx.session)}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in mapping.list_(ctx).rows:
        if row.organization_id is not None:
            formula = row.instance.startswith(FORMULA)
            app = row.instance_id if formula else row.instance
            writer.writerow((row.namespace, slugs[row.organization_id], app, row.address))
    return out.getvalue()


def _rows(text: str) -> list[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=_delimiter(text), strict=True)
    try:
        heading = [name.strip().lower() for name in next(reader, [])]
        if "namespace" not in heading or "organization" not in heading:
            raise Invalid(
                "The first line must name the columns: namespace,organization,instance,address (the last two are optional).",
                field="text",
            )
        rows: list[tuple[int, dict[str, str]]] = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) == MOST_LINES:
                raise Invalid(f"The file has more than {MOST_LINES} lines. Send it in parts.", field="text")
            rows.append((reader.line_num, dict(zip(heading, [*cells, *[""] * len(heading)], strict=False))))
    except csv.Error as error:
        raise Invalid(f"Line {reader.line_num} is no CSV ({error}). Mend it and send the file again.", field="text") from error
    if not rows:
        raise Invalid("The file names no namespace. Add lines below the heading.", field="text")
    return rows


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


@dataclass(frozen=True, slots=True)
class _Rule:
    namespace: str
    organization_id: str
    instance_id: str | None
    address: str | None
    """None: as it is."""


def _judged(ctx: Context, namespace: str, organization: str, instance: str, address: str | None) -> tuple[_Rule, str]:
    """What one line asks for, and its outcome."""
    if not namespace:
        raise Invalid("the namespace is missing")
    if not organization:
        raise Invalid("the organization is missing; to take a rule away use the page")
    snapshot = ctx.cluster.snapshot()
    rule = store.rule(ctx.session, snapshot.cluster, namespace)
    if rule is None and namespace not in snapshot.namespaces:
        raise NotFound(f"the cluster has no namespace “{namespace}”")
    matching = organizations.by_word(ctx.session, organization)
    if not matching:
        raise NotFound(f"there is no organization “{organization}”; use its id, slug or name")
    if len(matching) > 1:
        raise Invalid(f"“{organization}” is the name of {len(matching)} organizations; use the id or slug of one")
    owner = matching[0]
    found = None
    if instance:
        found = instances.by_id(ctx.session, instance) or instances.living_by_name(ctx.session, owner.id, instance)
        if found is None or found.organization_id != owner.id or found.state not in LIVING:
            raise NotFound(f"{owner.name} has no instance “{instance}”")
        if address:
            raise Invalid(f"the app “{found.name}” has an address of its own, on the page of {owner.name}; leave this one empty")
    wanted = _Rule(namespace, owner.id, found.id if found else None, None if address is None else check_address(address))
    if (
        rule is not None
        and (rule.organization_id, rule.instance_id) == (owner.id, wanted.instance_id)
        and wanted.address in (None, rule.address)
    ):
        return wanted, "same"
    if owner.standing in ENDED:
        raise Conflict(f"{owner.name} is {owner.standing.value}, so it gets no namespace")
    return wanted, "new" if rule is None else "changed"
