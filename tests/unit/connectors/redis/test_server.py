"""How a Redis server is called."""

import pytest

import wallarood as w


@pytest.mark.parametrize("password", ["xyz/ss", "1/ss", "xyz?ss", "1?ss", "xyz#ss"])
def test_a_password_in_a_url_is_not_taken_for_the_host(password: str) -> None:
    with pytest.raises(w.ApplicationError, match="written as %2F") as caught:
        w.RedisSink(f"redis://me:{password}@host/0", "x")
    assert "xyz" not in caught.value.message
    assert "ss@" not in caught.value.message
