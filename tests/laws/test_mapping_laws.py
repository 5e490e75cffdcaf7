"""Every namespace has exactly one owner, and the strongest word about it wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from models.domain.cluster import Namespace, Phase, Pod, Resources, Snapshot
from models.domain.mapping import DEFAULT_LABELS, Labels, Owner, Via, resolve
from tests.laws.clusters import NOW

ORGANIZATIONS = {"kopi": "org_1", "kopi-kita": "org_1", "toko": "org_2"}
"""Two values stand for one organization: an id or slug and a label."""
INSTANCES = {("org_1", "n8n"): "ins_1", ("org_1", "blog"): "ins_2", ("org_2", "n8n"): "ins_3"}
NAMES = ("a", "b", "c", "d")
values = st.sampled_from([None, "", "kopi", "kopi-kita", "toko", "nobody-knows-this"])
apps = st.sampled_from([None, "", "n8n", "blog", "nothing-like-it"])


@st.composite
def labels(draw: st.DrawFn) -> dict[str, str]:
    carried = {DEFAULT_LABELS.organization: draw(values), DEFAULT_LABELS.instance: draw(apps), "app": "x"}
    return {name: value for name, value in carried.items() if value is not None}


@dataclass(frozen=True)
class Scene:
    snapshot: Snapshot
    rules: Mapping[str, Owner]
    labels: Labels

    @property
    def found(self) -> Mapping[str, Owner]:
        return resolve(self.snapshot, self.rules, self.labels)

    def named(self, carried: Mapping[str, str]) -> str | None:
        return ORGANIZATIONS.get(carried.get(DEFAULT_LABELS.organization, ""))

    def pods_name(self, namespace: str) -> set[str]:
        """Organizations that the pods of a namespace name."""
        pods = (pod for pod in self.snapshot.pods.values() if pod.namespace == namespace)
        return {owner for pod in pods if (owner := self.named(pod.labels)) is not None}


def _pod(number: int, namespace: str, carried: Mapping[str, str]) -> Pod:
    nothing = Resources()
    return Pod(namespace, f"pod-{number}", str(number), Phase.RUNNING, None, NOW, (), nothing, nothing, labels=carried)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    spaces = {name: Namespace(name, name, "Active", NOW, draw(labels())) for name in draw(st.sets(st.sampled_from(NAMES)))}
    homes = st.sampled_from(sorted(spaces)) if spaces else st.nothing()
    drawn = draw(st.lists(st.tuples(homes, labels()), max_size=6)) if spaces else []
    pods = {pod.uid: pod for number, (home, carried) in enumerate(drawn) for pod in (_pod(number, home, carried),)}
    of_rule = st.builds(
        Owner, st.sampled_from(["org_1", "org_2"]), st.sampled_from([None, "ins_1"]), st.sampled_from([Via.PAGE, Via.CSV])
    )
    of_record = st.sampled_from([Owner("org_1", "ins_1", Via.INSTANCE), Owner("org_2", "ins_3", Via.INSTANCE)])
    rules = draw(st.dictionaries(st.sampled_from((*NAMES, "gone")), of_rule, max_size=2))
    placed = draw(st.dictionaries(st.sampled_from(NAMES), of_record, max_size=2))
    snapshot = Snapshot("default", NOW, {}, pods, namespaces=spaces)
    return Scene(snapshot, rules, Labels(organizations=ORGANIZATIONS, instances=INSTANCES, placed=placed))


@given(scenes())
def test_every_namespace_of_cluster_and_rules_has_an_owner_and_nothing_else_has(scene: Scene) -> None:
    assert set(scene.found) == {*scene.snapshot.namespaces, *scene.rules}


@given(scenes())
def test_an_owner_is_nobody_exactly_when_it_says_so(scene: Scene) -> None:
    for owner in scene.found.values():
        assert (owner.organization_id is None) == (owner.via in (Via.UNOWNED, Via.DISPUTED))
        assert owner.organization_id is not None or owner.instance_id is None


@given(scenes())
def test_an_instance_is_one_of_its_owners(scene: Scene) -> None:
    theirs = {(organization, instance) for (organization, _), instance in INSTANCES.items()}
    for name, owner in scene.found.items():
        if name not in scene.rules and owner.instance_id is not None:
            assert (owner.organization_id, owner.instance_id) in theirs


@given(scenes())
def test_the_strongest_word_wins(scene: Scene) -> None:
    for name, owner in scene.found.items():
        if name in scene.rules:
            assert owner == scene.rules[name]
        elif (said := scene.named(scene.snapshot.namespaces[name].labels)) is not None:
            assert (owner.via, owner.organization_id) == (Via.LABEL, said)
        elif len(said_by_pods := scene.pods_name(name)) > 1:
            assert owner == Owner(None, None, Via.DISPUTED)
        elif said_by_pods:
            assert (owner.via, {owner.organization_id}) == (Via.POD_LABEL, said_by_pods)
        elif name in scene.labels.placed:
            assert owner == scene.labels.placed[name]
        else:
            assert owner == Owner(None, None, Via.UNOWNED)


@given(scenes())
def test_the_order_of_pods_and_namespaces_does_not_matter(scene: Scene) -> None:
    backwards = Snapshot(
        "default",
        NOW,
        {},
        dict(reversed(scene.snapshot.pods.items())),
        namespaces=dict(reversed(scene.snapshot.namespaces.items())),
    )
    assert resolve(backwards, scene.rules, scene.labels) == scene.found


def _one(namespace: Mapping[str, str], *pods: Mapping[str, str], placed: Owner | None = None) -> Owner:
    spaces = {"a": Namespace("a", "a", "Active", NOW, namespace)}
    found = {str(n): _pod(n, "a", carried) for n, carried in enumerate(pods)}
    known = Labels(organizations=ORGANIZATIONS, instances=INSTANCES, placed={"a": placed} if placed else {})
    return resolve(Snapshot("default", NOW, {}, found, namespaces=spaces), {}, known)["a"]


KOPI = {DEFAULT_LABELS.organization: "kopi"}
TOKO = {DEFAULT_LABELS.organization: "toko"}


def test_a_label_that_stands_for_nobody_says_nothing() -> None:
    stranger = {DEFAULT_LABELS.organization: "nobody-knows-this"}
    assert _one(stranger) == Owner(None, None, Via.UNOWNED)
    assert _one(stranger, TOKO) == Owner("org_2", None, Via.POD_LABEL)
    assert _one({}, stranger, KOPI) == Owner("org_1", None, Via.POD_LABEL)


def test_two_values_of_one_organization_are_no_dispute() -> None:
    assert _one({}, KOPI, {DEFAULT_LABELS.organization: "kopi-kita"}) == Owner("org_1", None, Via.POD_LABEL)


def test_pods_of_two_organizations_are_a_dispute_whatever_is_on_record() -> None:
    assert _one({}, KOPI, TOKO, placed=Owner("org_1", "ins_1", Via.INSTANCE)) == Owner(None, None, Via.DISPUTED)


def test_pods_that_name_two_instances_name_none() -> None:
    n8n, blog = (KOPI | {DEFAULT_LABELS.instance: name} for name in ("n8n", "blog"))
    assert _one({}, n8n, n8n) == Owner("org_1", "ins_1", Via.POD_LABEL)
    assert _one({}, n8n, blog) == Owner("org_1", None, Via.POD_LABEL)


def test_an_instance_on_record_completes_the_label_of_its_own_organization_only() -> None:
    assert _one(KOPI, placed=Owner("org_1", "ins_2", Via.INSTANCE)) == Owner("org_1", "ins_2", Via.LABEL)
    assert _one(TOKO, placed=Owner("org_1", "ins_2", Via.INSTANCE)) == Owner("org_2", None, Via.LABEL)
    named = KOPI | {DEFAULT_LABELS.instance: "n8n"}
    assert _one(named, placed=Owner("org_1", "ins_2", Via.INSTANCE)) == Owner("org_1", "ins_1", Via.LABEL)
