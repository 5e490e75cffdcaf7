"""Orphans from the command line."""

from __future__ import annotations

import pytest

from models.domain.errors import Conflict, Invalid, NotFound


def test_orphans_are_listed_and_what_is_none_is_not_repaired(command):
    assert command("orphans", "list").startswith("what")
    with pytest.raises(Conflict, match="no orphan"):
        command("orphans", "delete-namespace", "kube-system", "--yes", "kube-system")
    with pytest.raises(Invalid, match="Type the name"):
        command("orphans", "delete-namespace", "c-stray", "--yes", "c-other")
    for repair in ("make-again", "give-up"):
        with pytest.raises(NotFound):
            command("orphans", repair, "ins_none", "--yes", "shop")
    with pytest.raises(Conflict, match="no orphan"):
        command("orphans", "end-subscription", "sub_none")
