"""Rows of files as people write them: what is read, what is rejected with which reason, what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nightjar.errors import OutputFileError, RejectedRowsError, RowsFileError, ScoringError
from nightjar.registry import Predictor, Signature
from nightjar.scoring.files import FileTarget, blocks, score_file
from nightjar.scoring.files.recommend import recommended_rows
from nightjar.usecases import Kind
from nightjar.usecases.declaration import Target
from nightjar.usecases.fields import Key
from nightjar.usecases.items import Items
from tests.file_builders import GOOD, HEADER, SHOP, Files, small_predictor
from tests.night_builders import shop_use_case
from tests.serving_builders import MIXED, fitted, record_of

NOT_A_DATE = "not a date: write 2017-12-31 or 2017-12-31 23:59:59"
NOT_CLOSED = "a quote is not closed on its line; line breaks inside quotes are not read"


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return small_predictor()


@pytest.fixture
def files(tmp_path: Path, predictor: Predictor) -> Files:
    return Files(tmp_path, predictor)


def predictions(files: Files) -> dict[str, str]:
    return {row["customer_id"]: row["prediction"] for row in files.scored()}


def test_ways_to_write_the_same_file_score_the_same(files: Files, tmp_path: Path, predictor: Predictor) -> None:
    expected = predictions(files.write(f"1,{GOOD}", "2,south,,2017-12-02,no,large"))
    assert list(expected) == ["1", "2"]

    again = Files(tmp_path, predictor)
    for content in (
        f"\ufeff{HEADER}\r\n1,{GOOD}\r\n\r\n2,south,,2017-12-02,no,large",
        '"customer_id","region","spend","since","card","size"\n"1","north","12.5","2017-12-01","true","small"\n'
        '"2","south","","2017-12-02","no","large"\n\n',
        "note,size,card,since,spend,region,customer_id\n"
        '"a, ""b""",small,TRUE,2017-12-01 00:00:00, 1.25e1 ,north,1\nö,large,F,2017-12-02T00:00,,south, 2 \n',
    ):
        again.rows.write_bytes(content.encode())
        assert predictions(again) == expected


def test_empty_fields_and_unseen_categories_are_missing_values(files: Files) -> None:
    scored = predictions(files.write("1,,12.5,2017-12-01,true,small", "2,nowhere,12.5,2017-12-01,true,small",
                                     "3,north,,,,", f"4,{GOOD}"))  # fmt: skip
    assert scored["1"] == scored["2"] != scored["4"]
    assert files.rejected() == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("7,north,abc,2017-12-01,true,small", "spend is 'abc', not a number"),
        ('7,north,"1,5",2017-12-01,true,small', "spend is '1,5': write numbers with a decimal point, as 1.5"),
        ("7,north,1_000,2017-12-01,true,small", "spend is '1_000', not a number"),
        ("7,north,-Infinity,2017-12-01,true,small", "feature spend is infinite"),
        ("7,north,1e999,2017-12-01,true,small", "feature spend is infinite"),
        ("7,north,1,2017-02-29,true,small", "since is '2017-02-29', " + NOT_A_DATE),
        ("7,north,1,01.12.2017,true,small", "since is '01.12.2017', " + NOT_A_DATE),
        ("7,north,1,2017-12-01,maybe,small", "card is 'maybe', not true or false"),
        (",north,1,2017-12-01,true,small", "customer_id is empty"),
        ("7.0,north,1,2017-12-01,true,small", "customer_id is '7.0', not of the declared type integer"),
        ("0x10,north,1,2017-12-01,true,small", "customer_id is '0x10', not of the declared type integer"),
        ("2147483648,north,1,,,", "customer_id is '2147483648', beyond the declared type integer"),
        ("1,north,1,2017-12-01,true,small", "customer_id 1 was on an earlier line"),
        ("7,north", "2 fields instead of 6"),
        ("7,north,1,2017-12-01,true,small,8", "7 fields instead of 6"),
        ('7,"north,1,2017-12-01,true,small', NOT_CLOSED),
        ("7,north,1,2017-12-01,true,sm\rall", "a carriage return or a NUL inside the line"),
        ('7,"n"o","rth,1,2017-12-01,true,small', "3 fields instead of 6"),
    ],
)  # fmt: skip
def test_row_that_cannot_be_scored_is_set_aside_and_the_others_are_scored(files: Files, line: str, reason: str) -> None:
    files.write(f"1,{GOOD}", line, f"2,{GOOD}", "", f"3,{GOOD}")

    assert files.rejected() == [(3, reason, line)]
    assert [row["customer_id"] for row in files.scored()] == ["1", "2", "3"]


