"""The demo business: people, organizations, apps and 90 days of history for an empty data directory."""

from app.demo.load import load, sign_ins
from app.demo.people import SignIn

__all__ = ["SignIn", "load", "sign_ins"]
