"""Panels of the organizations' pages: the list, use, timeline, and what staff can change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from app.auth import gate as sockets
from app.services import anonymisation, export, organizations
from app.services.audit import AuditView
from app.services.instances import InstanceView
from app.services.members import MemberView
from app.services.organizations import OrganizationView
from app.services.usage import Usage, UsageReport
from app.ui import navigation, state, tables
from app.ui.actions import act, done, fetch
from app.ui.gate import Viewer
from app.ui.messages import plain
from app.ui.tables import Column, Opening
from models.domain.access import MemberRole
from models.domain.organizations import Standing

GIB_HOURS = 1024.0**3


def facts(viewer: Viewer, seen: OrganizationView, people: Sequence[MemberView]) -> list[tuple[str, str]]:
    """Who it is: since when, under which names, whose, and when somebody of it was last here."""
    say, fmt = viewer.say, viewer.format
    owners = ", ".join(one.name or one.email for one in people if one.role is MemberRole.OWNER)
    here = max((one.last_seen for one in people if one.last_seen is not None), default=None)
    return [
        (say("organization.since"), fmt.day(seen.created_at)),
        (say("organization.owner"), plain(owners or "–")),
        (say("organization.last_seen"), fmt.moment(here) if here else say("organization.not_lately")),
        (say("organization.slug"), plain(seen.slug)),
        (say("organization.label"), plain(seen.label or "–")),
        (say("organization.country"), plain(fmt.country(seen.country))),
        (say("organization.money"), say("organization.see_invoices")),
    ]


def listed(viewer: Viewer, rows: Sequence[OrganizationView], instances: Sequence[InstanceView], report: UsageReport | None) -> None:
    """One row a customer: standing, apps, trials, and what they used in the last seven days."""
    say = viewer.say.text
    apps = Counter(i.organization_id for i in instances)
    trials = Counter(i.organization_id for i in instances if i.trial_until and i.trial_until > viewer.now)
    unused = Counter(i.organization_id for i in instances if i.unused)
    used: dict[str | None, Usage] = {u.organization_id: u for u in report.rows} if report else {}

    def use(field: str, divide: float) -> Callable[[Any], Any]:
        return lambda r: _divided(getattr(used[r.id], field), divide) if r.id in used else None

    columns = [
        Column("name", say("column.name"), lambda r: r.name, width=190),
        Column("standing", say("column.standing"), lambda r: r.standing.value, "state", 140),
        Column("apps", say("column.apps"), lambda r: apps[r.id], "integer"),
        Column("trials", say("column.trials"), lambda r: trials[r.id], "integer"),
        Column("unused", say("column.unused"), lambda r: unused[r.id], "integer", help=say("column.unused_help")),
        Column("memory", say("column.memory_hours"), use("memory_byte_hours", GIB_HOURS), "number"),
        Column("cpu", say("column.cpu_hours"), use("cpu_core_hours", 1.0), "number"),
        Column("restarts", say("column.restarts"), use("restarts", 1.0), "whole"),
        Column("country", say("column.country"), lambda r: viewer.format.country(r.country)),
        Column("since", say("column.customer_since"), lambda r: r.created_at, "day", 122),
        Column("slug", say("column.slug"), lambda r: r.slug),
    ]
    tables.show(
        viewer, rows, columns, key="organizations", alt=say("table.organizations"), empty="organizations.empty",
        opening=Opening("organization", lambda r: {"id": r.id}),
    )  # fmt: skip


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def create(viewer: Viewer) -> None:
    say = viewer.say
    with st.expander(say("organizations.new"), icon=":material/add:"), st.form("new_organization", border=False):
        name = st.text_input(say("column.name"), max_chars=100)
        left, right = st.columns(2)
        country = left.text_input(say("organizations.country"), max_chars=2, placeholder="ID")
        label = right.text_input(say("organizations.label"), max_chars=63, help=say("organizations.label_help"))
        if st.form_submit_button(say("organizations.create"), type="primary"):
            made = act(organizations.create, name=name, country=country.strip().upper(), label=label.strip() or None)
            if made is not None:
                state.notice(viewer.say.text("organizations.created", name=made.name))
                navigation.go("organization", id=made.id)


def covered(viewer: Viewer, report: UsageReport) -> str:
    return viewer.say("organization.covered", share=viewer.format.percent(report.covered, 1))


def usage(viewer: Viewer, report: UsageReport) -> None:
    say, fmt = viewer.say.text, viewer.format
    columns = [
        Column("app", say("column.app"), lambda r: r.instance or say("usage.rest"), width=130),
        Column("memory", say("column.memory_hours"), lambda r: _divided(r.memory_byte_hours, GIB_HOURS), "number"),
        Column(
            "memory_asked", say("column.memory_asked_hours"), lambda r: _divided(r.memory_requested_byte_hours, GIB_HOURS), "number"
        ),
        Column("cpu", say("column.cpu_hours"), lambda r: r.cpu_core_hours, "number"),
        Column("cpu_asked", say("column.cpu_asked_hours"), lambda r: r.cpu_requested_core_hours, "number"),
        Column("peak", say("column.memory_max"), lambda r: r.memory_peak_bytes, "mebibytes"),
        Column("egress", say("column.egress"), lambda r: fmt.bytes(r.egress_bytes), help=say("column.egress_help")),
        Column("requests", say("column.requests"), lambda r: r.requests, "whole"),
        Column("failed", say("column.error_share"), lambda r: fmt.percent(_share(r), 2), help=say("column.error_share_help")),
        Column("p95", say("column.p95"), lambda r: fmt.latency(r.answer_seconds_p95), help=say("column.p95_help")),
        Column("restarts", say("column.restarts"), lambda r: r.restarts, "integer"),
    ]
    tables.show(viewer, report.rows, columns, key="usage_rows", alt=say("table.usage"), empty="usage.empty")


def _share(row: Usage) -> float | None:
    """Of the answers, those that were errors of the server."""
    return row.errors / row.requests if row.errors is not None and row.requests else None


def timeline(viewer: Viewer, rows: Sequence[AuditView]) -> None:
    """What was done to it, by whom, newest first."""
    say = viewer.say.text
    columns = [
        Column("at", say("column.at"), lambda r: r.at, "moment"),
        Column("action", say("column.action"), lambda r: named(viewer, "did", r.action), width=210),
        Column("by", say("column.by"), lambda r: r.actor_name),
        Column("edge", say("column.edge"), lambda r: named(viewer, "through", r.edge)),
    ]
    tables.show(viewer, rows, columns, key="timeline_rows", alt=say("table.timeline"), empty="timeline.empty", height=300)


def named(viewer: Viewer, kind: str, code: str) -> str:
    """What a code of the audit means, in the reader's words; the code itself where a row is of another version."""
    return viewer.say.text(f"{kind}.{code}") if viewer.say.has(f"{kind}.{code}") else code


