"""Explanations of models as text, JSON and pictures."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from nightjar.errors import PictureFileError, PictureFormatError
from nightjar.registry import Decision, Signature, Trial
from nightjar.registry.explanation import Explanation, draw
from nightjar.registry.explanation.text import bars, figure, measured, table
from nightjar.training.estimators import ESTIMATORS
from nightjar.training.inspection import inspect_model
from nightjar.usecases import Kind
from tests.inspection_builders import (
    CLASSES,
    COLUMNS,
    DRIVER,
    ODD,
    fitted,
    inspected,
    made_rows,
    record_of,
    use_case_of,
)

# A recommender has the estimators of a classification.
EVERY_ESTIMATOR = [
    *((kind, key) for kind in Kind if kind is not Kind.RECOMMENDER for key in ESTIMATORS[kind]),
    (Kind.RECOMMENDER, "hist_gradient_boosting_classifier"),
]
ONE_OF_EACH = [
    (Kind.CLASSIFICATION, "logistic_regression"),
    (Kind.RECOMMENDER, "hist_gradient_boosting_classifier"),
    (Kind.REGRESSION, "random_forest_regressor"),
    (Kind.SEGMENTATION, "k_means"),
]
TRIALS = (
    Trial("hist_gradient_boosting_classifier", {f"parameter_{n}": 0.123456 for n in range(9)}, "roc_auc", 0.9012345,
          1.5, spread=0.0123, folds=3, rows=900),
    *(Trial("logistic_regression", {"C": 0.5}, "roc_auc", 0.9 - n / 100, 0.1) for n in range(6)),
    Trial("ridge", {}, "roc_auc", None, 0.0, "it does not classify"),
)  # fmt: skip
DECISIONS = (Decision("made_up@2", "roc_auc", 0.9, 0.89, -0.001, 0.02, False, ("The gain is not certain.",)),)


def text_of(kind: Kind, key: str, **changes: Any) -> str:
    record = record_of(kind, key, inspected(kind, key), created_at=datetime(2017, 12, 2), owner="kim", **changes)
    return Explanation(record, TRIALS, DECISIONS).as_text()


def texts(path: Path) -> set[str]:
    """Return the texts of an SVG."""
    return {"".join(e.itertext()).strip() for e in ET.parse(path).iter() if e.tag.endswith("}text")}


def several_classes() -> Any:
    signature = Signature(COLUMNS, "probability", CLASSES)
    train, test = made_rows(Kind.CLASSIFICATION, classes=3), made_rows(Kind.CLASSIFICATION, 300, 1, classes=3)
    use_case = use_case_of(Kind.CLASSIFICATION, CLASSES, metric="accuracy")
    details = inspect_model(use_case, fitted(Kind.CLASSIFICATION, "logistic_regression", train), signature, train, test)
    return record_of(Kind.CLASSIFICATION, "logistic_regression", details, signature=signature)


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_every_line_fits_and_every_model_has_its_sections(kind: Kind, key: str) -> None:
    text = text_of(kind, key, aliases=("champion",))
    titles = [line for line in text.splitlines() if line and not line.startswith((" ", "═"))]

    assert max(map(len, text.splitlines())) <= 100
    assert titles[0] == f"made_up@3 · {kind} · {key} · champion"
    assert titles[1:5] == ["What it is", "How it was chosen", "How good it is", "What matters"]
    assert titles[-2:] == ["Alerts", "What the gates said"]
    assert ("Its trees" in titles) == ("trees" in inspected(kind, key))


def test_the_text_tells_the_story_of_a_model() -> None:
    text = text_of(Kind.CLASSIFICATION, "logistic_regression")

    assert "12,345 rows of made_up_20171201_train@1.0.0, as of 2017-12-01; 7 rows left out" in text
    assert "in dev by kim on 2017-12-02" in text
    assert "The best of 8 candidates by roc_auc, mean ± deviation over validation sets; 1 could not be fitted." in text
    assert "1  hist_gradient_boosting_classifier  0.901 ± 0.012     3   900  parameter_0 0.1235" in text
    assert "6  logistic_regression" not in text
    assert "By how much roc_auc gets worse while a feature is shuffled, on 300 test rows." in text
    assert ODD in text
    assert "fit warning: it did not converge" in text
    assert "refused: roc_auc 0.9 against made_up@2 with 0.89, gain -0.001 to 0.02" in text
    assert "- The gain is not certain." in text


def test_the_driving_feature_has_the_longest_bar() -> None:
    lines = text_of(Kind.REGRESSION, "ridge").splitlines()
    lengths = {line.split()[0]: line.count("█") for line in lines[lines.index("What matters") + 2 :] if "±" in line}

    assert lengths[DRIVER] == 32
    assert lengths["noise"] == 0


def test_segments_are_told_with_dates_and_shares() -> None:
    text = text_of(Kind.SEGMENTATION, "k_means")

    assert "% of the rows" in text
    assert "Medians and shares; in brackets by how many standard deviations they are off the whole." in text


@pytest.mark.parametrize(("kind", "key"), ONE_OF_EACH)
def test_a_model_without_inspection_is_explained_by_what_there_is(kind: Kind, key: str, tmp_path: Path) -> None:
    record = record_of(kind, key, {}, test_scores={}, training_scores={})
    text = Explanation(record, (), ()).as_text()
    draw(record, tmp_path / "bare.svg")

    assert "It carries no inspection" in text
    assert "How it was chosen" not in text
    assert "made_up@3 carries no inspection." in texts(tmp_path / "bare.svg")


def test_the_json_form_holds_everything() -> None:
    kind, key = ONE_OF_EACH[0]
    found = Explanation(record_of(kind, key, inspected(kind, key)), TRIALS, DECISIONS).as_json()

    assert json.loads(json.dumps(found)).keys() == found.keys()
    assert (found["model"], found["trained"]["rows"], found["trials"]) == ("made_up@3", 12345, 8)
    assert [trial["score"] for trial in found["leaderboard"]] == [trial.score for trial in TRIALS[:5]]
    assert found["details"] == inspected(kind, key)
    assert found["decisions"][0]["champion"] == "made_up@2"


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, "-"), (0.0, "0"), (0.123456, "0.1235"), (1234.5, "1,234"), (-98765.4, "-98,765"), (1e300, "1e+300")],
)
def test_numbers_are_short(value: float | None, written: str) -> None:
    assert figure(value) == written


def test_a_deviation_says_how_many_digits_count() -> None:
    assert measured(0.91234, 0.0123) == "0.912 ± 0.012"
    assert measured(1961.2, 79.8) == "1,961 ± 80"
    assert measured(1e300, 5.0) == "1e+300 ± 5"
    assert measured(0.25, 1e-17) == "0.25 ± 1e-17"
    assert measured(0.5, None) == measured(0.5, 0.0) == "0.5"


def test_no_bar_and_no_table_of_nothing() -> None:
    assert bars([]) == table(["a", "b"], []) == []
    assert bars([("x", None, "-"), ("y", -1.0, "-1")]) == [f"x  {'':32}  -", f"y  {'':32}  -1"]


@pytest.mark.parametrize(
    ("kind", "key", "titles"),
    [
        (*ONE_OF_EACH[0], {"Do its probabilities hold?", "What do its likeliest rows bring?"}),
        (*ONE_OF_EACH[1], {"Do its probabilities hold?", "How soon does it hit?"}),
        (*ONE_OF_EACH[2], {"Where is it off?"}),
        (*ONE_OF_EACH[3], {"What are its segments like?", "What sets each segment apart?"}),
    ],
)
def test_each_kind_has_its_panels(kind: Kind, key: str, titles: set[str], tmp_path: Path) -> None:
    record = record_of(kind, key, inspected(kind, key))
    draw(record, tmp_path / "model.svg")
    draw(record, tmp_path / "MODEL.PNG")
    shown = texts(tmp_path / "model.svg")

    assert {"made_up@3", "What matters?", ODD} | titles <= shown
    assert (tmp_path / "MODEL.PNG").read_bytes().startswith(b"\x89PNG")


def test_several_classes_have_a_map_of_what_is_taken_for_what(tmp_path: Path) -> None:
    record = several_classes()
    draw(record, tmp_path / "classes.svg")
    text = Explanation(record, (), ()).as_text()

    assert {"What does it take for what?", *CLASSES} <= texts(tmp_path / "classes.svg")
    assert "What it takes for what" in text
    assert f"returns     {', '.join(CLASSES)}" in text


def test_the_same_model_gives_the_same_file(tmp_path: Path) -> None:
    kind, key = ONE_OF_EACH[1]
    for name in ("one.svg", "two.svg"):
        draw(record_of(kind, key, inspected(kind, key)), tmp_path / name)

    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert mpl.rcParams["svg.hashsalt"] is None


@pytest.mark.parametrize("name", ["model.pdf", "model", "svg"])
def test_another_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PictureFormatError, match=r"does not end in \.png or \.svg: name the picture so"):
        draw(record_of(*ONE_OF_EACH[0], {}), tmp_path / name)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureFileError, match="cannot be written: No such file or directory"):
        draw(record_of(*ONE_OF_EACH[0], {}), tmp_path / "nowhere" / "model.svg")


def test_huge_and_missing_numbers_are_shown(tmp_path: Path) -> None:
    kind, key = ONE_OF_EACH[2]
    details = json.loads(json.dumps(inspected(kind, key)))
    details["residuals"]["deciles"][9] |= {"mean_predicted": 1e200, "mean_actual": 1e199, "mean_absolute_error": 9e199}
    details["importances"]["features"][-1] |= {"importance": None, "deviation": None}
    record = replace(record_of(kind, key, details), test_scores={"mean_absolute_error": 1e300})
    draw(record, tmp_path / "huge.png")

    assert "1e+300" in Explanation(record, (), ()).as_text()
