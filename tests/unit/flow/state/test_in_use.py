"""Each key is taken in once, when it is first used."""

from wallarood.flow.state.in_use import InUse


def test_a_key_is_taken_in_when_it_is_first_used_and_again_after_a_capture() -> None:
    taken: list[int] = []

    def take_in(key: int) -> str:
        taken.append(key)
        return str(key)

    in_use = InUse(take_in)
    assert [in_use[1], in_use[1], in_use[2]] == ["1", "1", "2"]
    assert taken == [1, 2]
    in_use.clear()
    assert in_use[1] == "1"
    assert taken == [1, 2, 1]
