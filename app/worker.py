"""The second process: jobs and the provisioner, which burn CPU or wait, on the same store, so that no batch freezes a page."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from app import container, logs, ownership
from app.backup_driver import BackupDriver
from app.config import Settings
from app.container import Container
from app.drain_driver import DrainDriver
from app.driver import Driver
from app.gateways import backup_target, sign_in
from app.jobs.scheduler import Scheduler
from app.provisioning import commands_of, nodes_of
from app.services import offers
from models.domain.access import job_actor
from models.domain.errors import PlatformError
from models.domain.jobs import JobHome

PARENT = "MOORAGE_PARENT"
"""Process id of the server that started this worker; when it is gone the worker ends too."""
_log = logs.logger(__name__)


def main(settings: Settings) -> None:
    """Run the worker's jobs until the process is asked to end, or until the server that started it is gone."""
    with ownership.work(settings.data):
        _main(settings)


def _main(settings: Settings) -> None:
    logs.set_up("worker", settings.log_level)
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    parent = int(os.environ.get(PARENT, "0"))
    made = container.build_worker(settings)
    try:
        container.install(made)
        _publish(made)
        scheduler = Scheduler(made, JobHome.WORKER)
        with commands_of(settings, made.clock) as (cluster, commands), nodes_of(settings, made.clock) as nodes:
            driver = Driver(made, cluster, prober=container.prober(settings, made.clock), doorman=sign_in.doorman(settings))
            backups = BackupDriver(made, cluster, commands, backup_target.target(settings.app_backups, settings.app_backups_folder))
            drains = DrainDriver(made, nodes)
            scheduler.start()
            driver.start()
            backups.start()
            drains.start()
            _log.info("worker is ready")
            while not ended.wait(0.5):
                if parent and os.getppid() != parent:
                    _log.warning("the server is gone, so the worker ends")
                    break
            drains.stop(seconds=1)
            backups.stop(seconds=1)
            driver.stop(seconds=2)
            scheduler.stop(seconds=3)
    finally:
        container.install(None)
        made.close()


def _publish(made: Container) -> None:
    """What this program's catalogue offers becomes what the store offers."""
    from provisioner import catalogue

    try:
        with made.transaction(job_actor("catalogue"), "job") as ctx:
            offers.publish(ctx, templates=catalogue.load().values())
    except PlatformError as error:
        _log.warning("the catalogue was not published", error=error)
