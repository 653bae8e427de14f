"""Run by the environment of the rivals: lists of 20 items by implicit's ALS and BM25 item neighbours."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender
from scipy.sparse import load_npz

MODELS: dict[str, Any] = {
    "implicit ALS (64 factors)": lambda: AlternatingLeastSquares(factors=64, random_state=0),
    "implicit BM25 neighbours": lambda: BM25Recommender(K=100),
}


def main() -> None:
    """Read <day>.npz of a folder, and write <day>.json: by model the items of all users, and seconds."""
    for path in sorted(Path(sys.argv[1]).glob("*.npz")):
        taken: Any = load_npz(path).tocsr()
        users = np.arange(taken.shape[0])
        found = {}
        for name, make in MODELS.items():
            started = time.perf_counter()
            model = make()
            model.fit(taken, show_progress=False)
            fitted = time.perf_counter()
            lists = {
                task: np.where(scores > 0, items, -1).tolist()
                for task, had in (("all items", False), ("new items", True))
                for items, scores in [model.recommend(users, taken, N=20, filter_already_liked_items=had)]
            }
            recommended = (time.perf_counter() - fitted) / len(lists)
            found[name] = {"lists": lists, "fit": fitted - started, "recommend": recommended}
        path.with_suffix(".json").write_text(json.dumps(found))


main()
