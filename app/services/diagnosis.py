"""Diagnosis of an app: what is wrong with it, in words with evidence, and what its people can do about it by a button."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from app.absence import Parts
from app.auth.seal import Seal
from app.context import Context
from app.services import answers, app_logs, audit, availability, changesets, directory, findings, outbox, present, remedies
from app.services.directory import Directory, InstanceFacts
from app.services.organizations import NOTHING_HERE
from app.services.remedies import Fix
from collectors.sources.port import LogSource
from models.domain import diagnosis as rules
from models.domain import diagnosis_words as words
from models.domain.access import Permission, job_actor
from models.domain.changesets import ChangeState
from models.domain.cluster import Snapshot
from models.domain.diagnosis import Cause, End, Facts, Reached, Value, Work
from models.domain.errors import NotFound, PlatformError
from models.domain.instances import ANSWERS, State
from models.domain.trouble import OOM_LOOKBACK
from models.domain.trouble_shapes import Severity
from models.store import changesets as works
from models.store import instances
from models.store import specifications as wishes

TAIL = 8
"""So many of the last lines of a log are shown as evidence."""
RECENT = 60
"""Minutes back for the newest probe."""
ENDS = """
SELECT DISTINCT uid, container, last_finished_at, last_reason FROM pod_state
WHERE cluster = $cluster AND ts > $since AND last_finished_at > $since AND last_reason <> 'Completed' AND list_contains($uids, uid)"""


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """One cause. `sentence` and the fix's advice are English with times in UTC; pages say `code` with `values` in the reader's language."""

    cause: Cause
    code: str
    severity: Severity
    part: str
    since: datetime | None
    sentence: str
    values: Mapping[str, Value]
    evidence: tuple[str, ...]
    """The cluster's own words."""
    log_source: str
    """`pod/container` whose log says more; empty when none does."""
    log: tuple[str, ...]
    """The last lines of the run that ended; empty for whoever may not read logs."""
    fix: Fix
    mend: str
    """What those who run the platform can do; empty for others."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with an app at `as_of`; nothing is no finding. While the cluster is silent nobody can say."""

    instance_id: str
    name: str
    findings: tuple[Diagnosed, ...]
    as_of: datetime
    stale_since: datetime | None
    away_since: datetime | None
    """Since when the warehouse does not answer, so that the past is missing."""


def of_app(ctx: Context, *, instance_id: str, logs: LogSource | None = None, seal: Seal | None = None) -> Diagnosis:
    """Of one app of the actor's; NotFound for anybody else's. With `logs` and `seal`, whoever operates it also gets last lines."""
    names = directory.load(ctx)
    facts = names.instances.get(instance_id)
    if facts is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, facts.organization_id)
    snapshot, parts = ctx.cluster.snapshot(), Parts()
    found = rules.diagnose(_known(ctx, names, facts, snapshot, parts), ctx.now) if facts.cluster == snapshot.cluster else ()
    staff = Permission.SEE_CLUSTER in ctx.actor.everywhere
    means = remedies.means(ctx, instance_id=instance_id) if found else None
    return Diagnosis(
        instance_id=instance_id,
        name=facts.name,
        findings=tuple(
            Diagnosed(
                cause=one.cause,
                code=one.code,
                severity=one.severity,
                part=one.part,
                since=one.since,
                sentence=one.sentence,
                values=one.values,
                evidence=one.evidence,
                log_source=one.log,
                log=tail(ctx, instance_id=instance_id, source=one.log, logs=logs, seal=seal)
                if logs is not None and seal is not None
                else (),
                fix=remedies.of(ctx, one, means),
                mend=words.MEND.get(one.cause.value, "") if staff else "",
            )
            for one in found
        ),
        as_of=snapshot.as_of,
        stale_since=snapshot.stale_since,
        away_since=parts.since,
    )


