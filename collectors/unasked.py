"""Series that operators know and that are not asked for, each with the reason: what is missing here was decided, not forgotten.

What Kubernetes itself says (states, reasons, owners, claims, quotas) is read from its API, which is exact and needs no exporter;
Prometheus is asked for what only it has.
"""

from __future__ import annotations

from collections.abc import Mapping

_API = "the Kubernetes API says it at once and exactly, and every change is kept in pod_state, node_state and event"
_FALLBACK = "only kernels before 3.14 need it in place of MemAvailable"
_PROBER = "the platform's own prober asks the addresses from outside (record probe)"
_SHARE = "use and limit of memory are judged by the working set, which is what the kernel kills by; this is a part of it"
_PACKETS = (
    "four series more for each pod, mostly of a virtual cable that loses nothing by itself: drops and errors are asked of the "
    "machines, where they happen"
)

UNASKED: Mapping[str, str] = {
    # nodes
    "node_memory_Buffers_bytes": _FALLBACK,
    "node_memory_Cached_bytes": _FALLBACK,
    "node_memory_MemFree_bytes": _FALLBACK,
    "node_memory_Slab_bytes": _FALLBACK,
    "kubelet_node_name": "the kubelet's series carry the node's name or address already",
    # containers and pods
    "container_memory_cache": _SHARE,
    "container_memory_swap": "the kubelet refuses swap unless it is switched on, and then it is the node's",
    "container_pressure_cpu_waiting_seconds_total": "throttling tells it by container; pressure is asked of the machines",
    "container_fs_usage_bytes": "missing with containerd on many clusters; the file systems of the node are all listed",
    "container_oom_events_total": "not a reliable sign (cadvisor#3015): kills are read from the API with their time",
    "container_network_receive_packets_dropped_total": _PACKETS,
    "container_network_transmit_packets_dropped_total": _PACKETS,
    "container_network_receive_errors_total": _PACKETS,
    "container_network_transmit_errors_total": _PACKETS,
    "kube_pod_resource_request": "kube-scheduler's own metrics, which few clusters scrape; the same rule is computed from the API",
    "kube_pod_resource_limit": "as kube_pod_resource_request",
    "kube_pod_init_container_resource_requests": "the effective request is computed from the pod in the API",
    "kube_pod_container_status_waiting_reason": _API,
    "kube_pod_container_status_last_terminated_reason": _API,
    "kube_pod_status_reason": _API,
    "kube_pod_status_unschedulable": _API,
    "kube_pod_status_scheduled_time": _API,
    "kube_pod_created": _API,
    "kube_pod_owner": _API,
    "kube_replicaset_owner": _API,
    "kube_deployment_spec_replicas": _API,
    "kube_deployment_status_replicas_available": _API,
    "kube_statefulset_status_replicas_ready": _API,
    # namespaces
    "kube_resourcequota": "quotas are watched at the Kubernetes API",
    "kube_namespace_labels": "has no labels of users unless it is set up for it; labels are read from the API",
    # volumes
    "kube_persistentvolume_capacity_bytes": "the size asked for and the size that the node reports are both kept",
    "kube_persistentvolume_status_phase": _API,
    "kube_persistentvolumeclaim_status_phase": _API,
    "kube_pod_spec_volumes_persistentvolumeclaims_info": _API,
    "kube_persistentvolumeclaim_access_mode": "a volume that is read only and full is shown as full",
    "kube_persistentvolumeclaim_labels": "labels by which others exclude volumes from their alerts mean nothing here",
    "kubelet_volume_stats_inodes_free": "inodes in all less those used",
    # ingress
    "traefik_entrypoint_requests_total": "all services together; what no service answered is Traefik's own 404",
    "traefik_router_requests_total": "off unless it is switched on, and several routers lead to one service",
    "traefik_service_server_up": "only with a health check of Traefik's own, which an Ingress cannot ask for",
    "traefik_config_reloads_failure_total": "never moved in version 2 (traefik#9660), and is gone in version 3",
    "traefik_config_last_reload_failure": "as traefik_config_reloads_failure_total",
    # from outside
    "probe_success": _PROBER,
    "probe_duration_seconds": _PROBER,
    "probe_ssl_earliest_cert_expiry": _PROBER,
}
