"""The lock of a conda environment: solved for the plan's machines, on any machine."""

from __future__ import annotations

from envkit.build import conda as asked
from envkit.build.access import Access
from envkit.build.channels import channels, reachable
from envkit.build.explicit import explicit
from envkit.build.model import Locked, Settings
from envkit.build.requirements import of_the_person
from envkit.compat import Compat
from envkit.core.errors import BadInputError, BuildFailedError, DiskError
from envkit.engine import conda
from envkit.engine.conda_model import CondaFailed, Package, Virtual
from envkit.resolve.model import Lock, Plan
from envkit.resolve.request import Host

LATER = "lock it where the channel can be reached (envkit build --as conda), or name a mirror: --channel URL"
_PIP = "--requirements are installed after conda's packages, from an index of wheels, and are not locked"


def lock_conda(
    plan: Plan, settings: Settings, hosts: tuple[Host, ...], compat: Compat, *, access: Access
) -> Locked:
    """Every package with its hash; less where no channel answers.

    Raises BuildFailedError where no set of packages satisfies the plan on the hosts.
    """
    pip = bool(of_the_person(plan, settings.requirements))
    virtual = asked.virtual_packages(plan, hosts, compat)
    found = conda.solve(
        tuple(spec.match for spec in asked.specs(plan, pip=pip)),
        channels=reachable(settings, access),
        platform=asked.platform(plan),
        virtual=virtual,
        ca=settings.ca_cert,
    )
    if isinstance(found, CondaFailed):
        return Locked(lock=Lock(kind="none", why=_why(found, virtual, settings)), requirements="")
    lock = _kind(found, pip)
    comments = (
        f"{plan.framework} {plan.version} ({plan.cuda}) on Python {plan.python}",
        f"Plan {plan.hash[:12]}, compatibility data of {plan.data_date}, lock: {lock.kind}.",
        f"Solved for {told(virtual)}",
        f"platform: {asked.platform(plan)}",
    )
    return Locked(lock=lock, requirements="", conda_lock=explicit(found, comments), download=_bytes(found))


def told(virtual: tuple[Virtual, ...]) -> str:
    """`__cuda=12.4, __glibc=2.28 (assumed)`."""
    return ", ".join(each.text + (" (assumed)" if each.assumed else "") for each in virtual)


def _bytes(packages: tuple[Package, ...]) -> int:
    return sum(package.size or 0 for package in packages)


def _kind(packages: tuple[Package, ...], pip: bool) -> Lock:
    if pip:
        return Lock(kind="versions", why=_PIP)
    if any(package.sha256 is None and package.md5 is None for package in packages):
        return Lock(kind="versions", why="a channel gives no hashes")
    return Lock(kind="hashes", why="")


def _why(failed: CondaFailed, virtual: tuple[Virtual, ...], settings: Settings) -> str:
    """The reason for a missing lock. Raises where there is nothing to go on with."""
    named = ", ".join(channels(settings))
    if failed.kind == "unsolvable":
        raise BuildFailedError(
            f"{named} has no packages for the plan on a machine with {told(virtual)}: {failed.message}",
            todo="ask for another version or fewer extras, or take the wheels: leave --as conda out",
        )
    if failed.kind == "channel" and settings.indexes.channels:
        raise BadInputError(
            f"{named} is no channel: {failed.message}",
            todo="give --channel what holds linux-64/ and noarch/, each with a repodata.json",
        )
    if failed.kind == "disk":
        raise DiskError(
            f"the conda packages cannot be looked up: {failed.message}",
            todo="make space for the cache, or put it elsewhere: RATTLER_CACHE_DIR=DIR",
        )
    if failed.kind == "absent":
        return "py-rattler is not installed: pip install 'envkit[conda]'"
    return f"{named} could not be asked ({failed.message}); {_later(failed.message)}"


def _later(message: str) -> str:
    if "certificate" in message.lower():
        return "a network that opens TLS has a certificate of its own: --ca-cert FILE"
    if "(401 " in message or "(403 " in message:
        return "it wants a login: https://USER:PASSWORD@HOST/..., or RATTLER_AUTH_FILE=FILE"
    return LATER
