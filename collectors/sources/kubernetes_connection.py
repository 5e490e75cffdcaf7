"""One connection to a Kubernetes API: credentials read again when they are refused, raw answers, foreign errors as sentences."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from models.domain import clock
from models.domain.errors import Misconfigured, PlatformError, Unavailable

CONNECT_SECONDS = 3
READ_SECONDS = 30
_RENEW_SECONDS = 2.0
_POOL = 16

Query = Sequence[tuple[str, str]]


class Gone(Exception):
    """The server no longer knows the resource version (410): list again."""


class Refused(Exception):
    """The account may not do this (403), or the API does not know the kind (404)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Connection:
    """`kubeconfig` None or named `in-cluster`: the pod's own service account. Safe to share between threads."""

    def __init__(self, kubeconfig: Path | None, context: str = "") -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._lock = threading.Lock()
        self._api: Any = None
        self._made_at = 0.0

    @property
    def source(self) -> str:
        """Where the credentials come from, for sentences."""
        if self._kubeconfig is None or str(self._kubeconfig) == "in-cluster":
            return "the pod's service account"
        return f"the kubeconfig {self._kubeconfig}"

    @property
    def unverified(self) -> bool:
        """Whether the credentials say that the server's certificate is not to be checked."""
        api = self._api
        return api is not None and not api.configuration.verify_ssl

    def get(self, path: str, query: Query, read_seconds: float = READ_SECONDS) -> urllib3.BaseHTTPResponse:
        """The unread answer of a GET with status 200.

        Raises Gone, Refused, Unavailable (nobody answers, or with a server error) or Misconfigured (credentials, address).
        """
        response = self._send("GET", path, query, None, read_seconds)
        if response.status != 200:
            raise self._refusal(response)
        return response

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The parsed answer to a review that is posted; nothing is kept in the cluster by it. Raises as `get` does."""
        response = self._send("POST", path, (), body, READ_SECONDS)
        if response.status not in (200, 201):
            raise self._refusal(response)
        try:
            return self.parsed(response.data)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self.lost(error) from error

    def exchange(
        self, method: str, path: str, query: Query, body: Mapping[str, Any] | None, content_type: str
    ) -> tuple[int, bytes]:
        """Status and whole body of any request, whatever the status; what it means is the caller's business.

        Raises Unavailable when nobody answers. A 401 makes the credentials be read again at the next request.
        """
        # the client turns bodies into JSON itself where the type is JSON, and only there
        sent = body if body is None or "json" in content_type else json.dumps(body)
        response = self._send(method, path, query, sent, READ_SECONDS, content_type)
        try:
            content = response.data  # unread, the connection would be lost to the pool
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self.lost(error) from error
        if response.status == 401:
            self.renew()
        return response.status, content

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        body: Mapping[str, Any] | str | None,
        read_seconds: float,
        content_type: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        api = self._current()
        if not api.configuration.verify_ssl:
            # said once as a finding instead of at each request; others may have reset the filter since
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if body is not None else {})
        serialized = api.param_serialize(
            method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            response: urllib3.BaseHTTPResponse = api.call_api(
                *serialized, _request_timeout=(CONNECT_SECONDS, read_seconds)
            ).response
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self.lost(error) from error
        return response

    def websocket(self, path: str, query: Query) -> Any:
        """An open websocket to a subresource that speaks in channels (exec), as `websocket.WebSocket`.

        Raises Refused when the API says no (with its status), Unavailable when nobody answers, Misconfigured for the credentials.
        """
        from kubernetes.stream import ws_client
        from websocket import WebSocketBadStatusException, WebSocketException

        client: Any = ws_client  # it has no types
        api = self._current()
        _, url, headers, *_ = api.param_serialize("GET", path, query_params=list(query), auth_settings=["BearerToken"])
        given = {name.lower(): value for name, value in headers.items() if name.lower() == "authorization"}
        try:
            return client.create_websocket(api.configuration, client.get_websocket_url(url), given)
        except WebSocketBadStatusException as error:
            if error.status_code == 401:
                self.renew()
                raise Misconfigured(
                    f"The Kubernetes API at {self._host()} refuses the credentials of {self.source} (401). Renew them; they are read again."
                ) from error
            body = error.resp_body or b""
            try:
                message = str(json.loads(body)["message"])
            except (ValueError, KeyError, TypeError):
                message = bytes(body)[:200].decode(errors="replace") or str(error)
            raise Refused(error.status_code, message) from error
        except (WebSocketException, OSError) as error:
            raise self.lost(error) from error

    def read(self, path: str, query: Query) -> dict[str, Any]:
        """The parsed answer of a GET."""
        response = self.get(path, query)
        try:
            body = response.data  # reading it all gives the connection back to the pool
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self.lost(error) from error
        return self.parsed(body)

    def parsed(self, body: bytes) -> dict[str, Any]:
        try:
            value = json.loads(body)
        except ValueError as error:
            raise Misconfigured(
                f"{self._host()} does not answer like a Kubernetes API; check the server's address in {self.source}."
            ) from error
        if not isinstance(value, dict):
            raise Misconfigured(
                f"{self._host()} does not answer like a Kubernetes API; check the server's address in {self.source}."
            )
        return value

    def renew(self) -> None:
        """Read the credentials anew at the next request; at most every two seconds, for many threads are refused at once."""
        with self._lock:
            if clock.stopwatch() - self._made_at > _RENEW_SECONDS:
                self._api = None

    def close(self) -> None:
        with self._lock:
            api, self._api = self._api, None
        if api is not None:
            api.close()

    def lost(self, error: Exception) -> PlatformError:
        """What to say about a request that got no answer."""
        text = str(error)
        if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
            return Misconfigured(
                f"The certificate of the Kubernetes API at {self._host()} is not signed by the authority in {self.source}; "
                "take the kubeconfig from this cluster again."
            )
        return Unavailable(
            f"The Kubernetes API at {self._host()} does not answer ({_cause(error)}). "
            f"Check that it runs and that the address in {self.source} is right."
        )

    def _host(self) -> str:
        api = self._api
        return str(api.configuration.host) if api is not None else "its address"

    def _refusal(self, response: urllib3.BaseHTTPResponse) -> Exception:
        """What a status other than 200 means; the body is read, so that the connection is given back."""
        try:
            body = response.data
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return self.lost(error)
        if response.status == 410:
            return Gone()
        if response.status == 401:
            return Misconfigured(
                f"The Kubernetes API at {self._host()} refuses the credentials of {self.source} (401): "
                "the token or certificate has expired or is of another cluster. Renew it; the file is read again."
            )
        try:
            message = str(json.loads(body)["message"])
        except (ValueError, KeyError, TypeError):
            message = body[:120].decode(errors="replace")
        if response.status in (403, 404):
            return Refused(response.status, message)
        return Unavailable(f"The Kubernetes API at {self._host()} answers {response.status}: {message}. It is tried again.")

    def _current(self) -> Any:
        with self._lock:
            if self._api is None:
                self._api = self._connect()
                self._made_at = clock.stopwatch()
            return self._api

    def _connect(self) -> Any:
        settings = client.Configuration(connection_pool_maxsize=_POOL, retries=urllib3.Retry(0))
        loaders: Any = config
        try:
            if self._kubeconfig is None or str(self._kubeconfig) == "in-cluster":
                loaders.load_incluster_config(client_configuration=settings)
            else:
                loaders.load_kube_config(
                    config_file=str(self._kubeconfig),
                    context=self._context or None,
                    client_configuration=settings,
                    persist_config=False,
                )
        except (ConfigException, OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise Misconfigured(
                f"Cannot use {self.source}: {_first_line(error)}. Name a readable kubeconfig with a current context in kubeconfig "
                "(MOORAGE_KUBECONFIG)."
            ) from error
        try:
            return client.ApiClient(settings)
        except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
            raise Misconfigured(f"Certificate or key in {self.source} cannot be used: {_first_line(error)}.") from error


def _cause(error: Exception) -> str:
    text = str(error)
    for sign, words in (
        ("refused", "connection refused"),
        ("Name or service not known", "its name is unknown"),
        ("Failed to resolve", "its name is unknown"),
        ("timed out", "timed out"),
        ("No route", "no route to it"),
        ("unreachable", "network unreachable"),
        ("Connection aborted", "connection closed"),
        ("Connection broken", "connection closed"),
    ):
        if sign in text:
            return words
    return type(error).__name__


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
