"""The mapping as a CSV file: all of it or nothing, and each bad line says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from sqlmodel import Session

from app.context import Context
from app.services import audit, mapping, mapping_csv
from models.domain.access import StaffRole
from models.domain.errors import Invalid, NotPermitted
from models.domain.instances import State
from models.domain.mapping import Via
from models.domain.organizations import Standing
from models.store.instances import Instance
from models.store.session import Store
from tests.stories import NOW, Cluster, Customer, a_context, a_customer, a_namespace, a_snapshot, a_staff_member, an_instance

HEAD = "namespace,organization,instance\n"
WHOLE = "namespace,organization,instance,address\n"


@dataclass(frozen=True)
class Stage:
    ctx: Context
    kopi: Customer
    toko: Customer
    flows: Instance

    @property
    def session(self) -> Session:
        return self.ctx.session

    def owners(self) -> dict[str, str | None]:
        return {name: owner.organization_id for name, owner in mapping.owners(self.ctx).items()}


@pytest.fixture
def stage(store: Store) -> Iterator[Stage]:
    with store.transaction() as session:
        kopi, toko = a_customer(session), a_customer(session, "Toko")
        flows = an_instance(session, toko, "flows")
        cluster = Cluster(a_snapshot(*(a_namespace(name) for name in ("a", "b", "c", "d"))))
        yield Stage(a_context(session, a_staff_member(session, StaffRole.OPERATOR), cluster=cluster), kopi, toko, flows)


def _problems(found: mapping_csv.Import) -> list[tuple[int, str]]:
    return [(line.number, line.problem) for line in found.lines if line.outcome == "problem"]


def test_a_good_file_makes_its_rules(stage: Stage) -> None:
    kopi, toko = stage.kopi.organization, stage.toko.organization
    kopi.label = "kopi-label"
    text = f"{HEAD}a,{kopi.id},\nb,kopi-label,\n\nc,toko,flows\nd,  TOKO  ,{stage.flows.id}\n"
    found = mapping_csv.read(stage.ctx, text=text)
    assert (found.new, found.changed, found.same, found.problems, found.done) == (4, 0, 0, 0, True)
    assert [(line.number, line.namespace, line.outcome) for line in found.lines] == [
        (2, "a", "new"),
        (3, "b", "new"),
        (5, "c", "new"),
        (6, "d", "new"),
    ]
    rows = {row.namespace: (row.organization_id, row.instance_id, row.via) for row in mapping.list_(stage.ctx).rows}
    assert rows == {
        "a": (kopi.id, None, Via.CSV),
        "b": (kopi.id, None, Via.CSV),
        "c": (toko.id, stage.flows.id, Via.CSV),
        "d": (toko.id, stage.flows.id, Via.CSV),
    }
    assert [row.subject for row in audit.list_(stage.ctx, limit=10).items] == [f"default/{name}" for name in "dcba"]


def test_namespaces_that_the_file_does_not_name_keep_what_they_have(stage: Stage) -> None:
    mapping.assign(stage.ctx, namespace="a", organization_id=stage.kopi.organization.id)
    mapping_csv.read(stage.ctx, text=f"{HEAD}b,toko,\n")
    assert stage.owners() == {"a": stage.kopi.organization.id, "b": stage.toko.organization.id, "c": None, "d": None}


def test_only_what_differs_is_changed(stage: Stage) -> None:
    for namespace in ("a", "b"):
        mapping.assign(stage.ctx, namespace=namespace, organization_id=stage.toko.organization.id)
    found = mapping_csv.read(stage.ctx, text=f"{HEAD}a,toko,\nb,toko,flows\nc,toko,\n")
    assert [line.outcome for line in found.lines] == ["same", "changed", "new"]
    assert (found.new, found.changed, found.same) == (1, 1, 1)
    assert {row.namespace: row.via for row in mapping.list_(stage.ctx).rows} == {
        "a": Via.PAGE,  # not touched
        "b": Via.CSV,
        "c": Via.CSV,
        "d": Via.UNOWNED,
    }
    assert len(audit.list_(stage.ctx, limit=10).items) == 4


def test_a_dry_run_says_the_same_and_changes_nothing(stage: Stage) -> None:
    text = f"{HEAD}a,toko,\nb,kopi-kita,\n"
    dry = mapping_csv.read(stage.ctx, text=text, dry_run=True)
    assert not dry.done
    assert set(stage.owners().values()) == {None}
    assert audit.list_(stage.ctx, limit=10).items == ()
    wet = mapping_csv.read(stage.ctx, text=text)
    assert (wet.lines, wet.new, wet.done) == (dry.lines, dry.new, True)


def test_each_bad_line_has_its_own_sentence_and_one_is_enough_to_change_nothing(stage: Stage) -> None:
    a_customer(stage.session, "Toko")
    a_customer(stage.session, "Twins")
    a_customer(stage.session, "Twins")
    an_instance(stage.session, stage.toko, "old", state=State.GONE)
    gone = an_instance(stage.session, stage.toko, "older", state=State.GONE)
    text = HEAD + "\n".join(
        (
            "a,toko,",
            ",toko,",
            "b,,",
            "nonsense,toko,",
            "b,nobody,",
            "c,TWINS,",
            "a,kopi-kita,",
            "d,kopi-kita,flows",
        )
    )
    found = mapping_csv.read(stage.ctx, text=text)
    assert _problems(found) == [
        (3, "the namespace is missing"),
        (4, "the organization is missing; to take a rule away use the page"),
        (5, "the cluster has no namespace “nonsense”"),
        (6, "the namespace stands on line 4 already; keep one of the two"),
        (7, "“TWINS” is the name of 2 organizations; use the id or slug of one"),
        (8, "the namespace stands on line 2 already; keep one of the two"),
        (9, "Kopi Kita has no instance “flows”"),
    ]
    assert (found.problems, found.new, found.done) == (7, 1, False)
    assert set(stage.owners().values()) == {None}

    more = mapping_csv.read(stage.ctx, text=f"{HEAD}a,nobody,\nb,toko,old\nc,toko,{gone.id}\nd,kopi-kita,{stage.flows.id}\n")
    assert _problems(more) == [
        (2, "there is no organization “nobody”; use its id, slug or name"),
        (3, "Toko has no instance “old”"),
        (4, f"Toko has no instance “{gone.id}”"),
        (5, f"Kopi Kita has no instance “{stage.flows.id}”"),
    ]


def test_a_closed_organization_keeps_its_rules_and_gets_no_new_ones(stage: Stage) -> None:
    mapping_csv.read(stage.ctx, text=f"{HEAD}a,toko,\n")
    stage.toko.organization.standing = Standing.CLOSED
    assert mapping_csv.read(stage.ctx, text=f"{HEAD}a,toko,\n").same == 1
    found = mapping_csv.read(stage.ctx, text=f"{HEAD}a,toko,\nb,toko,\n", dry_run=True)
    assert _problems(found) == [(3, "Toko is closed, so it gets no namespace")]


def test_what_is_written_reads_back_as_the_same(stage: Stage) -> None:
    mapping_csv.read(stage.ctx, text=f"{HEAD}a,toko,flows\nb,kopi-kita,\n")
    mapping.assign(stage.ctx, namespace="c", organization_id=stage.toko.organization.id, address="https://toko.example.com")
    text = mapping_csv.write(stage.ctx)
    assert text == f"{WHOLE}a,toko,flows,\nb,kopi-kita,,\nc,toko,,https://toko.example.com\n"
    again = mapping_csv.read(stage.ctx, text=text)
    assert ([line.outcome for line in again.lines], again.done) == (["same"] * 3, True)


def test_an_address_is_taken_kept_changed_and_emptied(stage: Stage) -> None:
    def address_after(text: str, outcome: str) -> str:
        found = mapping_csv.read(stage.ctx, text=text)
        assert ([line.outcome for line in found.lines], found.done) == ([outcome], True)
        return next(row.address for row in mapping.list_(stage.ctx).rows if row.namespace == "a")

    assert address_after(f"{WHOLE}a,toko,,https://one.example.com\n", "new") == "https://one.example.com"
    assert address_after(f"{HEAD}a,toko,\n", "same") == "https://one.example.com"
    assert address_after(f"{WHOLE}a,toko,,https://two.example.com\n", "changed") == "https://two.example.com"
    assert address_after(f"{WHOLE}a,toko,,\n", "changed") == ""


def test_an_address_that_is_none_or_an_apps_is_told_by_its_line(stage: Stage) -> None:
    found = mapping_csv.read(stage.ctx, text=f"{WHOLE}a,toko,,ftp://x\nb,toko,flows,https://x.example.com\n")
    told = dict(_problems(found))
    assert not found.done
    assert "https://acme" in told[2]
    assert "“flows” has an address of its own" in told[3]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", 'a "b", c;d', "two\nlines", "naïve ☕"])
def test_no_cell_of_an_export_is_a_formula_and_every_name_comes_back(stage: Stage, name: str) -> None:
    odd = an_instance(stage.session, stage.toko, name)
    mapping.assign(stage.ctx, namespace="a", organization_id=stage.toko.organization.id, instance_id=odd.id)
    text = mapping_csv.write(stage.ctx)
    cells = [cell for line in text.splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.lstrip('"').startswith(("=", "+", "-", "@", "\t"))]
    assert [line.outcome for line in mapping_csv.read(stage.ctx, text=text).lines] == ["same"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_files_of_spreadsheets_are_understood(stage: Stage, delimiter: str, end: str, bom: str) -> None:
    lines = (("Namespace", " ORGANIZATION ", "instance", "note"), ("a", '"toko"', "flows", "x"), ("b", "kopi-kita", "", "y"))
    text = bom + end.join(delimiter.join(line) for line in lines)
    found = mapping_csv.read(stage.ctx, text=text)
    assert [(line.namespace, line.organization, line.instance, line.outcome) for line in found.lines] == [
        ("a", "toko", "flows", "new"),
        ("b", "kopi-kita", "", "new"),
    ]


def test_columns_may_stand_in_any_order_and_the_instance_may_be_missing(stage: Stage) -> None:
    found = mapping_csv.read(stage.ctx, text="organization,namespace\ntoko,a\n", dry_run=True)
    assert [(line.namespace, line.organization, line.instance) for line in found.lines] == [("a", "toko", "")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "first line must name the columns"),
        ("a,toko,\n", "first line must name the columns"),
        ("namespace,instance\na,x\n", "first line must name the columns"),
        (HEAD, "names no namespace"),
        (f"{HEAD}\n , ,\n", "names no namespace"),
        (f'{HEAD}a,"toko,\n', "Line 2 is no CSV"),
        (f'{HEAD}a,"to"ko,\n', "Line 2 is no CSV"),
    ],
)
def test_what_is_no_such_file_is_refused(stage: Stage, text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence) as caught:
        mapping_csv.read(stage.ctx, text=text)
    assert caught.value.field == "text"


def test_a_file_that_is_too_long_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping_csv, "MOST_LINES", 2)
    with pytest.raises(Invalid, match="more than 2 lines"):
        mapping_csv.read(stage.ctx, text=f"{HEAD}a,toko,\nb,toko,\nc,toko,\n")
    assert mapping_csv.read(stage.ctx, text=f"{HEAD}a,toko,\nb,toko,\n").done


def test_a_rule_about_a_namespace_that_is_gone_can_still_be_changed(stage: Stage) -> None:
    mapping.assign(stage.ctx, namespace="a", organization_id=stage.toko.organization.id)
    without = replace(stage.ctx, cluster=Cluster(a_snapshot(a_namespace("b"), now=NOW)))
    assert mapping_csv.write(without) == f"{WHOLE}a,toko,,\n"
    assert [line.outcome for line in mapping_csv.read(without, text=f"{HEAD}a,kopi-kita,\n").lines] == ["changed"]


def test_only_who_may_map_reads_and_writes_files(stage: Stage) -> None:
    for actor in (a_staff_member(stage.session, StaffRole.SUPPORT), stage.toko.actor):
        other = replace(stage.ctx, actor=actor)
        with pytest.raises(NotPermitted):
            mapping_csv.read(other, text=f"{HEAD}a,toko,\n", dry_run=True)
        with pytest.raises(NotPermitted):
            mapping_csv.write(other)
