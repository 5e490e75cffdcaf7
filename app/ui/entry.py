"""Entry script of every page: who is it, which pages are theirs, what is shown around all of them."""

import streamlit as st

from app.ui import frame, gate, navigation, state, support_panels

st.set_page_config(page_title="Moorage", page_icon=frame.ICON, layout="wide")
st.logo(frame.LOGO, size="large", icon_image=frame.ICON)
viewer = gate.current()
page = st.navigation(navigation.pages(viewer.signed, viewer.say), expanded=True)
frame.style()
frame.sidebar(viewer)
frame.labels(viewer)
support_panels.banner(viewer)
state.show_notice()
page.run()
