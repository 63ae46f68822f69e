"""What an error says about a name that nobody knows."""

from cli.nearest import nearest_names


def test_near_names_are_offered() -> None:
    assert nearest_names("refusl", ["refusal", "laziness"]) == "; did you mean refusal?"


def test_few_names_are_all_told_and_of_many_the_first() -> None:
    assert nearest_names("q", ["one", "two"]) == "; known: one, two"
    many = nearest_names("q", [f"talk-{number:04}" for number in range(1_020)])
    assert many.startswith("; known: talk-0000, talk-0001")
    assert many.endswith("talk-0019 and more")


def test_where_there_is_nothing_it_says_so() -> None:
    assert nearest_names("q", []) == "; there are none yet"
