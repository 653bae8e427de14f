"""Why a model predicts what it predicts: what each input adds to the prediction of a row."""

from nightjar.registry.reasons.contributions import Contributions, contributions

__all__ = ["Contributions", "contributions"]
