"""Settings: read once from the environment and `moorage.toml`, validated loudly, handed on as values."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from app.logs import redact, secret
from models.domain.errors import Misconfigured
from models.domain.mapping import LabelNames
from provisioner.wanted import Ground

Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """Every setting with its default. In the environment: `MOORAGE_` and the name in capitals; in `moorage.toml`: the bare name."""

    model_config = SettingsConfigDict(env_prefix="MOORAGE_", toml_file="moorage.toml", extra="forbid", frozen=True)

    data: Path = Path("data")
    """Directory for everything that is kept: store, warehouse, keys, documents, world, backups."""
    host: str = "127.0.0.1"
    port: int = Field(default=8600, ge=1, le=65535)
    public_url: str = ""
    """Address that people type, such as https://portal.example.com; empty: http://host:port. With https cookies are Secure."""
    trusted_proxies: str = "127.0.0.1"
    """Addresses or networks, separated by commas, of proxies whose X-Forwarded-For is believed. Behind another proxy everybody has the
    proxy's address, and shares one limit of attempts."""
    store_url: str = ""
    """Operational store; empty: SQLite in the data directory; or postgresql+psycopg://..."""
    warehouse_url: str = ""
    """Warehouse; empty: a DuckDB file in the data directory; or ducklake:postgres:... or ducklake:sqlite:..."""
    warehouse_data_path: str = ""
    """Folder or bucket for DuckLake's Parquet files."""
    warehouse_memory: str = "2GB"
    kubeconfig: Path | None = None
    """Makes it live, together with prometheus_url. `in-cluster` uses the pod's own service account."""
    kube_context: str = ""
    prometheus_url: str = ""
    prometheus: str = ""
    """The same as prometheus_url, called as the option of `up` is."""
    prometheus_token: SecretStr = SecretStr("")
    """Bearer token that Prometheus asks for; empty: none, or that of prometheus_token_file."""
    prometheus_token_file: Path | None = None
    """A file with that token, read again when the token is refused: tokens of service accounts are exchanged while it runs."""
    cluster: str = "default"
    """Name of the cluster in every key of the warehouse."""
    tick_seconds: Seconds = 30.0
    """One collection each so many seconds (5 on the test bed)."""
    probe_seconds: Seconds = 60.0
    raw_days: int = Field(default=15, ge=1)
    five_minute_days: int = Field(default=395, ge=1)
    organization_label: str = "moorage.dev/organization"
    """Namespace or pod label whose value names the organization."""
    instance_label: str = "moorage.dev/instance"
    template_label: str = "moorage.dev/template"
    plan_label: str = "moorage.dev/plan"
    job_cadvisor: str = "kubelet"
    job_kubelet: str = "kubelet"
    job_kube_state_metrics: str = "kube-state-metrics"
    job_node_exporter: str = "node-exporter"
    job_traefik: str = "traefik"
    apps_domain: str = "apps.localhost"
    """Registrable domain under which customers' apps live; another one than the portal's."""
    apps_domain_shared: bool = False
    """Accept that apps and portal share a registrable domain."""
    ingress_class: str = ""
    """Class of the apps' Ingress objects; empty: the cluster's default."""
    ingress_namespace: str = "kube-system"
    """Where the ingress controller runs: only from there apps are reached."""
    ingress_pods: str = "app.kubernetes.io/name=traefik"
    """Label of the ingress controller's pods, as name=value."""
    storage_class: str = ""
    """Class of the apps' volumes; empty: the cluster's default."""
    certificate_issuer: str = ""
    """ClusterIssuer of cert-manager for customers' own domains; empty: the ingress sees to their certificates itself."""
    tls_secret: str = ""
    """Name of a certificate's Secret for each app; empty: the ingress has a wildcard certificate of its own."""
    forbidden_networks: str = ""
    """Networks in CIDR, separated by commas, that no app may reach beside the private ones: the nodes' public addresses."""
    unpinned_images: bool = False
    """Sell templates on a live cluster also while their images are named by tag, which their makers may move."""
    platform_namespace: str = "moorage"
    """Where the provisioner's service account is."""
    ingress_address: str = ""
    """host:port where the prober finds the ingress when names do not resolve; empty: DNS."""
    smtp_url: str = ""
    """smtp://user:password@host:587 or smtps://...; empty: mails are kept in the outbox only."""
    mail_from: str = "Moorage <moorage@localhost>"
    payment_gateway: Literal["", "midtrans", "stripe"] = ""
    """Where invoices are paid; empty: bank transfer, or the simulated gateway in the demo."""
    midtrans_api_key: SecretStr = SecretStr("")
    """Midtrans' server key. Its notifications go to ADDRESS/webhooks/midtrans."""
    midtrans_url: str = "https://api.midtrans.com"
    midtrans_snap_url: str = "https://app.midtrans.com"
    stripe_api_key: SecretStr = SecretStr("")
    stripe_webhook_secret: SecretStr = SecretStr("")
    """Signs what Stripe sends to ADDRESS/webhooks/stripe (whsec_...)."""
    stripe_url: str = "https://api.stripe.com"
    session_hours: Seconds = 12.0
    session_idle_hours: Seconds = 2.0
    backup_minutes: Seconds = 15.0
    backup_keep: int = Field(default=48, ge=1)
    app_backups: str = ""
    """Where backups of customers' apps lie; empty: the folder `app-backups` in the data directory; or another folder."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    demo_seed: int = 7
    demo_money: bool = False
    """Whether a new demo has a year of invoices and payments too, which makes its first start some seconds longer."""

    @model_validator(mode="before")
    @classmethod
    def _one_prometheus(cls, given: dict[str, Any]) -> dict[str, Any]:
        short = given.get("prometheus", "")
        return {**given, "prometheus": "", "prometheus_url": given.get("prometheus_url") or short} if short else given

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        needs = {"midtrans": ("midtrans_api_key",), "stripe": ("stripe_api_key", "stripe_webhook_secret")}
        for name in needs.get(self.payment_gateway, ()):
            if not getattr(self, name).get_secret_value():
                raise ValueError(f"payment_gateway is {self.payment_gateway}, so {name} (MOORAGE_{name.upper()}) has to be set")
        return self

    @field_validator("prometheus_url", "public_url", "midtrans_url", "midtrans_snap_url", "stripe_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("store_url")
    @classmethod
    def _is_store(cls, value: str) -> str:
        if value:
            from sqlalchemy.engine import make_url
            from sqlalchemy.exc import ArgumentError

            try:
                known = make_url(value).drivername in {"sqlite", "postgresql+psycopg"}
            except (ArgumentError, ValueError):
                known = False
            if not known:
                raise ValueError("must be postgresql+psycopg://user:password@host:5432/database, or sqlite:///file, or empty")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  pydantic-settings passes it by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("ingress_pods")
    @classmethod
    def _is_label(cls, given: str) -> str:
        name, sign, value = given.partition("=")
        if not sign or not name or not value:
            raise ValueError("must be a label such as app.kubernetes.io/name=traefik")
        return given

    @field_validator("trusted_proxies", "forbidden_networks")
    @classmethod
    def _networks(cls, given: str) -> str:
        """Not `*`: anybody could then say who they are and escape the limits of attempts."""
        for part in given.split(",") if given else ():
            try:
                ip_network(part.strip())
            except ValueError as error:
                raise ValueError(f"{part.strip()!r} is no address and no network such as 10.0.0.0/8") from error
        return given

    @property
    def live(self) -> bool:
        """Whether a real cluster is collected; otherwise the simulated one, and every page says so."""
        return self.kubeconfig is not None

    @property
    def labels(self) -> LabelNames:
        return LabelNames(self.organization_label, self.instance_label, self.template_label, self.plan_label)

    @property
    def ground(self) -> Ground:
        """What apps are rendered for."""
        name, _, value = self.ingress_pods.partition("=")
        return Ground(
            apps_domain=self.apps_domain,
            forbidden_networks=tuple(part.strip() for part in self.forbidden_networks.split(",") if part.strip()),
            ingress_namespace=self.ingress_namespace,
            ingress_labels={name: value},
            ingress_class=self.ingress_class or None,
            certificate_issuer=self.certificate_issuer or None,
            tls_secret=self.tls_secret or None,
            storage_class=self.storage_class or None,
            platform_namespace=self.platform_namespace,
            tags_suffice=self.unpinned_images or not self.live,
        )

    @property
    def app_backups_folder(self) -> Path:
        """Where backups of apps lie when nothing else is said."""
        return self.data / "app-backups"

    @property
    def tick(self) -> timedelta:
        return timedelta(seconds=self.tick_seconds)

    @property
    def address(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def secure_cookies(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def store(self) -> str:
        return self.store_url or f"sqlite:///{self.data.resolve() / 'store.sqlite'}"

    @property
    def warehouse(self) -> str:
        return self.warehouse_url or str(self.data.resolve() / "warehouse.duckdb")


def load(**overrides: Any) -> Settings:
    """Settings from `overrides`, environment and file; a wrong one becomes a sentence with its name and what is allowed."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"]) or "settings"
            got = problem.get("input")
            # of a key that is none of ours nobody knows what its value is; perhaps a password with a slip of the pen in its name
            shown = "" if problem["type"] == "extra_forbidden" or secret(name) else f"; got {redact(repr(got))}"
            # what is wrong of several together comes with all that was given, keys too
            whole = not problem["loc"]
            lines.append(problem["msg"] if whole else f"{name} (MOORAGE_{name.upper()}): {problem['msg']}{shown}")
        raise Misconfigured("A setting is wrong. " + "; ".join(lines)) from None  # the cause would show the values after all
