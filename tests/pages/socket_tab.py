"""A tab of a browser without the browser: what it sends and hears over the pages' websocket, message by message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, cast

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

PATIENCE = 60.0
"""Seconds for one answer on a machine with other load."""
WIDGET = re.compile(r"\$\$ID-[0-9a-f]+-\S.*")
Widgets = Mapping[str, Callable[[Any], None]]
"""By the widget's id: what writes its value into a WidgetState."""


def pressed(state: Any) -> None:
    """A button that was clicked."""
    state.trigger_value = True


def chosen(text: str) -> Callable[[Any], None]:
    """A select box whose option `text` was taken."""

    def write(state: Any) -> None:
        state.string_value = text

    return write


def opened(text: str) -> Callable[[Any], None]:
    """What a click into a table tells."""

    def write(state: Any) -> None:
        state.json_trigger_value = text

    return write


class Heard:
    """The answers to one message."""

    def __init__(self, messages: list[ForwardMsg], closed: bool) -> None:
        self.messages, self.closed = messages, closed

    @property
    def raw(self) -> str:
        """All that came, without the backslashes before punctuation in Markdown."""
        return b"\n".join(m.SerializeToString() for m in self.messages).decode("utf-8", "replace").replace("\\", "")

    @property
    def widgets(self) -> dict[str, str]:
        """Ids of what was drawn and can be touched, by their key."""
        return {text.split("-", 2)[2]: text for m in self.messages for text in _texts(m) if WIDGET.fullmatch(text)}

    @property
    def fragments(self) -> set[str]:
        """Of parts that rerun by themselves."""
        return {m.auto_rerun.fragment_id for m in self.messages if m.WhichOneof("type") == "auto_rerun"} | {
            m.delta.fragment_id for m in self.messages if m.WhichOneof("type") == "delta" and m.delta.fragment_id
        }

    @property
    def pages(self) -> dict[str, str]:
        """Script hashes of the menu's pages by their address."""
        return {
            page.url_pathname: page.page_script_hash
            for m in self.messages
            if m.WhichOneof("type") == "navigation"
            for page in m.navigation.app_pages
        }

    @property
    def drawn(self) -> list[Any]:
        """Elements, in the order in which they came."""
        return [
            m.delta.new_element for m in self.messages if m.WhichOneof("type") == "delta" and m.delta.WhichOneof("type") == "new_element"
        ]  # fmt: skip

    @property
    def session(self) -> str:
        """Streamlit's id of the tab."""
        return next(m.new_session.initialize.session_id for m in self.messages if m.WhichOneof("type") == "new_session")


class Tab:
    """One open page of whoever has the cookie. `resumes` is Streamlit's id of a tab that it claims to have been."""

    def __init__(self, url: str, cookie: str, *, resumes: str = "", **headers: str) -> None:
        self._opening = connect(
            url.replace("http", "ws", 1) + "/_stcore/stream",
            additional_headers={"Cookie": f"sid={cookie}", "Origin": url} | headers,
            subprotocols=[cast(Subprotocol, part) for part in (("streamlit", "none", resumes) if resumes else ("streamlit",))],
            max_size=None,
            compression=None,
            open_timeout=PATIENCE,
        )

    def __enter__(self) -> Tab:
        self._socket = self._opening.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._opening.__exit__(kind, value, trace)

    def ask(
        self, page: str = "", *, script: str = "", fragment: str = "", query: str = "", widgets: Widgets | None = None
    ) -> Heard:
        """Ask for a run, and hear everything until it ended, with the runs that the page itself asked for."""
        self._send(_wanted(page, script, fragment, query, widgets))
        return self._hear(_Run())

    def poke(self, page: str, *, script: str, fragment: str, query: str = "", widgets: Widgets | None = None) -> Heard:
        """The same for a panel that this tab may never have had, which is answered by silence: heard to the end of a run after it."""
        self._send(_wanted(page, script, fragment, query, widgets))
        self._send(BackMsg(app_heartbeat=True))
        first = self._hear(lambda message: message.WhichOneof("type") == "heartbeat_ack")
        self._send(_wanted("account", "", "", "", None))
        rest = self._hear(_Run())
        return Heard([*first.messages, *rest.messages], rest.closed)

    def order(self, page: str, **order: bool) -> Heard:
        """What only Streamlit's developer menu sends, then a run of `page`; heard to the end of that run."""
        self._send(BackMsg(**cast(Any, order)))
        return self.ask(page)

    def wake(self, page: str, *, fragment: str, patience: float = PATIENCE) -> Heard:
        """A panel's timer asks for it; heard until its run ended, or for `patience` seconds when nothing comes."""
        message = _wanted(page, "", fragment, "", None)
        message.rerun_script.is_auto_rerun = True
        self._send(message)
        try:
            first = ForwardMsg.FromString(bytes(self._socket.recv(patience)))
        except TimeoutError:
            return Heard([], closed=False)
        rest = self._hear(_Run())
        return Heard([first, *rest.messages], rest.closed)

    def _send(self, message: BackMsg) -> None:
        with suppress(ConnectionClosed):
            self._socket.send(message.SerializeToString())

    def _hear(self, last: Callable[[ForwardMsg], bool]) -> Heard:
        heard: list[ForwardMsg] = []
        try:
            while not heard or not last(heard[-1]):
                heard.append(ForwardMsg.FromString(bytes(self._socket.recv(PATIENCE))))
        except ConnectionClosed:
            return Heard(heard, closed=True)
        return Heard(heard, closed=False)


class _Run:
    """Whether a message ends the run: it stands still, and the page has not asked for another."""

    def __init__(self) -> None:
        self._finished = False

    def __call__(self, message: ForwardMsg) -> bool:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._finished = False
        elif kind == "script_finished":
            self._finished = message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        return self._finished and kind == "session_status_changed" and not message.session_status_changed.script_is_running


def _wanted(page: str, script: str, fragment: str, query: str, widgets: Widgets | None) -> BackMsg:
    message = BackMsg()
    message.rerun_script.page_name = page
    message.rerun_script.page_script_hash = script
    message.rerun_script.fragment_id = fragment
    message.rerun_script.query_string = query
    for name, write in (widgets or {}).items():
        write(message.rerun_script.widget_states.widgets.add(id=name))
    return message


def _texts(message: Any) -> Iterator[str]:
    """All texts inside, however deep."""
    for field, value in message.ListFields():
        for one in value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else (value,):
            if isinstance(one, str):
                yield one
            elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
                yield from _texts(one)
