"""A failure of the installation in the API: its own words for the staff, a reference for customers."""

from __future__ import annotations

import pytest

from models.domain.access import StaffRole
from models.domain.errors import Misconfigured
from tests.api.conftest import Program

SECRET = "The Kubernetes API at https://10.0.3.7:6443 refuses the credentials of the kubeconfig /srv/moorage/kubeconfig (401)."


def test_only_staff_read_where_the_cluster_is(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_args: object, **_more: object) -> None:
        raise Misconfigured(SECRET)

    monkeypatch.setattr(type(program.live.inventory), "snapshot", refuses)
    customer, staff = program.get("/me/apps", program.mine), program.get("/nodes", program.person(StaffRole.OWNER))
    assert (customer.status_code, staff.status_code) == (503, 503)
    assert staff.json()["detail"] == SECRET
    assert "tell us the reference" in customer.json()["detail"]
    assert "10.0.3.7" not in customer.text
    assert "/srv/" not in customer.text
