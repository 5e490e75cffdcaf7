"""The top of a pod's page: what it is, whose, where, and how it is."""

from __future__ import annotations

import streamlit as st

from app.services.cluster import PodDetail, PodRow
from app.ui import layout, navigation
from app.ui.gate import Viewer
from app.ui.messages import Plain, plain


def headline(viewer: Viewer, pod: PodRow) -> Plain:
    """`n8n-7c9d: Crashing since 10:12 (out of memory)`."""
    say, condition = viewer.say, pod.condition
    word = viewer.format.word(condition.state.value)
    since = viewer.format.since(condition.since, viewer.now)
    said = (
        say("pod.headline", name=pod.name, state=word, since=since)
        if condition.since
        else say("pod.headline_plain", name=pod.name, state=word)
    )
    return Plain(f"{said} ({reason(viewer, condition.reason)})") if condition.reason else said


def reason(viewer: Viewer, code: str) -> Plain:
    """Our own codes in words; the cluster's words as they are."""
    key = f"reason.{code}"
    return viewer.say(key) if viewer.say.has(key) else plain(code)


def show(viewer: Viewer, seen: PodDetail) -> None:
    """Facts in one row, then the cluster's own sentence when there is one."""
    say, fmt, pod = viewer.say, viewer.format, seen.pod
    with st.container(horizontal=True, gap="medium"):
        st.markdown(fmt.state(pod.condition.state.value), width="content")
        if pod.organization_id:
            navigation.link(viewer, "organization", plain(pod.organization), icon="apartment", id=pod.organization_id)
        else:
            navigation.link(viewer, "mapping", say("word.unowned"), icon="account_tree", q=pod.namespace)
        if pod.node:
            navigation.link(viewer, "node", plain(pod.node), icon="dns", name=pod.node)
    local = [c.name for c in seen.claims if c.node]
    layout.facts(
        [
            (say("fact.memory"), say("fact.use_of", used=fmt.bytes(pod.memory_used), limit=fmt.bytes(pod.limit.memory or None))),
            (say("fact.cpu"), say("fact.use_of", used=fmt.cores(pod.cpu_used), limit=fmt.cores(pod.limit.cpu or None))),
            (say("fact.restarts"), fmt.number(pod.restarts)),
            (say("fact.namespace"), plain(pod.namespace)),
            (say("fact.app"), plain(pod.instance or "–")),
            (say("fact.owner"), plain(pod.owner or "–")),
            (say("fact.qos"), plain(pod.qos)),
            (say("fact.created"), fmt.moment(pod.created_at)),
            (say("fact.disks"), plain(", ".join(c.name for c in seen.claims) or "–")),
        ]
    )
    if pod.condition.detail:
        st.warning(plain(pod.condition.detail), icon=":material/warning:")
    if local:
        st.caption(say("pod.local_disk", names=", ".join(local)))
