"""The composition root as pages see it: the container that the server's lifespan installed, or a test's."""

from __future__ import annotations

from typing import cast

import streamlit as st

from app import container as root
from app.container import Container

_OVERRIDE = "_container"


def container() -> Container:
    """What this process runs on. Session state lives on the server only, so a browser cannot put another one there."""
    if _OVERRIDE in st.session_state:
        return cast(Container, st.session_state[_OVERRIDE])
    return root.current()
