"""Fitted estimators as bytes: skops format, only types on the list below. Heavy to import, unlike the catalog."""

import io
import re
import threading
import zipfile
from typing import Any

from skops import io as skops_io
from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

from nightjar.errors import ArtifactError
from nightjar.registry.artifacts import damaged
from nightjar.registry.soundness import require_sound_trees

_SCHEMA = "schema.json"
# numpy parses the header of each array, and Python 3.11 before 3.11.8 may fail when two threads parse at a time
# (python/cpython#106905); the threads that score shards all load their model at the same moment.
_ONE_AT_A_TIME = threading.Lock()
# Ids of objects, and the files that hold their content.
_ADDRESS = re.compile(r'(?<="__id__": )\d+|(?<="file": ")[\w-]+(?=\.)')

# Types that skops does not trust by itself and that our own pipelines hold. Checked before anything is built.
TRUSTED_TYPES = frozenset(
    {
        "nightjar.registry.components.CalibratedClassifier",
        "nightjar.registry.components.EmptyColumnFiller",
        "nightjar.registry.components.FeatureSelector",
        "nightjar.registry.components.LogScaler",
        "nightjar.registry.components.PartitionedEstimator",
        "nightjar.registry.components.SkewScaler",
        "nightjar.registry.mixtures.MixtureClusters",
        "numpy.dtype",
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    }
)


def save_estimator(estimator: Any) -> bytes:
    """Return a fitted estimator as bytes; the same fit gives the same bytes.

    Raises:
        ArtifactError: it holds a type that could not be read back.
    """
    try:
        content = _without_addresses(skops_io.dumps(estimator))
    except UnsupportedTypeException as error:
        raise ArtifactError(f"The estimator holds a type that artifacts cannot hold: {error}") from error
    if unknown := _unknown_types(content):
        raise _untrusted(unknown)
    return content


def load_estimator(content: bytes) -> Any:
    """Rebuild an estimator; nothing of it is constructed before its types are checked.

    Raises:
        ArtifactError: an unknown type, damaged bytes, or a tree that would crash the process.
    """
    try:
        with _ONE_AT_A_TIME:
            estimator = skops_io.loads(content, trusted=sorted(TRUSTED_TYPES))
        require_sound_trees(estimator)
    except UntrustedTypesFoundException as error:
        raise _untrusted(_unknown_types(content)) from error
    except ArtifactError:
        raise
    except Exception as error:
        raise damaged("artifact", error) from error
    return estimator


def _without_addresses(content: bytes) -> bytes:
    """Number the parts of an archive, which skops names by their addresses in memory, and undate them."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as numbered:
        schema = source.read(_SCHEMA).decode()
        numbers: dict[str, str] = {}
        for match in _ADDRESS.finditer(schema):
            numbers.setdefault(match[0], str(len(numbers) + 1))
        for name in source.namelist():
            stem, dot, suffix = name.rpartition(".")
            if name != _SCHEMA:
                numbered.writestr(zipfile.ZipInfo(f"{numbers[stem]}{dot}{suffix}"), source.read(name))
        numbered.writestr(zipfile.ZipInfo(_SCHEMA), _ADDRESS.sub(lambda match: numbers[match[0]], schema))
    return target.getvalue()


def _unknown_types(content: bytes) -> set[str]:
    try:
        return set(skops_io.get_untrusted_types(data=content)) - TRUSTED_TYPES
    except Exception as error:
        raise damaged("artifact", error) from error


def _untrusted(types: set[str]) -> ArtifactError:
    return ArtifactError(
        f"The artifact holds types that are not trusted: {', '.join(sorted(types))}. It was not loaded."
    )
