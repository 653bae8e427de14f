"""Pictures of comparisons: what they show, in which files, and what is refused."""

from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from nightjar.errors import PictureFileError, PictureFormatError
from nightjar.snapshots.diff import Diff, Retyped
from nightjar.snapshots.diff_picture import SHOWN_COLUMNS, draw
from nightjar.snapshots.diff_rows import Rows
from nightjar.snapshots.distribution import Shift, Side
from nightjar.snapshots.names import SnapshotName
from nightjar.snapshots.records import Column

ROWS = Rows(2469, 2471, added=14, removed=12, changed=1803, unchanged=654)
SHIFTS = (
    Shift("visits", "integer", 0.03, Side(0.0, 40), Side(0.0, 41)),
    Shift("cost $x^2$ & <y>", "numeric", 1.4, Side(0.1, 900), Side(0.35, 700)),
    Shift("a_feature_with_a_name_that_is_far_too_long_90d", "text", 0.2, Side(0.0, 3), Side(0.0, 3)),
    Shift("Größe", "text", 0.0, Side(0.67, 3), Side(0.67, 3)),
    Shift("steady", "text", 0.0004, Side(0.0, 3), Side(0.0, 3)),
)


def difference(shifts: tuple[Shift, ...] = SHIFTS, rows: Rows = ROWS, name: str = "churn") -> Diff:
    left, right = SnapshotName.parse(f"{name}@1.0.0"), SnapshotName.parse(f"{name}@1.1.0")
    return Diff(left, right, (), (), (), (), rows, {}, shifts)


def texts(path: Path) -> list[str]:
    """Return the texts of an SVG in their order."""
    found = ["".join(element.itertext()).strip() for element in ET.parse(path).iter() if element.tag.endswith("}text")]
    return [text for text in found if text]


def test_columns_are_sorted_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "shift.svg"
    draw(difference(), path)
    shown = texts(path)

    names = ["cost $x^2$ & <y>", "a_feature_with_a_nam…ong_90d", "visits", "steady", "Größe"]
    assert [text for text in shown if text in names] == names
    assert [text for text in shown if text in {"1.400", "0.200", "0.030", "< 0.001"}] == [
        "1.400",
        "0.200",
        "0.030",
        "< 0.001",
    ]
    assert "churn@1.0.0  →  churn@1.1.0" in shown
    assert "2,469 → 2,471 rows: 14 added, 12 removed, 1,803 changed, 654 unchanged" in shown
    assert {"no shift < 0.1", "some 0.1 to 0.25", "large > 0.25", "churn@1.0.0", "churn@1.1.0"} <= set(shown)
    assert "population stability index (PSI); bars are cut at 1" in shown


def test_changed_columns_are_told(tmp_path: Path) -> None:
    path = tmp_path / "columns.svg"
    name = SnapshotName.parse("a@1.0.0")
    rows = Rows(1, 1, 0, 0, changed=None, unchanged=1)
    draw(Diff(name, name, (), (Column("b", "text"),), (), (Retyped("c", "x", "y"),), rows, {}, SHIFTS[:1]), path)

    assert "1 → 1 rows: 0 added, 0 removed, 1 unchanged.  Columns: 1 added, 1 retyped" in texts(path)
    assert "no NULLs on either side" in texts(path)


def test_many_columns_are_cut_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "many.svg"
    many = tuple(Shift(f"f{i}", "integer", i / 300, Side(0.0, 1), Side(0.5, 1)) for i in range(100))
    draw(difference(many), path)
    shown = texts(path)

    assert [text for text in shown if text.startswith("f")] == [f"f{i}" for i in range(99, 99 - SHOWN_COLUMNS, -1)]
    assert "The 30 columns that shifted most, of 100." in shown


@pytest.mark.parametrize(
    ("shifts", "rows", "reason"),
    [
        ((), ROWS, "The snapshots have no column in common."),
        (
            (Shift("a", "text", None, Side(None, 0), Side(0.0, 1)),),
            Rows(0, 5, 5, 0, 0, 0),
            "churn@1.0.0 has no rows: nothing to compare.",
        ),
        (
            (Shift("a", "text", None, Side(0.0, 1), Side(None, 0)),),
            Rows(5, 0, 0, 5, 0, 0),
            "churn@1.1.0 has no rows: nothing to compare.",
        ),
    ],
)
def test_nothing_to_draw_says_so(tmp_path: Path, shifts: tuple[Shift, ...], rows: Rows, reason: str) -> None:
    path = tmp_path / "empty.svg"
    draw(difference(shifts, rows), path)

    assert reason in texts(path)


@pytest.mark.parametrize("name", ["shift.png", "SHIFT.PNG"])
def test_png(tmp_path: Path, name: str) -> None:
    draw(difference(), tmp_path / name)

    assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("error")
def test_names_that_the_font_lacks_and_long_ones(tmp_path: Path) -> None:
    odd = Shift("商品\nname", "text", 0.5, Side(0.0, 1), Side(0.0, 1))

    draw(difference((odd,), name="n" * 40), tmp_path / "odd.png")
    draw(difference((odd,), name="n" * 40), tmp_path / "odd.svg")

    assert "商品 name" in texts(tmp_path / "odd.svg")


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_comparison_gives_the_same_file_and_leaves_settings_alone(tmp_path: Path, suffix: str) -> None:
    before = dict(mpl.rcParams)

    draw(difference(), tmp_path / f"a{suffix}")
    draw(difference(), tmp_path / f"b{suffix}")

    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", ["shift.pdf", "shift", "shift.svg.gz", ".png"])
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureFormatError, match=r"does not end in .png or .svg"):
        draw(difference(), tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()

    with pytest.raises(PictureFileError, match=r"missing/a.png' cannot be written: No such file or directory"):
        draw(difference(), tmp_path / "missing" / "a.png")
    with pytest.raises(PictureFileError, match=r"folder.png' cannot be written: Is a directory"):
        draw(difference(), tmp_path / "folder.png")
