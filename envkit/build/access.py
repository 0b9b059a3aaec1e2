"""Logins of indexes: kept apart from the settings, so that nothing that is written can hold one."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit, urlunsplit


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """User and password of one index."""

    url: str
    """Its address, without them."""
    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """What installers on this machine are told by their environment, and no file."""

    logins: tuple[Login, ...] = ()

    def at(self, url: str) -> Login | None:
        """The login of an index: its own, else one of the same server."""
        own = next((each for each in self.logins if each.url == url), None)
        return own or next((each for each in self.logins if _server(each.url) == _server(url)), None)

    def inside(self, url: str) -> str:
        """The address with its login, for an environment variable."""
        found = self.at(url)
        return url if found is None else _with(found, url)


def _with(login: Login, url: str) -> str:
    parts = urlsplit(url)
    name = quote(login.user, safe="")
    if login.password:
        name += ":" + quote(login.password, safe="")
    return urlunsplit(parts._replace(netloc=f"{name}@{parts.netloc}"))


def _server(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def public(url: str) -> str:
    """An address without user and password: they never enter a file."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def login(url: str) -> Login | None:
    """User and password in an address; None where it has none."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return None
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return Login(url=public(url), user=unquote(user), password=unquote(password))


def access(urls: tuple[str, ...]) -> Access:
    """The logins that some addresses hold."""
    return Access(logins=tuple(found for found in map(login, urls) if found is not None))
