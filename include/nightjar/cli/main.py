"""Entry of the command `nightjar`: exit 0 when it did what it says, 1 for a refusal, 2 for wrong usage."""

import sys

import psycopg
import typer

from nightjar.cli import database_commands, demo, keys, model, predictions, snapshot
from nightjar.cli.score import score
from nightjar.cli.score_file import score_file
from nightjar.cli.train import train
from nightjar.errors import NightjarError

# What the library makes of a KeyboardInterrupt, without a word.
_INTERRUPTED = 130

app = typer.Typer(
    help="Nightly batch prediction next to the data, on Apache Airflow and Postgres.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(database_commands.app, name="db")
app.add_typer(snapshot.app, name="snapshot")
app.add_typer(model.app, name="model")
app.add_typer(keys.app, name="keys")
app.add_typer(predictions.app, name="predictions")
app.add_typer(demo.app, name="demo")
app.command()(train)
app.command()(score)
app.command()(score_file)


def main() -> None:
    """Run the command line; a refusal becomes one line on stderr."""
    try:
        app()
    except NightjarError as error:
        _refuse(str(error))
    except psycopg.errors.UndefinedTable as error:
        _refuse(f"The database lacks the catalog ({str(error).splitlines()[0]}): run 'nightjar db upgrade' on it.")
    except UnicodeEncodeError:
        _refuse("A value holds bytes that are not UTF-8 text: correct it.")
    except psycopg.OperationalError as error:
        _refuse(f"The database connection was lost ({str(error).splitlines()[0]}): run the command again.")
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            _refuse("Interrupted; what was not finished was rolled back.")
        raise


def _refuse(message: str) -> None:
    print(f"nightjar: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(1)
