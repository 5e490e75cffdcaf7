"""Every table there is: whoever needs the whole metadata (migrations, tests, backup) imports this module.

Tables of all nouns are found by importing every module beside this one, so that a new one cannot be forgotten.
"""

from __future__ import annotations

import importlib
import pkgutil

from sqlalchemy import MetaData
from sqlmodel import SQLModel

import models.store

for _module in pkgutil.iter_modules(models.store.__path__):
    if _module.name != "tables":
        importlib.import_module(f"models.store.{_module.name}")

metadata: MetaData = SQLModel.metadata
