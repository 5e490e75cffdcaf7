"""Every cause has its own sentence, which says what is wrong and what to do: one table, stub servers on loopback, real files."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import config, container, ownership
from app.doctor import Verdict, examine, local
from collectors import warehouse as warehouses
from models.domain.clock import FrozenClock, SystemClock
from models.domain.errors import Misconfigured
from tests.cli.installation import Bench, a_bench
from tests.collect.stub_prometheus import body, send
from tests.collect.test_kubernetes_trouble import node, pod

pytestmark = pytest.mark.loopback
Disk = namedtuple("Disk", "free")


def problems(bench: Bench) -> list[tuple[str, str]]:
    return [(c.name, c.sentence) for c in examine(bench.settings, bench.clock) if c.verdict is not Verdict.GOOD]


def refused(bench: Bench) -> None:
    bench.live()
    bench.set(kubeconfig=_edited(bench, bench.kubernetes.url, "http://127.0.0.1:1"))


def _edited(bench: Bench, old: str, new: str) -> Path:
    file = bench.folder / "kubeconfig"
    file.write_text(file.read_text().replace(old, new))
    return file


def kube_answers(status: int, body: object) -> Callable[[Bench], None]:
    def arrange(bench: Bench) -> None:
        bench.live()
        bench.kubernetes.answer = lambda path: (status, body)

    return arrange


def half_of_kubernetes(bench: Bench) -> None:
    bench.live()
    bench.kubernetes.withheld = 50


def reviews_answer(body: object) -> Callable[[Bench], None]:
    def arrange(bench: Bench) -> None:
        bench.live()
        bench.kubernetes.answer = lambda path: (200, {"gitVersion": "v1.32.0"}) if path == "/version" else (201, body)

    return arrange


def no_context(bench: Bench) -> None:
    bench.live()
    _edited(bench, '"current-context": "c"', '"current-context": "other"')


def no_file(bench: Bench) -> None:
    bench.live()
    bench.set(kubeconfig=bench.folder / "none")


def garbage(bench: Bench) -> None:
    bench.live()
    (bench.folder / "kubeconfig").write_text("{{{{ not yaml")


def may_not(*resources: str) -> Callable[[Bench], None]:
    def arrange(bench: Bench) -> None:
        bench.live()
        bench.kubernetes.deny |= set(resources)

    return arrange


def prometheus_answers(status: int, content: bytes, cut: int | None = None) -> Callable[[Bench], None]:
    def arrange(bench: Bench) -> None:
        bench.live()
        bench.prometheus.behave = lambda handler, query, at: send(handler, content, status, cut=cut)

    return arrange


def prometheus_at(url: str) -> Callable[[Bench], None]:
    def arrange(bench: Bench) -> None:
        bench.live()
        bench.set(prometheus_url=url)

    return arrange


def no_samples(bench: Bench) -> None:
    bench.live()
    bench.prometheus.cluster.born = 1e12


def ten_times_too_much(bench: Bench) -> None:
    bench.live()
    series = json.dumps([{"metric": {"n": str(n)}, "values": [[0, "1"]]} for n in range(100_001)])
    content = f'{{"status":"success","data":{{"resultType":"matrix","result":{series}}}}}'.encode()
    bench.prometheus.behave = lambda handler, query, at: send(handler, content) if "count(up)" not in query else False


def no_numbers(bench: Bench) -> None:
    bench.live()
    asked = bench.prometheus.cluster.answer

    def answer(query: str, at: float) -> list[dict]:
        found = asked(query, at)
        for one in found:
            if "values" in one:
                one["values"] = [[when, "NaN"] for when, _ in one["values"]]
            else:
                one["value"] = [one["value"][0], "NaN"]
        return found

    bench.prometheus.cluster.answer = answer


def another_cluster(bench: Bench) -> None:
    bench.live()
    bench.kubernetes.held["nodes"] = [node()]
    bench.kubernetes.held["pods"] = [pod(f"p-{n}") for n in range(12)]


def no_exporter(bench: Bench) -> None:
    bench.live()
    bench.set(job_kube_state_metrics="nobody")
    bench.prometheus.cluster.skip |= {"kube_pod_info", "kube_pod_container_info"}


def shared(bench: Bench) -> None:
    bench.set(public_url="https://portal.example.com", apps_domain="apps.example.com")


def half_live(bench: Bench) -> None:
    bench.set(prometheus_url=bench.prometheus.url)


def clock_of_last_year(bench: Bench) -> None:
    bench.sql(
        "INSERT INTO audit (at, actor_id, actor_kind, actor_name, edge, action, subject) "
        "VALUES ('2026-01-01 00:00:00', 'a', 'staff', 'A', 'cli', 'x', 'y')"
    )
    bench.clock = FrozenClock(datetime(2025, 1, 1, tzinfo=UTC))


def clock_apart(bench: Bench) -> None:
    bench.live()
    bench.kubernetes.ahead = timedelta(minutes=3)


def newer_store(bench: Bench) -> None:
    bench.sql("UPDATE alembic_version SET version_num = '9999'")


def damaged_store(bench: Bench) -> None:
    (bench.settings.data / "store.sqlite").write_bytes(b"not a database " * 400)


def old_store(bench: Bench) -> None:
    file = bench.settings.data / "store.sqlite"
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE t (a)")


def damaged_warehouse(bench: Bench) -> None:
    file = Path(bench.settings.warehouse)
    file.write_bytes(b"\0" * file.stat().st_size)


def newer_warehouse(bench: Bench) -> None:
    opened = warehouses.open(bench.settings.warehouse)
    opened._link.write(lambda con: con.execute("INSERT INTO wh.schema_version VALUES ('9999_later', 'x', now()::TIMESTAMP)"))
    opened.close()


def keys_open_to_all(bench: Bench) -> None:
    file = container.key_file(bench.settings)
    file.write_text("{}")
    file.chmod(0o644)


def keys_damaged(bench: Bench) -> None:
    file = container.key_file(bench.settings)
    file.write_text("{}")
    file.chmod(0o600)


def no_directory(bench: Bench) -> None:
    bench.set(data=Path("/dev/null/moorage"))


def read_only_directory(bench: Bench) -> None:
    """As root permissions say nothing: a path that no user can write takes their place."""
    bench.set(data=Path("/proc/sys"))


HTML = b"<!doctype html><html><body>Sign in</body></html>"
CAUSES: tuple[tuple[str, Callable[[Bench], None], str, str], ...] = (
    (
        "unreachable API",
        refused,
        "cluster",
        r"Kubernetes API at http://127.0.0.1:1 does not answer \(connection refused\).*address",
    ),
    ("no kubeconfig", no_file, "cluster", r"Cannot use the kubeconfig .*none: .*Name a readable kubeconfig"),
    ("garbage as kubeconfig", garbage, "cluster", r"Cannot use the kubeconfig .*kubeconfig: while parsing"),
    ("unknown context", no_context, "cluster", r"Cannot use the kubeconfig .*other"),
    ("API answers HTML", kube_answers(200, HTML), "cluster", r"does not answer like a Kubernetes API; check the server's address"),
    ("not Kubernetes", kube_answers(200, {"hello": 1}), "cluster", r"no Kubernetes API"),
    ("expired API token", kube_answers(401, {"message": "Unauthorized"}), "cluster", r"refuses the credentials .*401.*Renew it"),
    ("API broken", kube_answers(503, {"message": "etcd is away"}), "cluster", r"answers 503: etcd is away"),
    ("no version", kube_answers(404, {"message": "not found"}), "cluster", r"does not tell its version \(not found\)"),
    ("half of the API", half_of_kubernetes, "cluster", r"Kubernetes API at \S+ does not answer \(connection closed\)"),
    ("status null", reviews_answer({"status": None}), "rights", r"does not say whether .* may list nodes"),
    ("no right on pods", may_not("pods"), "rights", r"may not list and watch pods\. Apply deploy/collector-rbac\.yaml"),
    ("no right on deployments", may_not("deployments"), "rights", r"may not list and watch deployments of the API group apps"),
    ("Prometheus refused", prometheus_at("http://127.0.0.1:1"), "prometheus", r"does not answer \(connection refused\)"),
    ("Prometheus unknown", prometheus_at("http://prometheus.invalid"), "prometheus", r"does not answer"),
    ("Prometheus token", prometheus_answers(401, b"no"), "prometheus", r"refuses the token \(401.*Renew prometheus_token"),
    ("Prometheus 403", prometheus_answers(403, b"no"), "prometheus", r"does not allow this token"),
    ("Prometheus 404", prometheus_answers(404, b"no"), "prometheus", r"knows no /api/v1/query"),
    ("Prometheus 503", prometheus_answers(503, b"starting"), "prometheus", r"answers 503: starting"),
    ("Prometheus HTML", prometheus_answers(200, HTML), "prometheus", r"does not answer like a Prometheus.*sign-in"),
    ("half an answer", prometheus_answers(200, b'{"status":"success","data":{}}', 9), "prometheus", r"broke off in the middle"),
    ("no values", prometheus_answers(200, body([{"metric": {}}])), "prometheus", r"does not answer like a Prometheus"),
    ("times in words", prometheus_answers(200, body([{"metric": {}, "values": [["x", "1"]]}])), "prometheus", r"like a Prometheus"),
    (
        "times of no calendar",
        prometheus_answers(200, body([{"metric": {}, "values": [[1e30, "1"]]}])),
        "prometheus",
        r"a Prometheus",
    ),
    ("no samples", no_samples, "prometheus", r"scrapes nothing at all"),
    ("too many series", ten_times_too_much, "prometheus", r"100,001 series .*more than the 100,000"),
    ("no numbers", no_numbers, "prometheus", r"\d+ of \d+ values of Prometheus are no numbers \(NaN or infinite\)"),
    ("another cluster", another_cluster, "prometheus", r"None of the pods that Prometheus knows are in this cluster\. Check"),
    ("missing exporter", no_exporter, "prometheus", r"(?i)kube-state-metrics|nobody"),
    ("shared domain", shared, "domain", r"belong together.*another registrable domain"),
    ("half live", half_live, "settings", r"prometheus_url is set without kubeconfig"),
    ("clock behind records", clock_of_last_year, "clock", r"records 365 days ahead.*NTP"),
    ("clock apart", clock_apart, "clock", r"\d+ s behind the Kubernetes API's"),
    ("newer store", newer_store, "store", r"schema 9999.*newer version wrote it"),
    ("damaged store", damaged_store, "store", r"damaged or not one of ours.*restore a backup"),
    ("store without schema", old_store, "store", r"schema none, this program needs .*moorage migrate"),
    (
        "damaged warehouse",
        damaged_warehouse,
        "warehouse",
        r"is damaged.*Move the file away.*Parquet exports.*moorage warehouse import",
    ),
    ("newer warehouse", newer_warehouse, "warehouse", r"written by a newer program: it has 9999_later"),
    ("open key file", keys_open_to_all, "keys", r"can be read by others\. Run: chmod 600"),
    ("damaged key file", keys_damaged, "keys", r"is damaged\. Put back the copy from a backup"),
    ("no directory", no_directory, "directory", r"/dev/null cannot be written"),
    ("read-only directory", read_only_directory, "directory", r"/proc/sys cannot be written: .*--data"),
)


def test_a_healthy_installation_has_no_problem(tmp_path):
    with a_bench(tmp_path) as bench:
        bench.live()
        assert [p for p in problems(bench) if p[0] != "prometheus"] == []


def test_every_cause_has_its_own_sentence(tmp_path):
    told: dict[str, str] = {}
    failures = []
    for number, (cause, arrange, name, pattern) in enumerate(CAUSES):
        folder = tmp_path / str(number)
        folder.mkdir()
        with a_bench(folder) as bench:
            arrange(bench)
            found = [sentence for where, sentence in problems(bench) if where == name]
        fitting = [s for s in found if re.search(pattern, " ".join(s.split()))]
        if fitting:
            told[cause] = fitting[0].replace(str(folder), "")
        else:
            failures.append(f"{cause}: nothing like {pattern!r} in {found}")
    assert failures == []
    (full,) = local.disk(config.load(data=tmp_path), SystemClock(), usage=lambda _: Disk(10 << 20))
    told["full disk"] = full.sentence
    with ownership.own(tmp_path), pytest.raises(ownership.Owned) as second, ownership.own(tmp_path):
        pass
    told["second server"] = str(second.value)
    assert len(set(told.values())) == len(CAUSES) + 2
    assert all(len(sentence.split()) > 6 for sentence in told.values())


def test_a_server_that_runs_is_named_with_what_a_second_one_needs(tmp_path):
    with a_bench(tmp_path) as bench, ownership.own(bench.settings.data):
        found = next(c for c in examine(bench.settings, bench.clock) if c.name == "server")
    assert found.verdict is Verdict.GOOD
    assert re.search(r"process \d+\); a second one is refused and needs its own --data", found.sentence)


@pytest.mark.parametrize(
    ("free", "verdict", "words"),
    [(10 << 20, Verdict.PROBLEM, "is full"), (1 << 30, Verdict.WARNING, "Free some"), (50 << 30, Verdict.GOOD, "free")],
)
def test_a_disk_is_judged_before_it_is_full(tmp_path, free, verdict, words):
    (found,) = local.disk(config.load(data=tmp_path), SystemClock(), usage=lambda _: Disk(free))
    assert found.verdict is verdict
    assert words in found.sentence


def test_a_check_that_fails_itself_says_so_and_the_others_go_on(tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("postgresql://u:geheim@h/d")

    with a_bench(tmp_path) as bench:
        monkeypatch.setattr(local, "keys", lambda *_: iter(broken, None))
        found = {c.name: c for c in examine(bench.settings, bench.clock)}
    assert found["keys"].verdict is Verdict.PROBLEM
    assert re.search(r"check of “keys” itself failed: KeyError: .*test_doctor\.py, line \d+", found["keys"].sentence)
    assert "geheim" not in found["keys"].sentence
    assert found["store"].verdict is Verdict.GOOD


@pytest.mark.parametrize("url", ["postgres://u:geheim@h/d", "nonsense", "postgresql+psycopg://u:geheim@h:port/d", "mysql://h/d"])
def test_a_store_that_is_none_is_refused_with_what_is_allowed(url):
    with pytest.raises(Misconfigured, match=r"store_url \(MOORAGE_STORE_URL\): .*postgresql\+psycopg://") as told:
        config.load(store_url=url)
    assert "geheim" not in str(told.value)


def test_a_wrong_setting_is_named_with_what_is_allowed():
    with pytest.raises(Misconfigured, match=r"port \(MOORAGE_PORT\): .*65535.*got 70000"):
        config.load(port=70000)
