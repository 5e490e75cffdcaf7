"""Upgrades of apps: a backup before, the new version proven, and the old one with its data again when it does not work."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.driver import Driver
from app.gateways.sign_in import Tried
from app.services import app_backups, changesets, instances, offers, operations, upgrades
from app.services.orders import OrderView
from app.services.upgrades import UpgradeView
from models.domain.app_backups import BackupReason, BackupState, RestoreState
from models.domain.changesets import ChangeState, Purpose
from models.domain.errors import Conflict, NotFound, NotPermitted
from models.domain.instances import State
from models.domain.upgrades import UpgradeState
from models.store import mail, specifications
from provisioner.catalogue import Template
from provisioner.catalogue.schema import SignIn
from tests.orders.conftest import Shop
from tests.orders.test_app_backups import Failing, _read, _written
from tests.provisioner.orders import TEMPLATES
from tests.stories import a_customer


def newer(template: str, version: str, image: str = "", **facts: Any) -> Template:
    """The template at another version: its first component's image is that version's."""
    before = TEMPLATES[template]
    first, *others = before.components
    image = image or f"{first.image.rpartition(':')[0]}:{version}"
    components = (first.model_copy(update={"image": image}), *others)
    return before.model_copy(update={"version": version, "components": components} | facts)


def publish(shop: Shop, *templates: Template) -> None:
    with shop.acting(shop.staff) as ctx:
        offers.publish(ctx, templates=[*(one for one in TEMPLATES.values() if one.id not in {t.id for t in templates}), *templates])


@pytest.fixture
def blog(shop: Shop) -> OrderView:
    """A WordPress that runs, and a newer version in the catalogue."""
    made = shop.order("wordpress")
    _ready(shop, made)
    publish(shop, newer("wordpress", "7.2.0", "wordpress:7.2.0-php8.3-apache"))
    return made


def asked(shop: Shop, app: OrderView) -> UpgradeView:
    with shop.acting() as ctx:
        return upgrades.ask(ctx, instance_id=app.instance_id)


def now(shop: Shop, one: UpgradeView) -> UpgradeView:
    with shop.acting() as ctx:
        return upgrades.get(ctx, upgrade_id=one.id)


def offered(shop: Shop, app: OrderView) -> upgrades.Offered:
    with shop.acting() as ctx:
        found = upgrades.of_app(ctx, instance_id=app.instance_id)
    assert found is not None
    return found


def image(shop: Shop, app: OrderView, component: str = "web") -> str:
    with shop.acting() as ctx:
        namespace = instances.get(ctx, instance_id=app.instance_id).namespace
    found = shop.cluster.read("Deployment", namespace, component)
    assert found is not None
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def state(shop: Shop, app: OrderView) -> State:
    with shop.acting() as ctx:
        return instances.get(ctx, instance_id=app.instance_id).state


def test_a_newer_version_is_offered_saved_before_and_proven(shop: Shop, blog: OrderView) -> None:
    site = _written(shop, blog, "site", b"pages")
    seen = offered(shop, blog)
    assert (seen.version, seen.newest, seen.to, seen.refused) == ("7.1.0", "7.2.0", "7.2.0", "")
    assert (seen.saves, seen.stands_still) == (True, True)
    one = asked(shop, blog)
    _until(shop, one, UpgradeState.DONE)
    done = now(shop, one)
    assert (done.state, done.why) == (UpgradeState.DONE, "")
    assert image(shop, blog) == "wordpress:7.2.0-php8.3-apache"
    assert state(shop, blog) is State.READY
    assert _read(shop, blog, "site") == site
    with shop.acting() as ctx:
        (backup,) = app_backups.of_app(ctx, instance_id=blog.instance_id).backups
        work, *_ = changesets.list_(ctx, instance_id=blog.instance_id)
    assert (backup.id, backup.reason, backup.state) == (done.backup_id, BackupReason.UPGRADE, BackupState.DONE)
    assert (work.purpose, work.state) == (Purpose.UPGRADE, ChangeState.DONE)
    assert work.started_at is not None
    assert backup.finished_at is not None
    assert backup.finished_at <= work.started_at
    after = offered(shop, blog)
    assert (after.version, after.to, after.refused) == ("7.2.0", "", "")
    with shop.acting() as ctx, pytest.raises(Conflict, match="has the newest version already"):
        upgrades.ask(ctx, instance_id=blog.instance_id)


def test_code_on_the_volume_is_brought_along_by_the_templates_command(shop: Shop, blog: OrderView) -> None:
    one = asked(shop, blog)
    _until(shop, one, UpgradeState.DONE)
    with shop.acting() as ctx:
        work, *_ = changesets.list_(ctx, instance_id=blog.instance_id)
        done = [step.name for step in changesets.steps(ctx, change_set_id=work.id) if step.kind == "Job"]
        namespace = instances.get(ctx, instance_id=blog.instance_id).namespace
    assert any(name.startswith("setup-upgrade-") for name in done)
    (job,) = [job for job in shop.cluster.find("Job", namespace, {}) if job["metadata"]["name"].startswith("setup-upgrade-")]
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert "wp core update --version=7.2.0 && wp core update-db" in container["command"]
    assert container["image"] == "wordpress:cli"
    with shop.acting() as ctx:
        operations.restart(ctx, instance_id=blog.instance_id)
    _ready(shop, blog)


def test_a_version_that_does_not_answer_goes_back_with_the_data_of_before(shop: Shop, blog: OrderView) -> None:
    site, database = _written(shop, blog, "site", b"pages of 7.1"), _written(shop, blog, "database", b"rows of 7.1")
    one = asked(shop, blog)
    _until(shop, one, UpgradeState.CHANGING)
    shop.prober.down[blog.address] = ("down", "500")
    _written(shop, blog, "site", b"what 7.2 made of it")
    _written(shop, blog, "database", b"what 7.2 made of it")
    _until(shop, one, UpgradeState.RETURNING, pause=60)
    with shop.acting() as ctx, pytest.raises(Conflict, match=r"is being brought to version 7\.2\.0"):
        operations.restart(ctx, instance_id=blog.instance_id)
    del shop.prober.down[blog.address]
    _until(shop, one, UpgradeState.RETURNED)
    back = now(shop, one)
    assert back.state is UpgradeState.RETURNED
    assert back.why == f"Everything runs, but {blog.address} does not answer: 500"
    assert image(shop, blog) == "wordpress:7.1.0-php8.3-apache"
    assert (_read(shop, blog, "site"), _read(shop, blog, "database")) == (site, database)
    assert state(shop, blog) is State.READY
    with shop.acting() as ctx:
        (restore,) = app_backups.of_app(ctx, instance_id=blog.instance_id).restores
        assert (restore.backup_id, restore.state) == (back.backup_id, RestoreState.DONE)
        told = [row for row in mail.newest(ctx.session, limit=50) if row.kind == "staff_alert"]
        wish = specifications.newest(ctx.session, blog.instance_id)
    assert wish is not None
    assert wish.reason == "returned 7.1.0"
    assert [row.subject for row in told if "could not be brought to version 7.2.0" in row.subject]
    assert all("Nothing more is done" not in row.text for row in told)
    assert offered(shop, blog).to == "7.2.0"


def test_a_version_that_does_not_start_goes_back_before_its_deadline_is_twice_over(shop: Shop, blog: OrderView) -> None:
    one = asked(shop, blog)
    _until(shop, one, UpgradeState.CHANGING)
    shop.prober.down[blog.address] = ("down", "502")
    begun = shop.clock.now()
    _until(shop, one, UpgradeState.RETURNING, pause=60)
    assert shop.clock.now() - begun <= timedelta(seconds=2 * TEMPLATES["wordpress"].ready_within_seconds + 120)


def test_a_sign_in_that_worked_before_has_to_work_afterwards(shop: Shop, blog: OrderView) -> None:
    door = Door()
    one = asked(shop, blog)
    _until(shop, one, UpgradeState.CHANGING, door=door)
    assert len(door.asked) == 1
    door.said = Tried(False, "it answered 403", refused=True)
    _until(shop, one, UpgradeState.RETURNING, door=door, pause=60)
    assert "nobody can sign in" in now(shop, one).why


def test_who_changed_the_password_is_not_asked_for_the_drawn_one(shop: Shop, blog: OrderView) -> None:
    door = Door(Tried(False, "it answered 403", refused=True))
    one = asked(shop, blog)
    _until(shop, one, UpgradeState.DONE, door=door)
    assert len(door.asked) == 1


def test_without_a_backup_nothing_is_changed_and_the_app_runs_again(shop: Shop, blog: OrderView) -> None:
    one = asked(shop, blog)
    _until(shop, one, UpgradeState.FAILED, commands=Failing(shop), pause=30)
    left = now(shop, one)
    assert left.why.startswith("The backup could not be made: ")
    assert image(shop, blog) == "wordpress:7.1.0-php8.3-apache"
    _ready(shop, blog)
    with shop.acting() as ctx:
        wish = specifications.newest(ctx.session, blog.instance_id)
    assert wish is not None
    assert wish.generation == 1


def test_what_can_go_back_by_itself_keeps_running_while_it_is_saved_and_keeps_its_data(shop: Shop) -> None:
    app = shop.order("container")
    _ready(shop, app)
    before = TEMPLATES["container"]
    publish(shop, before.model_copy(update={"version": "2"}))
    seen = offered(shop, app)
    assert (seen.to, seen.saves, seen.stands_still) == ("2", False, False)
    one = asked(shop, app)
    shop.prober.down[app.address] = ("down", "500")
    _until(shop, one, UpgradeState.RETURNING, pause=60)
    del shop.prober.down[app.address]
    _until(shop, one, UpgradeState.RETURNED)
    back = now(shop, one)
    assert (back.state, back.restores, back.backup_id) == (UpgradeState.RETURNED, False, "")
    assert state(shop, app) is State.READY


def test_major_versions_are_taken_one_by_one(shop: Shop) -> None:
    app = shop.order("ghost")
    _ready(shop, app)
    publish(shop, newer("ghost", "8.0.1"))
    seen = offered(shop, app)
    assert (seen.version, seen.newest, seen.to, seen.refused) == ("6.59.0", "8.0.1", "", "way")
    with shop.acting() as ctx, pytest.raises(Conflict, match="The version in between is not kept here"):
        upgrades.ask(ctx, instance_id=app.instance_id)
    publish(shop, newer("ghost", "7.4.0"))
    publish(shop, newer("ghost", "7.12.0"))
    publish(shop, newer("ghost", "8.0.1"))
    assert (offered(shop, app).to, offered(shop, app).refused) == ("7.12.0", "")
    one = asked(shop, app)
    _until(shop, one, UpgradeState.DONE)
    assert (offered(shop, app).version, offered(shop, app).to) == ("7.12.0", "8.0.1")


def test_what_an_app_cannot_get_is_said_and_not_tried(shop: Shop, blog: OrderView) -> None:
    secrets = TEMPLATES["wordpress"].secrets
    publish(shop, newer("wordpress", "7.3.0", secrets=secrets | {"pepper": next(iter(secrets.values()))}))
    assert offered(shop, blog).refused == "secrets"
    publish(shop, newer("wordpress", "7.2.0"))
    with shop.acting() as ctx, pytest.raises(Conflict, match=r"goes to version 7\.2\.0 next, not to 9"):
        upgrades.ask(ctx, instance_id=blog.instance_id, version="9")
    with shop.acting() as ctx:
        operations.stop(ctx, instance_id=blog.instance_id)
    shop.work(passes=25)
    assert offered(shop, blog).refused == "stopped"
    with shop.acting() as ctx, pytest.raises(Conflict, match="Start it first"):
        upgrades.ask(ctx, instance_id=blog.instance_id)


def test_settings_of_before_come_back_without_the_version(shop: Shop, blog: OrderView) -> None:
    one = asked(shop, blog)
    _until(shop, one, UpgradeState.DONE)
    with shop.acting() as ctx:
        operations.roll_back(ctx, instance_id=blog.instance_id, generation=1)
    shop.work(passes=25)
    assert image(shop, blog) == "wordpress:7.2.0-php8.3-apache"


def test_strangers_see_nothing_and_whoever_may_only_look_asks_for_nothing(shop: Shop, blog: OrderView) -> None:
    one = asked(shop, blog)
    with shop.store.transaction() as session:
        stranger = a_customer(session, name="Toko Lain")
    with shop.acting(stranger.actor) as ctx:
        for ask in (upgrades.of_app, upgrades.ask):
            with pytest.raises(NotFound):
                ask(ctx, instance_id=blog.instance_id)
        with pytest.raises(NotFound):
            upgrades.get(ctx, upgrade_id=one.id)
        assert upgrades.list_(ctx).items == ()
        with pytest.raises(NotPermitted):
            upgrades.behind(ctx)


def test_staff_see_who_is_behind(shop: Shop, blog: OrderView) -> None:
    with shop.acting(shop.staff) as ctx:
        (one,) = upgrades.behind(ctx)
    assert (one.app, one.version, one.newest, one.going) == (blog.name, "7.1.0", "7.2.0", None)
    asked(shop, blog)
    with shop.acting(shop.staff) as ctx:
        (one,) = upgrades.behind(ctx)
    assert one.going is UpgradeState.ASKED
    shop.work(passes=25)
    with shop.acting(shop.staff) as ctx:
        assert upgrades.behind(ctx) == ()


def _ready(shop: Shop, app: OrderView) -> None:
    for _ in range(60):
        shop.work(passes=1)
        with shop.acting(shop.staff) as ctx:
            busy = any(one.state is ChangeState.WAITING for one in changesets.list_(ctx, instance_id=app.instance_id))
        if not busy and state(shop, app) is State.READY:
            return
    raise AssertionError(f"{app.name} is {state(shop, app)}")


class Door:
    """Answers as it is told."""

    def __init__(self, said: Tried | None = None) -> None:
        self.said = said or Tried(True)
        self.asked: list[tuple[str, SignIn]] = []

    def sign_in(self, address: str, request: SignIn) -> Tried:
        self.asked.append((address, request))
        return self.said


def _until(
    shop: Shop, one: UpgradeView, wanted: UpgradeState, *, pause: float = 2, door: Door | None = None, commands: Any = None
) -> None:
    """Let the drivers work until the upgrade is so far."""
    from app.backup_driver import BackupDriver

    driver = Driver(shop.container, shop.cluster, prober=shop.prober, doorman=door)
    backups = BackupDriver(shop.container, shop.cluster, commands or shop.commands, shop.target)
    for _ in range(200):
        driver.once()
        backups.once()
        if now(shop, one).state is wanted:
            return
        shop.clock.advance(timedelta(seconds=pause))
    raise AssertionError(f"it is {now(shop, one)}, not {wanted}")
