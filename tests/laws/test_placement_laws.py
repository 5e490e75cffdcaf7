"""Laws of placing: nothing is counted twice, nothing is overbooked, and every refusal has a reason."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from models.domain import headroom, placement
from models.domain.cluster import Resources
from models.domain.placement import Placed
from tests.laws.clusters import NOW, a_pod, amounts, nodes, snapshots

quick = settings(deadline=None, max_examples=80)


@quick
@given(snapshots())
def test_what_is_free_and_what_is_held_make_up_what_there_is(snapshot):
    room = placement.room(snapshot)
    for name, node in snapshot.nodes.items():
        held = sum((placement.demand(pod) for pod in room.on[name]), Resources())
        back = room.left[name] + held
        assert (back.memory, back.pods) == (node.allocatable.memory, node.allocatable.pods)
        assert abs(back.cpu - node.allocatable.cpu) < 1e-9


@quick
@given(snapshots(), amounts)
def test_a_pod_gets_a_node_that_takes_it_or_a_reason_from_every_node(snapshot, request):
    room = placement.room(snapshot)
    pod = a_pod("new", request)
    answer = placement.place(pod, room.nodes, room.left, room.claims)
    if isinstance(answer, Placed):
        assert placement.refusals(pod, room.nodes[answer.node], room.left[answer.node], room.claims) == ()
    else:
        assert set(answer.refused) == set(room.nodes)
        assert all(answer.refused.values())
        assert answer.sentence.startswith(f"0/{len(room.nodes)} nodes are available: ")


@quick
@given(snapshots(), st.lists(amounts, max_size=12))
def test_many_pods_are_placed_once_each_and_never_overbook_a_node(snapshot, requests):
    room = placement.room(snapshot)
    pods = [a_pod(f"new-{n}", request) for n, request in enumerate(requests)]
    result = placement.place_many(pods, room.nodes, room.left, room.claims)
    assert set(result.placed) | set(result.unplaced) == {pod.uid for pod in pods}
    assert not set(result.placed) & set(result.unplaced)
    for name in room.nodes:
        taken = sum((placement.demand(pod) for pod in pods if result.placed.get(pod.uid) == name), Resources())
        assert taken == Resources() or taken.fits(room.left[name])
        rest = room.left[name] - taken
        assert (rest.memory, rest.pods) == (result.left[name].memory, result.left[name].pods)


@quick
@given(snapshots(), st.lists(amounts, max_size=8), st.randoms())
def test_the_order_in_which_pods_are_named_does_not_matter(snapshot, requests, random):
    room = placement.room(snapshot)
    pods = [a_pod(f"new-{n}", request) for n, request in enumerate(requests)]
    mixed = random.sample(pods, len(pods))
    assert placement.place_many(pods, room.nodes, room.left, room.claims) == placement.place_many(
        mixed, room.nodes, room.left, room.claims
    )


@quick
@given(snapshots())
def test_a_lost_node_accounts_for_each_of_its_pods_exactly_once(snapshot):
    room = placement.room(snapshot)
    for loss in placement.lose_each(room):
        parts = [set(loss.moved), set(loss.unplaced), set(loss.down), set(loss.ended)]
        assert sorted(uid for part in parts for uid in part) == sorted(pod.uid for pod in room.on[loss.node])
        assert loss.node not in loss.moved.values()
        assert loss.survived == (not loss.unplaced and not loss.down)


@quick
@given(snapshots())
def test_a_pod_whose_volume_lives_on_the_lost_node_is_down_whatever_room_there_is(snapshot):
    room = placement.room(snapshot)
    for loss in placement.lose_each(room):
        for pod in room.on[loss.node]:
            if pod.owner_kind != "DaemonSet" and placement.homes(pod, room.claims) == {loss.node}:
                assert loss.down[pod.uid] is placement.Down.LOCAL_VOLUME


@quick
@given(
    amounts,
    st.builds(lambda c, m, p: Resources(c / 10, m << 20, p), st.integers(0, 200), st.integers(0, 50_000), st.integers(0, 300)),
)
def test_copies_is_the_largest_number_that_fits(wanted, left):
    n = headroom.copies(wanted, left)
    one = Resources(wanted.cpu, wanted.memory, 1)

    def times(k: int) -> Resources:
        return Resources(one.cpu * k, one.memory * k, k)

    slack = Resources(left.cpu + 1e-9, left.memory, left.pods)
    assert n == 0 or times(n).fits(slack)
    assert not times(n + 1).fits(Resources(left.cpu - 1e-6, left.memory, left.pods))


@quick
@given(snapshots(), amounts)
def test_how_many_fit_is_what_placing_them_one_by_one_finds(snapshot, request):
    room = placement.room(snapshot)
    pod = headroom.specimen(request, NOW)
    promised = headroom.pods_fit(pod, room.nodes, room.left)
    left, placed = dict(room.left), 0
    while isinstance(answer := placement.place(pod, room.nodes, left, {}), Placed):
        left[answer.node] -= placement.demand(pod)
        placed += 1
    assert sum(promised.values()) == placed


@quick
@given(nodes(), amounts)
def test_the_largest_block_bounds_every_single_pod(known, request):
    left = {name: node.allocatable for name, node in known.items()}
    block = headroom.largest_block(known, left)
    answer = placement.place(a_pod("new", request), known, left, {})
    if block is None:
        assert not any(node.schedulable for node in known.values())
    elif isinstance(answer, Placed) and known[answer.node].schedulable:
        assert request.memory <= block.free.memory


@quick
@given(snapshots(), amounts)
def test_stranded_room_takes_no_smallest_pod(snapshot, smallest):
    room = placement.room(snapshot)
    found = headroom.stranded(room.nodes, room.left, smallest)
    fit = headroom.pods_fit(headroom.specimen(smallest, NOW), room.nodes, room.left)
    for name in found:
        assert fit[name] == 0 or not room.nodes[name].schedulable


@quick
@given(st.lists(amounts, max_size=4), st.lists(st.tuples(amounts, st.booleans()), max_size=4), amounts)
def test_a_pod_counts_for_at_least_each_of_its_containers(containers, init, overhead):
    starting = [placement.InitContainer(request, sidecar) for request, sidecar in init]
    whole = placement.effective_request(containers, starting, overhead)
    for one in (*containers, *(step.request for step in starting)):
        assert whole.cpu >= one.cpu + overhead.cpu - 1e-9
        assert whole.memory >= one.memory + overhead.memory
    assert whole.pods == 1
    assert placement.effective_request(containers).memory == sum(one.memory for one in containers)
