"""What people set about themselves: profile, password, second factor, sessions."""

from __future__ import annotations

from zoneinfo import available_timezones

import streamlit as st

from app.auth import credentials
from app.auth import gate as sockets
from app.auth.policy import Policy
from app.auth.sessions import UNKNOWN_DEVICE
from app.auth.totp import Enrolment
from app.services import account, signins
from app.services import second_factor as factors
from app.services.account import Profile
from app.ui import failures, queries, runtime, state
from app.ui.actions import act
from app.ui.gate import Viewer
from app.ui.messages import Say, language
from models.domain.errors import PlatformError

LANGUAGES = {"en": "English", "id": "Bahasa Indonesia"}
_OFFER = "_offered_factor"
_CODES = "_recovery_codes"


def profile(viewer: Viewer, seen: Profile) -> None:
    say = viewer.say
    with st.form("profile", border=False):
        name = st.text_input(say("column.name"), seen.name, max_chars=100)
        spoken = list(LANGUAGES)
        locale = st.selectbox(
            say("account.language"), spoken, index=spoken.index(language(seen.locale)),
            format_func=lambda code: LANGUAGES[code],
        )  # fmt: skip
        zones = sorted(available_timezones())
        zone = st.selectbox(say("account.timezone"), zones, index=zones.index(seen.timezone) if seen.timezone in zones else None)
        if st.form_submit_button(say("action.save"), type="primary"):
            kept = seen.locale if language(seen.locale) == locale else locale  # a region such as en_GB stays
            saved = act(account.update, name=name, locale=kept, timezone=zone or "UTC")
            if saved is not None:
                state.notice(say.text("notice.saved"))
                st.rerun()


def password(viewer: Viewer) -> None:
    """The present one proves who is there; every other session ends."""
    say = viewer.say
    st.markdown(say("account.password_note"))
    with st.form("password", clear_on_submit=True, border=False):
        current = st.text_input(say("account.current"), type="password", autocomplete="current-password", max_chars=256)
        chosen = st.text_input(say("account.chosen"), type="password", autocomplete="new-password", max_chars=256)
        if st.form_submit_button(say("account.change_password"), type="primary"):
            try:
                ended = credentials.change_password(
                    runtime.container(), viewer.actor, current=current, chosen=chosen, session_id=viewer.signed.session_id
                )
            except PlatformError as error:
                st.error(failures.words(viewer, error), icon=":material/block:")
                return
            sockets.kick(ended)
            st.success(say("account.password_changed", n=len(ended)), icon=":material/check_circle:")
    st.markdown(say("account.forgot"))


def second_factor(viewer: Viewer) -> None:
    say, policy = viewer.say, Policy.of(runtime.container().settings)
    _codes(viewer)
    seen = queries.ask(factors.status, policy=policy)
    if not seen.enabled:
        _enrol(viewer, policy)
        return
    st.markdown(say("factor.on", n=seen.recovery_left))
    with st.form("factor_off", clear_on_submit=True, border=False):
        code = st.text_input(say("factor.code"), max_chars=20, autocomplete="one-time-code")
        with st.container(horizontal=True):
            fresh = st.form_submit_button(say("factor.new_codes"))
            off = st.form_submit_button(say("factor.off"), disabled=seen.mandatory)
    if not (fresh or off):
        return
    try:
        if fresh:
            st.session_state[_CODES] = credentials.new_recovery_codes(runtime.container(), viewer.actor, code=code)
        else:
            credentials.disable_second_factor(runtime.container(), viewer.actor, code=code)
            state.notice(say.text("factor.is_off"))
    except PlatformError as error:
        st.error(failures.words(viewer, error), icon=":material/block:")
        return
    queries.forget()
    st.rerun()


def _enrol(viewer: Viewer, policy: Policy) -> None:
    say, seal = viewer.say, runtime.container().seal
    st.markdown(say("factor.why"))
    offered: Enrolment | None = st.session_state.get(_OFFER)
    if offered is None:
        if st.button(say("factor.set_up"), type="primary", key="factor_begin"):
            st.session_state[_OFFER] = act(factors.start, seal=seal)
            st.rerun()
        return
    st.image(offered.qr_svg(), width=200, alt=say.text("factor.qr"))
    st.markdown(say("factor.by_hand"))
    st.code(offered.secret, language=None)
    with st.form("factor_confirm", clear_on_submit=True, border=False):
        code = st.text_input(say("factor.code"), max_chars=10, autocomplete="one-time-code")
        if st.form_submit_button(say("factor.confirm"), type="primary"):
            codes = act(factors.confirm, seal=seal, policy=policy, sealed=offered.sealed, code=code)
            if codes:
                del st.session_state[_OFFER]
                st.session_state[_CODES] = codes
                st.rerun()


def _codes(viewer: Viewer) -> None:
    """Recovery codes are shown this one time, until the page is left or they are put away."""
    codes = st.session_state.get(_CODES)
    if not codes:
        return
    st.warning(viewer.say("factor.keep_codes"), icon=":material/key:")
    st.code("\n".join(codes), language=None)
    if st.button(viewer.say("factor.kept"), key="codes_kept"):
        del st.session_state[_CODES]
        st.rerun()


def _device(say: Say, device: str) -> str:
    """A browser as the session's record names it, in the reader's language."""
    browser, on, system = device.partition(" on ")
    if on:
        return say.text("account.device", browser=browser, system=system)
    return say.text("account.unknown_device") if device == UNKNOWN_DEVICE else device or "–"


def open_sessions(viewer: Viewer) -> None:
    say, fmt, own = viewer.say, viewer.format, viewer.signed.session_id
    rows = queries.ask(signins.mine, session_id=own)
    for row in rows:
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            where = say("account.session", device=_device(say, row.device), address=row.address or "–")
            seen = say("account.seen", ago=fmt.ago(row.seen_at, viewer.now), begun=fmt.moment(row.created_at))
            st.markdown(f"{where}  \n:small[:gray[{seen}]]", width="content")
            if row.current:
                st.markdown(f":green-badge[{say('account.this_session')}]", width="content")
            elif st.button(say("account.end_session"), key=f"end_{row.id}"):
                _ended(viewer, act(signins.revoke, session_id=row.id))
    if len(rows) > 1 and st.button(say("account.end_others"), key="end_others"):
        _ended(viewer, act(signins.revoke_others, session_id=own))


def _ended(viewer: Viewer, ended: tuple[str, ...] | None) -> None:
    if ended is not None:
        sockets.kick(ended)
        state.notice(viewer.say.text("account.sessions_ended", n=len(ended)))
        st.rerun()
