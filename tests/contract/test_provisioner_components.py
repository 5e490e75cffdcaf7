"""Components beside an app are taken by the simulated cluster and the real API server with the least rights, and leave as they should."""

from __future__ import annotations

import secrets
from dataclasses import replace

from models.domain.components import Keeping
from provisioner import reconcile
from provisioner.reconcile import Blocked, Done
from provisioner.secrets import draw
from provisioner.wanted import Addition, Wanted
from tests.contract.test_provisioner_cluster import site
from tests.provisioner.grounds import Site
from tests.provisioner.orders import TEMPLATES
from tests.provisioner.test_components import ADDONS, beside

__all__ = ["site"]


def with_(before: Wanted, *names: str, keeping: Keeping = Keeping.RUNS, made: bool = False) -> Wanted:
    """The same app with these components in that state."""
    after = beside(TEMPLATES["container"], *names, keeping=keeping)
    additions = tuple(Addition(ADDONS[name], keeping, made) for name in names)
    return replace(before, template=after.template, additions=additions)


def test_every_component_comes_to_stand_beside_a_running_app_and_goes_again(site: Site) -> None:
    number = secrets.token_hex(4)
    app = replace(beside(TEMPLATES["container"]), instance_id=f"ins_{number}", namespace=f"c-test-{number}")
    values = draw(with_(app, *ADDONS).template.model_copy())

    def bring(wanted: Wanted) -> reconcile.Outcome:
        while True:
            outcome = reconcile.advance(site.cluster, wanted, drawn=lambda: values, now=site.now(), making=False)
            if not isinstance(outcome, reconcile.Waiting):
                return outcome
            site.wait(max(outcome.again_at - site.now(), reconcile.POLL / 4))

    def claims() -> set[str]:
        return {one["metadata"]["name"] for one in site.cluster.find("PersistentVolumeClaim", app.namespace, {})}

    try:
        assert isinstance(site.converge(app), Done)
        every = with_(app, *ADDONS)
        assert isinstance(bring(every), Done)
        assert reconcile.credentials(site.cluster, every) == values
        assert reconcile.plan(site.cluster, with_(app, *ADDONS, made=True), making=False) == ((), ())
        kept = with_(app, *ADDONS, keeping=Keeping.KEPT, made=True)
        assert isinstance(bring(kept), Done)
        left = claims()
        assert left == {claim for addon in ADDONS.values() for claim in addon.claims}
        assert {one["metadata"]["name"] for one in site.cluster.find("Deployment", app.namespace, {})} == {"web"}
        assert isinstance(bring(with_(app, *ADDONS, keeping=Keeping.DISCARDED, made=True)), Done)
        for _ in range(60):
            if not claims():
                break
            site.wait(reconcile.POLL / 2)
        assert claims() == set()
        lost = bring(with_(app, "valkey", made=True))
        assert isinstance(lost, Blocked)
        assert "gone, and with it the data" in lost.reason
    finally:
        reconcile.remove(site.cluster, app, now=site.now())