def test_declared_classes_are_named(tmp_path: Path) -> None:
    classes = ("no", "maybe", "yes")
    use_case = shop_use_case(target=Target(column="left_us", horizon_days=3, classes=classes))
    record = replace(
        record_of(Kind.CLASSIFICATION, "logistic_regression"), use_case=use_case.name,
        signature=Signature(MIXED, "text", classes),
    )  # fmt: skip
    predictor = Predictor(record, fitted(Kind.CLASSIFICATION, "logistic_regression", classes=len(classes)))
    files = Files(tmp_path, predictor, use_case).write(*(f"{number},,{100 * number},,," for number in range(-4, 5)))

    scored = files.scored()

    assert list(scored[0]) == ["customer_id", "class_id", "predicted", "probability"]
    assert [row["predicted"] for row in scored] == [classes[int(row["class_id"])] for row in scored]
    assert len({row["predicted"] for row in scored}) > 1


def test_keys_of_several_columns_and_types_stay_as_they_are(tmp_path: Path, predictor: Predictor) -> None:
    use_case = shop_use_case(SHOP.kind, entity=(Key(name="shop", type="text"), Key(name="person", type="uuid")))
    first, second = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A12"
    header = HEADER.replace("customer_id", "shop,person")
    files = Files(tmp_path, predictor, use_case).write(
        f'"Nord, Ost",{first},{GOOD}', f"süd,{second},{GOOD}", f"süd,{first},{GOOD}", f"süd,{second.lower()},{GOOD}",
        f"süd,7,{GOOD}", header=header,
    )  # fmt: skip

    scored = [(row["shop"], row["person"]) for row in files.scored()]

    assert scored == [("Nord, Ost", first), ("süd", second.lower()), ("süd", first)]
    assert [(line, reason) for line, reason, _ in files.rejected()] == [
        (5, f"shop süd, person {second.lower()} was on an earlier line"),
        (6, "person is '7', not of the declared type uuid"),
    ]


def test_best_items_are_ranked_by_score_then_key_whatever_the_keys_are() -> None:
    item = Key(name="item", type="text")
    use_case = shop_use_case(
        Kind.RECOMMENDER, entity=(Key(name="shop", type="text"), Key(name="person")),
        items=Items(key=item, label="label", top=2),
    )  # fmt: skip
    pairs = [("b", 1, "y", 0.5), ("b", 1, "x", 0.5), ("b", 1, "z", 0.4), ("a", 2, "x", 0.1), ("a", 1, "z", 0.9)]
    shop, person, items, probability = zip(*pairs, strict=True)

    best = recommended_rows(
        use_case,
        {
            "shop": np.array(shop, dtype=object),
            "person": np.array(person),
            "item": np.array(items, dtype=object),
            "probability": np.array(probability),
        },
    )

    assert list(zip(*best.values(), strict=True)) == [
        ("b", 1, "x", 1, 0.5), ("b", 1, "y", 2, 0.5), ("a", 2, "x", 1, 0.1), ("a", 1, "z", 1, 0.9)
    ]  # fmt: skip


def test_bytes_that_are_no_text_are_shown(files: Files) -> None:
    files.write(f"1,{GOOD}", b"2,\xfcber,1,2017-12-01,true,small", f"3,{GOOD}")

    assert files.rejected() == [(3, "not UTF-8", "2,\\xfcber,1,2017-12-01,true,small")]


