"""Editions of templates: documents that are kept as they were, and read back for rendering. For other services, which check rights."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache

from sqlmodel import Session

from app.context import Context
from models.domain.errors import NotFound
from models.store import components as component_rows
from models.store import editions as store
from provisioner.catalogue import Template
from provisioner.catalogue.addons import AddOn


def document(template: Template | AddOn) -> str:
    """The template or component as canonical JSON: equal ones give equal texts."""
    return json.dumps(template.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def keep(ctx: Context, template: Template) -> str:
    """The digest of the template's document, which is in the store afterwards."""
    text = document(template)
    key = digest(text)
    if store.by_digest(ctx.session, key) is None:
        ctx.session.add(
            store.Edition(digest=key, template=template.id, version=template.version, document=text, created_at=ctx.now)
        )
        ctx.session.flush()
    return key


def read(session: Session, key: str) -> Template:
    """The template of that edition. Raises NotFound."""
    row = store.by_digest(session, key)
    if row is None:
        raise NotFound("There is no such edition of a template.")
    return _parsed(row.document)


@lru_cache(maxsize=200)
def _parsed(text: str) -> Template:
    return Template.model_validate_json(text)


def keep_component(ctx: Context, addon: AddOn) -> str:
    """The digest of the component's document, which is in the store afterwards."""
    text = document(addon)
    key = digest(text)
    if component_rows.by_digest(ctx.session, key) is None:
        ctx.session.add(
            component_rows.ComponentEdition(
                digest=key, component=addon.id, version=addon.version, document=text, created_at=ctx.now
            )
        )
        ctx.session.flush()
    return key


def component(session: Session, key: str) -> AddOn:
    """The component of that edition. Raises NotFound."""
    row = component_rows.by_digest(session, key)
    if row is None:
        raise NotFound("There is no such edition of a component.")
    return _parsed_component(row.document)


@lru_cache(maxsize=100)
def _parsed_component(text: str) -> AddOn:
    return AddOn.model_validate_json(text)