def manage(viewer: Viewer, seen: OrganizationView) -> None:
    """Rename, standing, export, and at the end what cannot be undone."""
    say = viewer.say
    with st.expander(say("organization.manage"), icon=":material/tune:"):
        with st.form("rename", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.text_input(say("column.name"), seen.name, max_chars=100)
            if st.form_submit_button(say("action.save")) and done(organizations.rename, organization_id=seen.id, name=name):
                state.notice(say.text("notice.saved"))
                st.rerun()
        with st.form("label", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            label = st.text_input(
                say("organizations.label"), seen.label or "", max_chars=63, help=say("organizations.label_help"), key="own_label"
            )
            if st.form_submit_button(say("action.save")) and done(
                organizations.set_label, organization_id=seen.id, label=label.strip() or None
            ):
                state.notice(say.text("notice.saved"))
                st.rerun()
        others = [s for s in Standing if s not in (seen.standing, Standing.ANONYMISED)]
        with st.container(horizontal=True):
            for standing in others if seen.standing is not Standing.ANONYMISED else ():
                wanted = st.button(say(f"organization.to_{standing.value}"), key=f"to_{standing.value}")
                if wanted and done(organizations.set_standing, organization_id=seen.id, standing=standing):
                    state.notice(say.text("notice.saved"))
                    st.rerun()
        take_out(viewer, seen.id)
        if seen.standing is Standing.CLOSED:
            _anonymise(viewer, seen)


def take_out(viewer: Viewer, organization_id: str) -> None:
    """Make the export, then offer it."""
    say = viewer.say
    if st.button(say("export.make"), icon=":material/archive:", key="export_make"):
        asked = done(export.request, organization_id=organization_id)
        made = fetch(export.organization, organization_id=organization_id) if asked else None
        if made is not None:
            st.download_button(
                say("export.save", name=made.name), made.content, made.name, made.media_type, on_click="ignore", key="export_save"
            )


def _anonymise(viewer: Viewer, seen: OrganizationView) -> None:
    say = viewer.say
    with st.form("anonymise"):
        st.markdown(say("anonymise.what", name=seen.name))
        typed = st.text_input(say("anonymise.type"))
        if st.form_submit_button(say("anonymise.do"), icon=":material/delete_forever:"):
            done = act(anonymisation.anonymise, organization_id=seen.id, typed_name=typed)
            if done is not None:
                sockets.kick(done.ended)
                state.notice(say.text("anonymise.done", n=done.people))
                st.rerun()
