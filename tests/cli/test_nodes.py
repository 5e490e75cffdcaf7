"""Nodes from the command line: what a drain would mean, cordon, uncordon, drain, stop."""

from __future__ import annotations

import pytest

from models.domain.errors import Conflict, Invalid, NotFound


def test_a_node_is_taken_out_of_service_and_back(command):
    assert "node-1 takes no pods any more" in command("nodes", "cordon", "node-1")
    assert "node-1 takes pods again" in command("nodes", "uncordon", "node-1")
    assert "restarts" in command("nodes", "preview", "node-2")
    with pytest.raises(Invalid, match="Type the node's name"):
        command("nodes", "drain", "node-2", "--yes", "node-1", "--no-follow")
    assert "node-2 is being drained" in command("nodes", "drain", "node-2", "--yes", "node-2", "--no-follow")
    with pytest.raises(Conflict, match="Stop that first"):
        command("nodes", "uncordon", "node-2")
    assert "stays cordoned" in command("nodes", "stop", "node-2")
    with pytest.raises(NotFound):
        command("nodes", "cordon", "node-77")
