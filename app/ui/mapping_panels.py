"""Panels of Mapping: the list, one rule, a file of rules."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.services import instances, mapping, mapping_csv
from app.services.mapping import NamespaceRow
from app.services.organizations import OrganizationView
from app.ui import queries, state, tables
from app.ui.actions import act, done
from app.ui.gate import Viewer
from app.ui.messages import plain
from app.ui.tables import Column
from models.domain.instances import LONGEST_ADDRESS
from models.domain.mapping import CLUSTERS_OWN, Via

RULES = (Via.PAGE, Via.CSV)


def listed(viewer: Viewer, rows: Sequence[NamespaceRow]) -> None:
    say = viewer.say.text
    columns = [
        Column("namespace", say("column.namespace"), lambda r: r.namespace, width=200),
        Column("organization", say("column.organization"), lambda r: r.organization or say("word.unowned"), width=170),
        Column("instance", say("column.app"), lambda r: r.instance),
        Column("via", say("column.via"), lambda r: say(f"via.{_via(r)}"), width=170),
        Column("pods", say("column.pods"), lambda r: r.pods, "integer"),
        Column("memory", say("column.memory_request"), lambda r: r.memory_request, "mebibytes"),
        Column("cpu", say("column.cpu_request"), lambda r: r.cpu_request, "cores"),
        Column("label", say("column.label"), lambda r: r.label),
        Column("address", say("column.address"), lambda r: r.address or ", ".join(r.addresses), width=200),
        Column("exists", say("column.exists"), lambda r: r.exists, "flag"),
        Column("by", say("column.by"), lambda r: r.by),
        Column("since", say("column.since"), lambda r: r.since, "day"),
    ]
    tables.show(viewer, rows, columns, key="namespaces", alt=say("table.namespaces"))


def _via(row: NamespaceRow) -> str:
    return "cluster" if row.via is Via.UNOWNED and row.namespace.startswith(CLUSTERS_OWN) else row.via.value


def assign(viewer: Viewer, rows: Sequence[NamespaceRow], owners: Sequence[OrganizationView]) -> None:
    """Give a namespace to somebody, or take the rule about it away."""
    say = viewer.say
    names = [r.namespace for r in rows]
    if not names or not owners:
        st.info(say("mapping.nothing"), icon=":material/inbox:")
        return
    namespace = st.selectbox(say("column.namespace"), names, key="map_namespace")
    by_id = {o.id: o.name for o in owners}
    owner = st.selectbox(say("column.organization"), list(by_id), format_func=lambda i: by_id[i], key="map_owner")
    apps = {i.id: i.name for i in queries.ask(instances.of_organization, organization_id=owner)}
    app = st.selectbox(say("column.app"), ["", *apps], format_func=lambda i: apps.get(i, say.text("mapping.no_app")), key="map_app")
    rule = next((r for r in rows if r.namespace == namespace and r.via in RULES), None)
    # an app has its own address, on its organization's page
    address = None if app else _address(viewer, namespace, rule)
    with st.container(horizontal=True):
        if st.button(say("mapping.give"), type="primary", key="map_give"):
            given = act(mapping.assign, namespace=namespace, organization_id=owner, instance_id=app or None, address=address)
            _told(viewer, given is not None)
        if rule is not None and st.button(say("mapping.clear"), key="map_clear"):
            _told(viewer, done(mapping.clear, namespace=namespace))


def _address(viewer: Viewer, namespace: str, rule: NamespaceRow | None) -> str:
    return st.text_input(
        viewer.say("column.address"),
        rule.address if rule else "",
        max_chars=LONGEST_ADDRESS,
        help=viewer.say("mapping.address_help"),
        key=f"map_address_{namespace}",
    )


def file(viewer: Viewer) -> None:
    """The rules out as CSV, and in: first what the file would do, then the button that does it."""
    say = viewer.say
    written = queries.ask(mapping_csv.write)
    st.download_button(say("mapping.save"), written, "mapping.csv", "text/csv", icon=":material/download:", on_click="ignore")
    sent = st.file_uploader(say("mapping.file"), type=["csv", "txt"], key="map_file")
    if sent is None:
        return
    try:
        text = sent.getvalue().decode("utf-8-sig")
    except UnicodeDecodeError:
        st.error(say("mapping.not_text"), icon=":material/block:")
        return
    tried = queries.attempt(mapping_csv.read, text=text, dry_run=True)
    if tried is None:
        return
    st.markdown(say("mapping.would", new=tried.new, changed=tried.changed, same=tried.same, problems=tried.problems))
    for line in [one for one in tried.lines if one.problem][:20]:
        st.markdown(f":red[{say('mapping.line', number=line.number)}] {plain(line.problem)}")
    if st.button(say("mapping.take"), type="primary", disabled=bool(tried.problems), key="map_take"):
        read = act(mapping_csv.read, text=text)
        _told(viewer, read is not None and read.done)


def _told(viewer: Viewer, good: bool) -> None:
    if good:
        state.notice(viewer.say.text("notice.saved"))
        st.rerun()
