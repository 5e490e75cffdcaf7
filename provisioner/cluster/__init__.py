"""The cluster as the provisioner sees it: a small port, signed by the live and the simulated one."""

from provisioner.cluster.port import Cluster, Kind, Rejected, Rejection, kind_of

__all__ = ["Cluster", "Kind", "Rejected", "Rejection", "kind_of"]
