"""Package indexes: the only door to pypi-simple. Reads pages and metadata, never a wheel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import TYPE_CHECKING, Any

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from envkit.compat import WheelFile
from envkit.core.errors import EngineError, NetworkError
from envkit.core.text import one_line

if TYPE_CHECKING:
    from pypi_simple import PyPISimple

_LIMIT = 30.0
"""Seconds that a server has for a page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One index and how it is reached."""

    url: str | None
    """Its address; None = the default one."""
    login: tuple[str, str] | None = None
    ca: str | None = None
    """File with the certificates to trust."""


class Page:
    """The wheels of one project on one index."""

    def __init__(self, simple: PyPISimple, packages: Iterable[Any]) -> None:
        self._simple = simple
        self._wheels = tuple(_named(packages))

    @property
    def versions(self) -> tuple[Version, ...]:
        """All that have a wheel, without the local part, newest first."""
        found = {Version(version.public) for version, _ in self._wheels}
        return tuple(sorted(found, reverse=True))

    def files(self, version: str) -> tuple[WheelFile, ...]:
        """The wheels of one version, one of each platform with its requirements. Raises NetworkError."""
        wanted = Version(version)
        read: set[str] = set()
        found = []
        for own, package in self._wheels:
            if Version(own.public) != wanted:
                continue
            platform = package.filename.rpartition("-")[2]
            requires = None
            if package.has_metadata and platform not in read:
                read.add(platform)
                requires = self._requires(package)
            found.append(WheelFile(name=package.filename, requires=requires))
        return tuple(found)

    def _requires(self, package: Any) -> tuple[str, ...] | None:
        from pypi_simple import NoMetadataError

        with _told(package.filename):
            try:
                # Few indexes tell the digest of the metadata.
                text = self._simple.get_package_metadata(
                    package, verify=bool(package.metadata_digests), timeout=_LIMIT
                )
            except NoMetadataError:
                return None
        return tuple(HeaderParser().parsestr(text).get_all("Requires-Dist") or ())


def page(project: str, source: Source) -> Page | None:
    """What an index has of a project; None when it has nothing. Raises NetworkError and EngineError."""
    try:
        import requests
        from pypi_simple import NoSuchProjectError, PyPISimple
    except ImportError as error:
        raise EngineError(
            "pypi-simple, which reads package indexes, is not installed", todo="pip install 'envkit[build]'"
        ) from error
    session = requests.Session()
    session.auth = source.login
    if source.ca is not None:
        session.verify = source.ca
    simple = PyPISimple(session=session) if source.url is None else PyPISimple(source.url, session=session)
    with _told(source.url or "the default index"):
        try:
            return Page(simple, simple.get_project_page(project, timeout=_LIMIT).packages)
        except NoSuchProjectError:
            return None


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Failures of the network as errors that say what was asked for."""
    import requests
    from pypi_simple import DigestMismatchError, UnsupportedContentTypeError, UnsupportedRepoVersionError

    try:
        yield
    except requests.exceptions.SSLError as error:
        raise NetworkError(
            f"{what} was not trusted: its certificate is signed by nobody that is known",
            todo="a network that intercepts TLS needs --ca-cert FILE with its certificate",
        ) from error
    except DigestMismatchError as error:
        raise NetworkError(
            f"{what}: its metadata differs from what the index says of it",
            todo="try again; if it stays, tell whoever keeps the index",
        ) from error
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "?"
        login = status in (401, 403)
        raise NetworkError(
            f"{what} answered {status}",
            todo="put the login into the address (https://USER:PASSWORD@HOST/...) or into ~/.netrc"
            if login
            else "check the address of the index, or try again later",
        ) from error
    except (requests.RequestException, UnsupportedContentTypeError, UnsupportedRepoVersionError) as error:
        reason = getattr(error, "__cause__", None) or error
        raise NetworkError(
            f"{what} is out of reach: {one_line(type(reason).__name__)}",
            todo="check the network, the proxy variables and the index (--index-url)",
        ) from error


def _named(packages: Iterable[Any]) -> Iterator[tuple[Version, Any]]:
    for package in packages:
        try:
            _, version, _, _ = parse_wheel_filename(package.filename)
        except (InvalidWheelFilename, InvalidVersion):
            continue
        if not package.is_yanked:
            yield version, package
