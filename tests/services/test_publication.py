"""After an anonymisation and the next publication the warehouse does not know who the organization was."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from app.jobs import warehouse as jobs
from app.services import anonymisation, organizations
from models.domain.access import StaffRole, job_actor
from models.domain.clock import FrozenClock
from models.domain.organizations import Standing
from models.store.session import Store
from tests.services import running
from tests.services.running import NOW
from tests.stories import a_staff_member


def test_no_row_of_a_dimension_has_the_name(store: Store, tmp_path: Path) -> None:
    with running.a_warehouse(tmp_path) as warehouse, store.transaction() as session:
        people = running.people(session)
        toko = people.toko.organization
        people.wordpress.address = "https://toko.example.com"
        ctx = running.a_running_context(session, a_staff_member(session, StaffRole.OWNER), warehouse)
        clock, counts = FrozenClock(NOW - timedelta(hours=2)), Counter[str]()

        def publish() -> None:
            clock.advance(timedelta(hours=1))
            own = SimpleNamespace(owned_warehouse=lambda: warehouse, clock=clock)
            job = replace(ctx, actor=job_actor("publish"))
            run: Any = SimpleNamespace(
                reading=lambda: nullcontext(job),
                container=own,
                check=lambda: None,
                count=lambda word, n=1: counts.update({word: n}),
            )
            jobs.publish(run)

        def told() -> str:
            return "".join(warehouse.query(f"SELECT * FROM {name}").write_csv() for name in ("organization", "instance"))

        publish()
        assert "Toko" in told()
        assert "toko.example.com" in told()
        organizations.set_standing(ctx, organization_id=toko.id, standing=Standing.CLOSED)
        anonymisation.anonymise(ctx, organization_id=toko.id, typed_name="Toko")
        session.expire_all()
        publish()
        assert "Toko" not in told()
        assert "toko.example.com" not in told()
        assert toko.id in told()
        assert "Kopi Kita" in told(), "others keep theirs"
        assert counts["forgotten"] == 2
