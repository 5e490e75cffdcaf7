"""Names that were taken away are in no row of a dimension any more."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from collectors import warehouse as warehouses
from collectors.warehouse import Warehouse
from models.domain.clock import FrozenClock
from models.domain.errors import Invalid
from tests.warehouse.scenes import T0

HOUR = timedelta(hours=1)


def organizations(**names: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"organization_id": list(names), "name": list(names.values()), "slug": list(names.values()), "country": ["ID"] * len(names)}
    )


def test_what_was_closed_loses_its_names_and_keeps_the_rest(uri: tuple[str, str]) -> None:
    wh = warehouses.open(uri[0], data_path=uri[1], memory="500MB", threads=2, clock=FrozenClock(T0))
    try:
        wh.publish("organization", organizations(org_1="kopi", org_2="toko"), T0)
        wh.publish("organization", organizations(org_1="senja", org_2="toko baru"), T0 + HOUR)
        wh.publish("organization", organizations(org_1="removed", org_2="toko baru"), T0 + 2 * HOUR)
        before = wh.query("SELECT * FROM organization")
        assert wh.forget("organization", ["org_1"]) == 2
        after = wh.query("SELECT * FROM organization")
        names = (
            after.sort("valid_from").group_by("organization_id", maintain_order=True).agg("name", "slug").sort("organization_id")
        )
        assert names["name"].to_list() == names["slug"].to_list() == [["", "", "removed"], ["toko", "toko baru"]]
        rest = [c for c in before.columns if c not in ("name", "slug")]
        assert after.select(rest).sort(rest).equals(before.select(rest).sort(rest))
        assert wh.forget("organization", ["org_1"]) == 0
        assert wh.forget("organization", []) == 0
    finally:
        wh.close()


def test_a_dimension_without_names_is_refused(wh: Warehouse) -> None:
    with pytest.raises(Invalid, match="has no names"):
        wh.forget("plan", ["plan_1"])


def test_the_next_export_replaces_the_names_in_the_files_too(wh: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "exports" / "organizations" / "all.parquet"
    wh.publish("organization", organizations(org_1="kopi", org_2="toko"), T0)
    wh.export(tmp_path / "exports", T0)
    assert "kopi" in pl.read_parquet(file)["name"].to_list()
    wh.publish("organization", organizations(org_1="removed", org_2="toko"), T0 + HOUR)
    wh.forget("organization", ["org_1"])
    wh.export(tmp_path / "exports", T0 + 24 * HOUR)
    found = pl.read_parquet(file)
    assert set(found["name"]) == {"", "removed", "toko"}
    assert all(b"kopi" not in one.read_bytes() for one in (tmp_path / "exports").rglob("*.parquet"))
