"""How a database is named and addressed: without its password in anything that is shown."""

import pytest
from sqlalchemy.engine import make_url

from nightjar.errors import ConfigurationError, DatabaseUnavailableError
from nightjar.storage import Database, Role

SECRET = "open sesame".replace(" ", "%20")
DATABASE = Database("dev", f"postgresql://ada:{SECRET}@db.example.com:6543/nightjar?sslmode=verify-full")


def test_the_password_is_in_no_repr_and_no_address() -> None:
    url = DATABASE.sqlalchemy_url(Role.OWNER)

    for shown in (repr(DATABASE), str(DATABASE), DATABASE.address, repr(url), str(url)):
        assert "sesame" not in shown
    assert DATABASE.address == "db.example.com:6543/nightjar"


def test_the_sqlalchemy_url_keeps_what_the_url_asks_for_and_takes_the_role() -> None:
    url = DATABASE.sqlalchemy_url(Role.OWNER)

    assert (url.username, url.password, url.database) == ("ada", "open sesame", "nightjar")
    assert dict(url.query) == {
        "host": "db.example.com",
        "port": "6543",
        "sslmode": "verify-full",
        "options": "-c role=nightjar_owner",
    }
    assert make_url(url.render_as_string(hide_password=False)) == url


def test_options_of_the_url_stay_beside_the_role() -> None:
    database = Database("dev", "postgresql://db/nightjar?options=-c%20statement_timeout%3D5s")

    assert database.sqlalchemy_url(Role.SCORER).query["options"] == "-c statement_timeout=5s -c role=nightjar_scorer"


def test_another_database_of_the_server_keeps_everything_else() -> None:
    other = DATABASE.with_database("staging")

    assert (other.name, other.address) == ("dev", "db.example.com:6543/staging")
    assert other.sqlalchemy_url(Role.OWNER).password == "open sesame"


@pytest.mark.parametrize(
    "url", ["nonsense", "postgresql://ada:open sesame@db/x", "postgresql://ada:sesame@db/x?colour=red"]
)
def test_a_malformed_url_is_refused_without_its_text(url: str) -> None:
    with (
        pytest.raises(ConfigurationError, match="URL of the dev database is malformed") as caught,
        Database("dev", url).connect(),
    ):
        pass
    assert "sesame" not in str(caught.value)


def test_a_server_that_does_not_answer_is_refused_with_its_address() -> None:
    database = Database("prod", f"postgresql://ada:{SECRET}@127.0.0.1:1/nightjar")

    with (
        pytest.raises(
            DatabaseUnavailableError, match=r"prod database at 127.0.0.1:1/nightjar does not answer"
        ) as caught,
        database.connect(Role.OWNER),
    ):
        pass
    assert "sesame" not in str(caught.value)
