"""The outbox: written with the change, delivered by a claim, read by staff, secret links kept from them."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from app.gateways.mail import Simulated
from app.services import outbox
from models.domain.access import StaffRole
from models.domain.clock import FrozenClock
from models.domain.errors import Invalid, NotFound, NotPermitted, Unavailable
from models.store import audit, links, retention
from models.store import mail as rows
from models.store.limits import Rule
from models.store.links import LinkKind, OneTimeLink
from models.store.mail import Mail, MailStatus
from models.store.session import Store
from tests.stories import NOW, a_context, a_customer, a_job, a_staff_member

FROM = "Moorage <moorage@portal.test>"


class Real(Simulated):
    """A gateway that delivers, as far as the outbox can tell."""

    simulated = False


def _mail(store: Store, key: str = "fact", kind: str = "exists") -> str:
    facts = {"name": "Ayu", "account": "Kopi", "until": "tomorrow"}
    with store.transaction() as session:
        made = outbox.enqueue(
            a_context(session, a_job()), key=key, kind=kind, to="ayu@example.com", locale="en", link="https://p/x", **facts
        )
    assert made
    return made


def _row(store: Store, mail_id: str) -> Mail:
    with store.reading() as session:
        row = session.get(Mail, mail_id)
    assert row
    return row


def test_a_fact_is_told_once_and_only_when_its_change_is_kept(store: Store) -> None:
    _mail(store)
    with store.transaction() as session:
        again = outbox.enqueue(a_context(session, a_job()), key="fact", kind="exists", to="a@example.com", locale="en", name="A")
        assert again is None

    class Broken(Exception):
        pass

    def lost() -> None:
        with store.transaction() as session:
            outbox.enqueue(a_context(session, a_job()), key="lost", kind="exists", to="a@example.com", locale="en", name="A")
            raise Broken

    with pytest.raises(Broken):
        lost()
    with store.reading() as session:
        assert [row.key for row in rows.newest(session, limit=9)] == ["fact"]


def test_without_a_mail_server_mails_are_kept_for_reading(store: Store) -> None:
    mail_id, gateway = _mail(store), Simulated()
    assert outbox.deliver_due(store, gateway, FrozenClock(NOW), sender=FROM) == outbox.Delivered(kept=1)
    assert outbox.deliver_due(store, gateway, FrozenClock(NOW), sender=FROM) == outbox.Delivered()
    (sent,) = gateway.sent
    assert (sent.id, sent.to, sent.sender) == (f"<{mail_id}@portal.test>", "ayu@example.com", FROM)
    assert _row(store, mail_id).status is MailStatus.KEPT


def test_a_mail_server_that_is_away_is_asked_again_later_with_the_same_id(store: Store) -> None:
    mail_id, gateway, clock = _mail(store), Real(), FrozenClock(NOW)
    gateway.failures = [Unavailable("away"), Unavailable("away")]
    for pause in (1, 5):
        done = outbox.deliver_due(store, gateway, clock, sender=FROM)
        assert (done.postponed, done.problems) == (1, (f"{mail_id} to ayu@example.com: away",))
        assert outbox.deliver_due(store, gateway, clock, sender=FROM) == outbox.Delivered()
        clock.advance(timedelta(minutes=pause))
    assert outbox.deliver_due(store, gateway, clock, sender=FROM).sent == 1
    assert _row(store, mail_id).attempts == 3


def test_one_bad_mail_stops_no_other_and_can_be_tried_again(store: Store) -> None:
    bad, good = _mail(store, "bad"), _mail(store, "good")
    gateway = Real()
    gateway.failures = [Invalid("refused the address")]
    done = outbox.deliver_due(store, gateway, FrozenClock(NOW), sender=FROM)
    assert (done.failed, done.sent) == (1, 1)
    failed = bad if _row(store, bad).status is MailStatus.FAILED else good
    with store.transaction() as session:
        outbox.retry(a_context(session, a_job()), mail_id=failed)
    assert outbox.deliver_due(store, gateway, FrozenClock(NOW), sender=FROM).sent == 1


def test_a_bug_in_a_gateway_gives_up_the_mail_and_nothing_else(store: Store) -> None:
    _mail(store)
    gateway = Real()
    gateway.failures = [ZeroDivisionError("bug")]
    assert outbox.deliver_due(store, gateway, FrozenClock(NOW), sender=FROM).failed == 1


def test_after_the_last_pause_a_mail_is_given_up(store: Store) -> None:
    mail_id, gateway, clock = _mail(store, kind="verify"), Real(), FrozenClock(NOW)
    for pause in (*outbox.PAUSES, timedelta(0)):
        gateway.failures = [Unavailable("away")]
        outbox.deliver_due(store, gateway, clock, sender=FROM)
        clock.advance(pause)
    row = _row(store, mail_id)
    assert (row.status, row.attempts, row.text) == (MailStatus.FAILED, len(outbox.PAUSES) + 1, "")


def test_a_claim_of_a_process_that_died_frees_itself(store: Store) -> None:
    mail_id, gateway, clock = _mail(store), Real(), FrozenClock(NOW)
    with store.transaction() as session:
        assert rows.claim(session, mail_id, NOW, hold=outbox.HOLD)
    assert outbox.deliver_due(store, gateway, clock, sender=FROM) == outbox.Delivered()
    clock.advance(outbox.HOLD)
    assert outbox.deliver_due(store, gateway, clock, sender=FROM).sent == 1


def test_two_deliverers_at_once_send_each_mail_once(store: Store) -> None:
    for at in range(6):
        _mail(store, f"fact{at}")
    gateway, start = Real(), threading.Barrier(2)

    def deliver() -> None:
        start.wait()
        outbox.deliver_due(store, gateway, FrozenClock(NOW), sender=FROM)

    threads = [threading.Thread(target=deliver) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gateway.sent) == len({message.id for message in gateway.sent}) == 6


def test_a_link_leaves_the_outbox_with_its_mail(store: Store) -> None:
    mail_id = _mail(store, kind="verify")
    assert "https://p/x" in _row(store, mail_id).text
    outbox.deliver_due(store, Real(), FrozenClock(NOW), sender=FROM)
    row = _row(store, mail_id)
    assert (row.status, row.text, row.html) == (MailStatus.SENT, "", "")


def test_staff_read_mails_and_only_owners_reveal_links(store: Store) -> None:
    plain, secret = _mail(store, "plain"), _mail(store, "secret", kind="verify")
    outbox.deliver_due(store, Simulated(), FrozenClock(NOW), sender=FROM)
    with store.transaction() as session:
        support = a_context(session, a_staff_member(session, StaffRole.SUPPORT))
        owner = a_context(session, a_staff_member(session))
        assert {line.id for line in outbox.list_(support)} == {plain, secret}
        assert outbox.get(support, mail_id=plain).text
        hidden = outbox.get(support, mail_id=secret)
        assert (hidden.text, hidden.html, hidden.may_be_revealed) == ("", "", True)
        with pytest.raises(NotPermitted):
            outbox.reveal(support, mail_id=secret)
        assert "https://p/x" in outbox.reveal(owner, mail_id=secret).text
        assert [row.action for row in audit.search(session, subject=secret, limit=5)] == ["mail.reveal"]
        for stranger in (a_customer(session).actor, a_staff_member(session, StaffRole.BILLING)):
            with pytest.raises(NotPermitted):
                outbox.list_(a_context(session, stranger))
        with pytest.raises(NotFound):
            outbox.get(support, mail_id="mail_none")
        with pytest.raises(Invalid):
            outbox.list_(support, limit=501)


def test_staff_alerts_go_to_owners_and_operators_once(store: Store) -> None:
    with store.transaction() as session:
        for role in StaffRole:
            a_staff_member(session, role, name=role.value)
        ctx = a_context(session, a_job())
        assert outbox.alert_staff(ctx, key="node-2", title="Node 2 is down", body="Since 12:00.") == 2
        assert outbox.alert_staff(ctx, key="node-2", title="Node 2 is down", body="Since 12:00.") == 0


def test_limits_hold_while_attempts_race(store: Store) -> None:
    rule, answers, start = Rule(5, timedelta(minutes=15)), [], threading.Barrier(8)

    def attempt() -> None:
        from models.store import limits

        start.wait()
        with store.transaction() as session:
            answers.append(limits.hit(session, "key", rule, NOW))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wait == 0 for wait in answers) == [False] * 3 + [True] * 5


def test_cleaning_up_forgets_what_is_over_and_keeps_what_is_not(store: Store) -> None:
    with store.transaction() as session:
        for name, ends in (("old", NOW - timedelta(days=31)), ("new", NOW + timedelta(hours=1))):
            session.add(OneTimeLink(kind=LinkKind.VERIFY, token_hash=name, created_at=NOW, expires_at=ends))
        session.flush()
        assert sum(retention.forget(session, rule, NOW) for rule in retention.SIGN_IN) == 1
        assert links.good(session, LinkKind.VERIFY, "new", NOW)