def tell(ctx: Context, *, instance_id: str, cause: str) -> bool:
    """Mail those who run the platform, once a day for each cause; whether this was the first time today."""
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    ctx.require(Permission.OPERATE_OWN_INSTANCES, row.organization_id)
    found = next((one for one in of_app(ctx, instance_id=instance_id).findings if one.cause.value == cause), None)
    if found is None:
        raise NotFound("That is not wrong with it any more. Look again.")
    mailed = outbox.alert_staff(
        replace(ctx, actor=job_actor("diagnosis")),
        key=f"diagnosis:{row.id}:{cause}:{ctx.now:%Y-%m-%d}",
        title=f"{row.name} in {row.namespace} needs you",
        body=f"{ctx.actor.name} asks for help. {found.sentence}",
        link=f"{ctx.address}/app?id={row.id}",
    )
    if mailed:
        audit.record(ctx, action="instances.ask_for_help", subject=row.id, organization=row.organization_id, after={"cause": cause})
    return mailed > 0


def _known(ctx: Context, names: Directory, facts: InstanceFacts, snapshot: Snapshot, parts: Parts) -> Facts:
    spaces = frozenset(names.own_namespaces(facts))
    pods = tuple(pod for pod in snapshot.pods.values() if pod.namespace in spaces)
    wish = wishes.newest(ctx.session, facts.id)
    ask = facts.address and facts.state in ANSWERS
    troubles = parts.ask(lambda: answers.trouble(ctx, snapshot.cluster)) or ()
    return Facts(
        snapshot=snapshot,
        pods=pods,
        namespaces=spaces,
        running=wish.running if wish is not None else facts.state not in (State.STOPPED, State.SUSPENDED),
        ends=parts.ask(lambda: _ends(ctx, snapshot.cluster, [pod.uid for pod in pods])) or (),
        memory=findings.memory(ctx),
        volumes=findings.volumes(ctx, snapshot.cluster, parts),
        held_back=_held_back(ctx, spaces),
        answers=tuple(one for one in troubles if one.namespace in spaces),
        reached=parts.ask(lambda: _reached(ctx, facts)) if ask else None,
        work=_work(ctx, facts.id),
    )


def _ends(ctx: Context, cluster: str, uids: Sequence[str]) -> Sequence[End]:
    if not uids:
        return ()
    rows = ctx.warehouse.query(ENDS, {"cluster": cluster, "since": ctx.now - OOM_LOOKBACK, "uids": list(uids)})
    return [End(*row) for row in rows.iter_rows()]


def _held_back(ctx: Context, spaces: frozenset[str]) -> dict[tuple[str, str], float]:
    frame = present.fresh(ctx, "pod")
    if frame.is_empty():
        return {}
    periods = pl.col("cpu_cfs_periods_per_second")
    share = (pl.col("cpu_cfs_throttled_periods_per_second") / periods).alias("share")
    rows = frame.filter(pl.col("namespace").is_in(sorted(spaces)), periods > 0).select("uid", "container", share)
    return {(uid, container): held for uid, container, held in rows.iter_rows() if held is not None}


def _reached(ctx: Context, facts: InstanceFacts) -> Reached | None:
    newest = availability.newest(
        ctx, cluster=facts.cluster, namespace=facts.namespace, address=facts.address, minutes=RECENT
    )  # fmt: skip
    return Reached(*newest) if newest is not None else None


def _work(ctx: Context, instance_id: str) -> Work | None:
    row = works.open_of(ctx.session, instance_id)
    if row is None or row.state is ChangeState.HELD:
        return None
    view = changesets.get(ctx, change_set_id=row.id)
    lost = any(danger == "data" for danger, _, _ in view.objections) and " is gone" in view.reason
    return Work(row.state, row.phase, row.reason, row.finished_at or row.started_at or row.created_at, lost)


def tail(ctx: Context, *, instance_id: str, source: str, logs: LogSource, seal: Seal) -> tuple[str, ...]:
    """The last lines of the run that ended, else of the present one; nothing for whoever may not read them or where there are none."""
    row = instances.by_id(ctx.session, instance_id)
    if row is None:
        raise NotFound(NOTHING_HERE)
    ctx.require(Permission.SEE_OWN_INSTANCES, row.organization_id)
    if not source or not ctx.actor.may(Permission.OPERATE_OWN_INSTANCES, row.organization_id):
        return ()
    for previous in (True, False):
        try:
            found = app_logs.read(ctx, instance_id=instance_id, logs=logs, seal=seal, source=source, previous=previous, lines=TAIL)
        except PlatformError:
            continue
        if found.lines:
            return tuple(line.text for line in found.lines)
    return ()
