"""The customers of the simulated hosting business: 27 organizations with 35 apps, which make 82 pods."""

from __future__ import annotations

from dataclasses import dataclass

from models.domain.ids import slug

TRIAL_DAYS = 30


@dataclass(frozen=True, slots=True)
class App:
    """One instance. `day` counts from the world's epoch: negative ones were there before; `trial` ends 30 days after it began."""

    template: str
    plan: str
    day: float
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Tenant:
    name: str
    city: str
    apps: tuple[App, ...]

    @property
    def slug(self) -> str:
        return slug(self.name)

    def namespace(self, app: App) -> str:
        return f"{self.slug}-{app.template}"


TENANTS: tuple[Tenant, ...] = (
    Tenant("Kopi Senja", "Bandung", (App("n8n", "Team", -240), App("wordpress", "Site", -200))),
    Tenant("Toko Ayu", "Yogyakarta", (App("wordpress", "Business", -310),)),
    Tenant("Warung Bu Tini", "Semarang", (App("wordpress", "Site", -150),)),
    Tenant("Batik Larasati", "Solo", (App("wordpress", "Business", -280), App("ghost", "Blog", 80, trial=True))),
    Tenant("Nusantara Travel", "Jakarta", (App("n8n", "Scale", -120), App("wordpress", "Business", -90))),
    Tenant("Rumah Kayu Jepara", "Jepara", (App("wordpress", "Site", -60),)),
    Tenant("Sinar Printing", "Surabaya", (App("ghost", "Blog", -75),)),
    Tenant("Dapur Mbak Rina", "Malang", (App("ghost", "Blog", -33), App("n8n", "Starter", 77, trial=True))),
    Tenant("Bengkel Jaya Motor", "Bekasi", (App("n8n", "Starter", -20),)),
    Tenant("Klinik Sehat Sentosa", "Jakarta", (App("n8n", "Team", -180),)),
    Tenant("Bali Surf School", "Kuta", (App("wordpress", "Business", -210),)),
    Tenant("Gudang Elektronik", "Tangerang", (App("n8n", "Scale", 12),)),
    Tenant("Studio Foto Lensa", "Bandung", (App("ghost", "Blog", -100),)),
    Tenant("Tani Makmur", "Kediri", (App("n8n", "Starter", 25),)),
    Tenant("Roti Gembira", "Bogor", (App("n8n", "Team", 38), App("wordpress", "Site", 84, trial=True))),
    Tenant("Apotek Melati", "Medan", (App("wordpress", "Business", 47),)),
    Tenant("Konveksi Garuda", "Bandung", (App("n8n", "Starter", 58),)),
    Tenant("Kedai Teh Tarik", "Batam", (App("ghost", "Blog", 66, trial=True),)),
    Tenant("Lombok Dive Center", "Mataram", (App("wordpress", "Site", 64, trial=True),)),
    Tenant("Pustaka Cendekia", "Depok", (App("ghost", "Blog", 70, trial=True),)),
    Tenant("Mitra Logistik", "Jakarta", (App("n8n", "Scale", -15),)),
    Tenant("Percetakan Harapan", "Cirebon", (App("wordpress", "Site", 53),)),
    Tenant("Salon Cantika", "Makassar", (App("wordpress", "Site", 78, trial=True), App("n8n", "Starter", 85, trial=True))),
    Tenant("Yayasan Peduli Anak", "Padang", (App("n8n", "Starter", 63, trial=True),)),
    Tenant("Properti Menteng", "Jakarta", (App("n8n", "Team", 73, trial=True),)),
    Tenant("Toko Bunga Mawar", "Surabaya", (App("n8n", "Team", 82, trial=True), App("ghost", "Blog", 87, trial=True))),
    Tenant("Kursus Bahasa Pelita", "Denpasar", (App("n8n", "Starter", 75, trial=True), App("wordpress", "Site", 86, trial=True))),
)

NOISY = "mitra-logistik-n8n/worker"
LEAKING = "studio-foto-lensa-ghost/ghost"
CRASHING = "percetakan-harapan-wordpress/wordpress"
IDLE = "yayasan-peduli-anak-n8n"
"""Namespace of the trial that nobody uses."""
