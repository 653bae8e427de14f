"""Entry of the command `nightjar`: exit 0 when it did what it says, 1 for a refusal, 2 for wrong usage."""

import signal
import sys

import typer

from nightjar.cli import campaign, database_commands, demo, keys, model, predictions, snapshot, tenants
from nightjar.cli.evaluate import evaluate
from nightjar.cli.failures import ENDED_BY_DATABASE, explain
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
app.add_typer(campaign.app, name="campaign")
app.add_typer(tenants.app, name="tenants")
app.add_typer(demo.app, name="demo")
app.command()(train)
app.command()(evaluate)
app.command()(score)
app.command()(score_file)


def main() -> None:
    """Run the command line; a refusal becomes one line on stderr."""
    # Whoever ends it politely has what it does undone as Ctrl-C has.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except NightjarError as error:
        _refuse(str(error))
    except ENDED_BY_DATABASE as error:
        _refuse(explain(error))
    except UnicodeEncodeError:
        _refuse("A value holds bytes that are not UTF-8 text: correct it.")
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            _refuse("Interrupted; what was not finished was rolled back.")
        raise


def _refuse(message: str) -> None:
    print(f"nightjar: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(1)
