"""A Prometheus on loopback that answers from made-up pods in the shape that a real one was recorded with, or badly on purpose."""

from __future__ import annotations

import gzip
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Series = dict[str, Any]
_QUERY = re.compile(
    r"(?P<added>sum by \((?P<kept>[\w,]+)\) \(max by \([\w,]+\) \()?"
    r"(?P<by>count by \([\w,]+\) \()?"
    r"(?P<last>last_over_time\()?(?P<metric>\w*)\{(?P<where>[^}]*)\}\[(?P<seconds>\d+)s\]"
)
_SEVERAL = re.compile(r'__name__=~"([\w|]+)"')
_CPU, _MEMORY = "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"


@dataclass
class Cluster:
    """`pods` pods of one container on `nodes` nodes, scraped every `scrape` seconds; `extra` series by metric."""

    pods: int = 3
    nodes: int = 2
    scrape: int = 15
    born: float = 0.0
    skip: set[str] = field(default_factory=set)
    """Metrics of which there is only what `extra` says."""
    silent: tuple[float, float] = (0.0, 0.0)
    """Nothing was scraped in (a, b]."""
    extra: dict[str, Callable[[float], list[Series]]] = field(default_factory=dict)

    def uid(self, i: int) -> str:
        return f"{i:08d}-0000-4000-8000-000000000000"

    def labels(self, i: int) -> dict[str, str]:
        return {"namespace": f"c-{i % 27:03d}", "pod": f"web-{i}-5d8f7c9b6d-x{i:04d}"}

    def cadvisor(self, i: int) -> dict[str, str]:
        node = f"node-{i % self.nodes}"
        scope = f"/kubepods/burstable/pod{self.uid(i)}/{i:064x}"
        more = {"container": "web", "id": scope, "image": "docker.io/library/web:1.27.3", "name": f"{i:064x}", "node": node}
        scraped = {"instance": node, "job": "kubelet", "metrics_path": "/metrics/cadvisor"}
        return {**self.labels(i), **more, **scraped}

    def state(self, i: int, **more: str) -> dict[str, str]:
        return {**self.labels(i), "uid": self.uid(i), "instance": "10.42.0.5:8080", "job": "kube-state-metrics", **more}

    def points(self, metric: str) -> Iterator[tuple[dict[str, str], Callable[[float], float]]]:
        """Labels and value over time of each series of a metric."""
        each = range(self.pods)
        machines = range(self.nodes)
        match metric:
            case "up":
                for n in machines:
                    yield {"job": "kubelet", "instance": f"node-{n}"}, lambda t: 1.0
                    yield {"job": "node-exporter", "instance": f"10.0.0.{n}:9100"}, lambda t: 1.0
            case "container_cpu_usage_seconds_total" | "container_memory_working_set_bytes" | "container_memory_rss":
                for i in each:
                    pace = 0.1 + i / 1000
                    yield self.cadvisor(i), (lambda t, r=pace: r * t) if metric == _CPU else (lambda t, i=i: 1e8 + i)
                    group = {k: v for k, v in self.cadvisor(i).items() if k not in ("container", "image", "name")}
                    group["id"] = f"/kubepods/burstable/pod{self.uid(i)}"
                    yield group, (lambda t, r=pace: r * t + 1) if metric == _CPU else (lambda t, i=i: 1.01e8 + i)
            case "container_cpu_cfs_periods_total" | "container_cpu_cfs_throttled_periods_total":
                for i in each:
                    yield self.cadvisor(i), lambda t: 10 * t
            case "container_network_receive_bytes_total" | "container_network_transmit_bytes_total":
                for i in each:
                    pod = {k: v for k, v in self.cadvisor(i).items() if k != "container"}
                    yield {**pod, "interface": "eth0"}, lambda t, i=i: 100.0 * t + i
            case "kube_pod_info":
                for i in each:
                    yield self.state(i, node=f"node-{i % self.nodes}", host_network="false"), lambda t: 1.0
            case "kube_pod_start_time":
                for i in each:
                    yield self.state(i), lambda t: self.born
            case "kube_pod_status_ready":
                for i in each:
                    yield self.state(i, condition="true"), lambda t: 1.0
            case "kube_pod_container_status_restarts_total":
                for i in each:
                    yield self.state(i, container="web"), lambda t, i=i: float(i % 3)
            case "kube_pod_container_resource_requests" | "kube_pod_container_resource_limits":
                for i in each:
                    yield self.state(i, container="web", resource="cpu", unit="core"), lambda t: 0.25
                    yield self.state(i, container="web", resource="memory", unit="byte"), lambda t: 2e8
            case "kube_node_info":
                for n in machines:
                    yield {"node": f"node-{n}", "internal_ip": f"10.0.0.{n}"}, lambda t: 1.0
            case "node_cpu_seconds_total":
                for n in machines:
                    for cpu in "01":
                        for mode, share in (("idle", 0.6), ("user", 0.3), ("system", 0.1), ("guest", 0.2)):
                            where = {"instance": f"10.0.0.{n}:9100", "job": "node-exporter", "cpu": cpu, "mode": mode}
                            yield where, lambda t, share=share: share * t
            case "node_memory_MemTotal_bytes" | "node_memory_MemAvailable_bytes":
                for n in machines:
                    yield {"instance": f"10.0.0.{n}:9100", "job": "node-exporter"}, lambda t: 8e9

    def containers(self, metric: str, at: float, seconds: int) -> list[Series]:
        """The pods of which containers were seen by name."""
        told = [] if metric in self.skip else [labels for labels, _ in self.points(metric)]
        more = self.extra[metric](at) if metric in self.extra else []
        told += [s["metric"] for s in more if any(at - seconds < t <= at for t, _ in s["values"])]
        seen = {(labels.get("namespace", ""), labels.get("pod", "")) for labels in told if labels.get("container")}
        return [{"metric": {"namespace": space, "pod": pod}, "value": [at, "1"]} for space, pod in sorted(seen)]

    def added(self, metric: str, kept: list[str], at: float, seconds: int) -> list[Series]:
        """The newest value of each extra series in the window, added over all labels but those that are kept."""
        sums: dict[tuple[str, ...], float] = {}
        for one in self.extra[metric](at) if metric in self.extra else []:
            inside = [float(v) for t, v in one["values"] if at - seconds <= t <= at]
            if inside:
                key = tuple(one["metric"].get(label, "") for label in kept)
                sums[key] = sums.get(key, 0.0) + inside[-1]
        return [{"metric": dict(zip(kept, key, strict=True)), "value": [at, repr(v)]} for key, v in sums.items()]

    def answers(self, query: str, times: list[float]) -> list[Series]:
        """The same at several times."""
        found: dict[str, Series] = {}
        for at in times:
            for one in self.answer(query, at):
                found.setdefault(json.dumps(one["metric"]), {"metric": one["metric"], "values": []})["values"].append(one["value"])
        return list(found.values())

    def answer(self, query: str, at: float) -> list[Series]:
        found = _QUERY.match(query)
        if found is None:
            return []
        metric, seconds = found["metric"], int(found["seconds"])
        if found["added"]:
            return self.added(metric, found["kept"].split(","), at, seconds)
        if found["by"]:
            return self.containers(metric, at, seconds)
        several = _SEVERAL.search(found["where"])
        names = several[1].split("|") if several and not metric else [metric]
        return [one for name in names for one in self.named(name, at, seconds, bool(found["last"]))]

    def named(self, metric: str, at: float, seconds: int, last: bool) -> list[Series]:
        """All series of one metric."""
        more = self.extra[metric](at) if metric in self.extra else []
        series: list[Series] = [{**one, "metric": {"__name__": metric, **one["metric"]}} for one in more]
        if metric in self.skip:
            return series
        first = int((at - seconds) // self.scrape + 1) * self.scrape
        times = [t for t in range(first, int(at) + 1, self.scrape) if not self.silent[0] < t <= self.silent[1]]
        for labels, value in self.points(metric) if times else ():
            named = {"__name__": metric, **labels}
            if last:
                series.append({"metric": named, "value": [at, repr(float(value(times[-1])))]})
            else:
                series.append({"metric": named, "values": [[t, repr(float(value(t)))] for t in times]})
        return series


@dataclass
class Stub:
    """What the server does: `behave(handler, query, at)` may answer itself and return True."""

    url: str
    cluster: Cluster
    behave: Callable[[BaseHTTPRequestHandler, str, float], bool] | None = None
    asked: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    cached: dict[tuple[str, float], bytes] = field(default_factory=dict)


@contextmanager
def stub_prometheus(cluster: Cluster | None = None, port: int = 0) -> Iterator[Stub]:
    stub = Stub("", cluster or Cluster())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            asked = dict(urllib.parse.parse_qsl(parts.query))
            query, at = asked.get("query", ""), float(asked.get("time", asked.get("end", "0")))
            stub.asked.append(query)
            stub.tokens.append(self.headers.get("Authorization"))
            if stub.behave is not None and stub.behave(self, query, at):
                return
            if parts.path.endswith("query_range"):
                start, step = float(asked["start"]), float(asked["step"])
                times = [start + i * step for i in range(int((at - start) // step) + 1)]
                if query.startswith("sum by"):
                    send(self, body(stub.cluster.answers(query, times)))
                    return
                held = [t for t in times if t >= stub.cluster.born]
                result: list[Series] = [{"metric": {}, "values": [[t, "1"] for t in held]}] if held else []
                send(self, body(result))
                return
            key = (query, at)
            if key not in stub.cached:
                stub.cached[key] = gzip.compress(body(stub.cluster.answer(query, at)), 1)
            send(self, stub.cached[key], headers={"Content-Encoding": "gzip"})

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", port), Handler)
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()


def body(result: list[Series], **more: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more}).encode()


def send(
    handler: BaseHTTPRequestHandler,
    content: bytes,
    status: int = 200,
    headers: dict[str, str] | None = None,
    cut: int | None = None,
) -> bool:
    """Answer; with `cut` only so many bytes, although more are announced."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content if cut is None else content[:cut])
    if cut is not None:
        handler.wfile.flush()
        handler.connection.close()
        handler.close_connection = True
    return True
