"""Which addresses an Ingress names: those a browser would open, and nothing that cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.sources.kubernetes_ingress import by_namespace, ingress
from collectors.sources.kubernetes_objects import Backend


def an_ingress(*rules: dict[str, Any], namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "web"}, "spec": {"rules": list(rules), **spec}}


def a_rule(host: str | None, *paths: str | None) -> dict[str, Any]:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    found = [{"path": path, "backend": backend} if path else {"backend": backend} for path in paths]
    return ({"host": host} if host else {}) | ({"http": {"paths": found}} if found else {})


@pytest.mark.parametrize(
    ("rule", "tls", "address"),
    [
        (a_rule("a.example.com", "/"), [], "http://a.example.com/"),
        (a_rule("a.example.com", None), [], "http://a.example.com/"),
        (a_rule("a.example.com"), [], "http://a.example.com/"),
        (a_rule("a.example.com", "/"), [{"hosts": ["a.example.com"]}], "https://a.example.com/"),
        (a_rule("a.example.com", "/"), [{"hosts": ["*.example.com"]}], "https://a.example.com/"),
        (a_rule("a.example.com", "/"), [{"hosts": ["b.example.com"]}, {}], "http://a.example.com/"),
        (a_rule("a.example.com", "/blog/wp", "/api"), [], "http://a.example.com/api"),
        (a_rule("a.example.com", "/(.*)", "/x|y"), [], "http://a.example.com/"),
        (a_rule("*.example.com", "/"), [], None),
        (a_rule(None, "/"), [], None),
        (a_rule("a b", "/"), [], None),
    ],
)
def test_a_rule_names_an_address(rule: dict[str, Any], tls: list[dict[str, Any]], address: str | None) -> None:
    assert ingress(an_ingress(rule, tls=tls)).addresses == ((address,) if address else ())


def test_backends_are_those_of_rules_and_of_the_default() -> None:
    default = {"service": {"name": "rest", "port": {"name": "http"}}}
    found = ingress(an_ingress(a_rule("a.example.com", "/", "/x"), defaultBackend=default))
    assert found.backends == (Backend("shop", "rest", ("http",)), Backend("shop", "web", ("80",)))
    assert ingress({"metadata": {"namespace": "shop", "name": "bare"}}).backends == ()


def test_a_namespace_has_the_addresses_of_all_its_ingresses() -> None:
    one, two = an_ingress(a_rule("b.example.com"), a_rule("a.example.com")), an_ingress(a_rule("a.example.com"))
    other, none = an_ingress(a_rule("c.example.com"), namespace="other"), an_ingress(namespace="none")
    assert by_namespace(ingress(raw) for raw in (one, two, other, none)) == {
        "shop": ("http://a.example.com/", "http://b.example.com/"),
        "other": ("http://c.example.com/",),
    }
