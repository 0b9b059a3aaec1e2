import pytest

from envkit.compat import Compat, load_compat


@pytest.fixture(scope="session")
def compat() -> Compat:
    return load_compat()
