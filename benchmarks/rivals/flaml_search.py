"""Run by the environment of the rivals: fits FLAML's AutoML on stored arrays and stores its output on test rows."""

import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from flaml import AutoML


def main() -> None:
    """Fit on the arrays of a folder, as its request.json says."""
    folder = Path(sys.argv[1])
    request = json.loads((folder / "request.json").read_text())
    # As frames: of bare arrays with missing values some of its estimators make an error.
    train, test = (pd.DataFrame(np.load(folder / f"{name}.npy")).add_prefix("x") for name in ("train", "test"))
    target = np.load(folder / "target.npy")
    warnings.simplefilter("ignore")
    # Its worker processes warn as well.
    os.environ["PYTHONWARNINGS"] = "ignore"
    automl = AutoML()
    automl.fit(
        train,
        target,
        task=request["task"],
        metric=request["metric"],
        time_budget=request["seconds"],
        seed=request["seed"],
        verbose=0,
    )
    output = automl.predict_proba(test) if request["task"] == "classification" else automl.predict(test)
    np.save(folder / "output.npy", output)
    print(automl.best_estimator)


main()
