"""The embedded broker's rules: who may log in, what she may say and hear. Imported by the broker's process only.

amqtt 0.12.1 leaves five holes, closed here. It walks its table of subscriptions while others change it, and then loses
the message in hand, a stop like any other. It publishes a last will without asking whether its owner may write there,
so anybody could leave a command in a colleague's name. A second log-in with a known client name changes the user of the
running session before the password is checked. It sends every new client the retained messages of everybody's
subscriptions. And its stock rights can filter deliveries, but their configuration has no key for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amqtt.broker import Broker, BrokerContext  # type: ignore[import-untyped]  # amqtt has no py.typed
from amqtt.contexts import Action, BrokerConfig  # type: ignore[import-untyped]  # amqtt has no py.typed
from amqtt.plugins.base import BaseAuthPlugin  # type: ignore[import-untyped]  # amqtt has no py.typed
from amqtt.plugins.topic_checking import TopicAccessControlListPlugin  # type: ignore[import-untyped]  # amqtt has no py.typed
from amqtt.session import Session  # type: ignore[import-untyped]  # amqtt has no py.typed

from pumpd.mqtt.passwords import matches

_PROVEN = "pumpd_proven_user"


class LogIn(BaseAuthPlugin):  # type: ignore[misc]  # the base is untyped
    """Password by file; a clean session; a last will only where its owner may publish."""

    def __init__(self, context: BrokerContext) -> None:
        super().__init__(context)
        lines = Path(self._get_config_option("password_file", None)).read_text(encoding="utf-8").splitlines()
        self._hashes = dict(line.split(":", 1) for line in lines)

    async def authenticate(self, *, session: Session) -> bool:
        """Return whether `session` may connect, and note in it whom the password has proven."""
        setattr(session, _PROVEN, None)
        if not session.clean_session or not self._may_leave(session):
            return False
        if not matches(session.password or "", self._hashes.get(session.username or "", "")):
            return False
        setattr(session, _PROVEN, session.username)
        return True

    def _may_leave(self, session: Session) -> bool:
        if not session.will_flag:
            return True
        allowed = self._get_config_option("wills", {}).get(session.username)
        return allowed is not None and session.will_topic == allowed

    @dataclass
    class Config:
        """Where the password hashes are, a line each, and the one topic on which an account may leave a will."""

        password_file: str
        wills: dict[str, str]


class Rights(TopicAccessControlListPlugin):  # type: ignore[misc]  # the base is untyped
    """Publish, subscribe and receive by account, for sessions whose user is proven; everything else is denied."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Return whether `session` may do `action` on `topic`."""
        if session is None or session.username is None or getattr(session, _PROVEN, None) != session.username:
            return False
        return bool(await super().topic_filtering(session=session, topic=topic, action=action))

    @dataclass
    class Config:
        """Topic filters by account."""

        publish_acl: dict[str, list[str]] = field(default_factory=dict)
        subscribe_acl: dict[str, list[str]] = field(default_factory=dict)
        receive_acl: dict[str, list[str]] = field(default_factory=dict)


class _Subscriptions(dict[str, list[tuple[Session, int]]]):
    """Subscribers by filter. Walking it walks a copy, because the walker waits between two steps."""

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.keys()))

    def items(self) -> Any:
        return [(each, list(holders)) for each, holders in super().items()]


class SiteBroker(Broker):  # type: ignore[misc]  # the base is untyped
    """A broker that loses nothing when subscriptions change and sends what it retains only to those who asked."""

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._subscriptions = _Subscriptions()

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        holders = self.subscriptions.get(subscription[0], [])
        if any(holder.client_id == session.client_id for holder, _qos in holders):
            await super()._publish_retained_messages_for_subscription(subscription, session)
