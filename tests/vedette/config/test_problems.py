"""How a problem of a configuration is put into words."""

import pytest
from pydantic import ValidationError

from vedette.config.config import Config
from vedette.config.problems import KeyPath, Problem, dotted, explain


def problems_of(data: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(data)
    return [str(problem) for problem in explain(caught.value, data)]


@pytest.mark.parametrize(
    ("key", "text"),
    [((), ""), (("site",), "site"), (("cameras", "gate", "privacy", 0, 1), "cameras.gate.privacy[0][1]")],
)
def test_a_key_is_written_as_a_person_writes_it(key: KeyPath, text: str) -> None:
    assert dotted(key) == text


def test_a_problem_of_the_whole_file_has_no_key() -> None:
    assert str(Problem((), "is empty")) == "is empty"
    assert str(Problem(("site",), "is bad")) == "site: is bad"


def test_an_unknown_key_lists_the_known_ones_of_its_place() -> None:
    data = {"pipelines": {"people": {"stages": [{"model": "m", "konfidence": 0.5}]}}}
    expected = "unknown key, did you mean confidence? (known: model, on, as, labels, confidence)"
    assert problems_of(data) == [f"pipelines.people.stages[0].konfidence: {expected}"]


def test_an_unknown_key_at_the_top_is_compared_with_the_services_settings() -> None:
    assert problems_of({"camera": {}})[0].startswith("camera: unknown key, did you mean cameras? (known: site, nats,")


def test_branches_of_a_union_are_no_part_of_the_key() -> None:
    assert problems_of({"nats": {"url": 5}}) == ["nats.url: must be text (put it in quotes)"]


def test_what_only_follows_from_a_deeper_problem_is_left_out() -> None:
    data = {"cameras": {"gate": {"url": "a.mp4", "pipeline": ["ok", "NOT OK"]}}}
    assert len(problems_of(data)) == 1
    assert problems_of(data)[0].startswith("cameras.gate.pipeline[1]: must be an id")


def test_an_index_beyond_a_list_does_not_break_the_explanation() -> None:
    data = {"cameras": {"gate": {"url": "a.mp4", "pipeline": "p", "privacy": [[[0.1, 0.2]]]}}}
    assert any(text.startswith("cameras.gate.privacy[0]: ") for text in problems_of(data))


def test_a_bad_key_of_a_mapping_is_named() -> None:
    assert problems_of({"pipelines": {"A B": {"stages": [{"model": "m"}]}}})[0].startswith(
        "pipelines.A B: must be an id"
    )


def test_a_key_of_a_later_version_is_called_so() -> None:
    data = {"pipelines": {"p": {"stages": [{"model": "m"}], "delivery": "complete"}}}
    assert problems_of(data) == ["pipelines.p.delivery: is not in this version"]


def test_an_unknown_key_of_a_stage_is_told_by_what_that_kind_of_stage_knows() -> None:
    further = [{"model": "n", "no": "face"}, {"identities": "staff", "on": "face", "model_": "m"}]
    one, other = problems_of({"pipelines": {"p": {"stages": [{"model": "m"}, *further]}}})
    assert one == "pipelines.p.stages[1].no: unknown key (known: model, on, as, labels, confidence)"
    assert other == "pipelines.p.stages[2].model_: unknown key (known: identities, on)"
