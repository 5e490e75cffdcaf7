"""Vouchers: codes that lower what is charged, how often they were used, a new one, and withdrawing one."""

from app.services import vouchers
from app.ui import gate, layout, queries, voucher_panels
from models.domain.access import Permission

viewer = gate.require(Permission.SEE_ORGANIZATIONS)
rows = queries.ask(vouchers.list_)
going = sum(1 for one in rows if one.withdrawn_at is None)
layout.header(viewer.say("vouchers.headline", n=going))
voucher_panels.listed(viewer, rows)
voucher_panels.forms(viewer, rows)