def test_line_break_inside_quotes_spoils_its_own_lines_only(files: Files) -> None:
    files.write(f"1,{GOOD}", '2,"north', f'south",1,2017-12-01,true,small\n3,{GOOD}')

    assert [(line, row) for line, _, row in files.rejected()] == [
        (3, '2,"north'), (4, 'south",1,2017-12-01,true,small')
    ]  # fmt: skip
    assert [row["customer_id"] for row in files.scored()] == ["1", "3"]


@pytest.mark.parametrize("block_bytes", [1, 37, 100, 1000])
def test_nothing_depends_on_the_blocks(files: Files, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    lines = [f"{number % 17},north,{number}{'' if number % 5 else 'x'},2017-12-01,true,small" for number in range(40)]
    files.write(*lines, line_break=b"\r\n")
    rejected, scored = files.rejected(), files.scored()
    assert len(rejected) == 23
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)

    assert files.rejected() == rejected
    assert [row["customer_id"] for row in files.scored()] == [row["customer_id"] for row in scored]


def test_too_many_rejects_leave_what_was_there_and_tell_the_first(files: Files) -> None:
    files.write(f"1,{GOOD}")
    files.score()
    before = files.scores.read_bytes()
    files.write(f"1,{GOOD}", '2,north,"1,5",,,', "3,north,x,,,", f"4,{GOOD}")

    with pytest.raises(
        RejectedRowsError,
        match=r"2 of 4 rows of rows\.csv are rejected, 40\.0% are allowed; the first is line 3: spend is '1,5'.* "
        r"All are in .*rejects\.csv\. Nothing else was written",
    ):
        files.score(maximum_rejected=0.4)

    assert files.scores.read_bytes() == before
    assert sorted(path.name for path in files.rows.parent.iterdir()) == ["rejects.csv", "rows.csv", "scores.csv"]
    assert files.score(maximum_rejected=0.5).as_json() == {
        "model": "made_up@1", "read": 4, "rejected": 2, "written": 2
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "rows.csv is empty"),
        (b"\n1,2\n", "begins with an empty line"),
        (HEADER.encode() + b"\n", "has a header and no rows"),
        (HEADER.encode(), "has a header and no rows"),
        (HEADER.encode("utf-16"), "is not a CSV file in UTF-8"),
        (b"customer_id;region;spend;since;card;size\n", "columns seem to be separated by ';': write it with commas"),
        (b"customer_id,region,Spend,since,card\n1", r"lacks spend, size\. It has spend"),
        (b"customer_id,region,spend,since,card,size,spend\n1", "has spend more than once"),
        (b'customer_id,"region\n', "is no header of a CSV file"),
    ],
)
def test_file_that_cannot_be_scored_at_all_is_refused(files: Files, content: bytes, message: str) -> None:
    files.rows.write_bytes(content)

    with pytest.raises(RowsFileError, match=message):
        files.score()

    assert [path.name for path in files.rows.parent.iterdir()] == ["rows.csv"]


def test_files_that_cannot_be_read_or_written_are_refused(files: Files, tmp_path: Path, predictor: Predictor) -> None:
    with pytest.raises(RowsFileError, match=r"rows\.csv cannot be read \(No such file"):
        files.score()
    files.write(f"1,{GOOD}")
    for target in (tmp_path / "nowhere" / "scores.csv", tmp_path):
        with pytest.raises(OutputFileError, match="cannot be written"):
            score_file(SHOP, predictor, files.rows, FileTarget(target))
    with pytest.raises(OutputFileError, match="is named twice"):
        score_file(SHOP, predictor, files.rows, FileTarget(files.rows))
    with pytest.raises(ScoringError, match=r"made_up@1 is a model of shop_regression, not of other\."):
        score_file(shop_use_case(SHOP.kind, name="other"), predictor, files.rows, FileTarget(files.scores))
    assert files.rows.read_text() == f"{HEADER}\n1,{GOOD}\n"
