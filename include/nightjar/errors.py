"""Every refusal of Nightjar is one of these; its message names the value and what to do next."""

from collections.abc import Iterable
from difflib import get_close_matches


class NightjarError(Exception):
    """Base of all refusals. Retrying one without changing the input gives the same answer."""


class ConfigurationError(NightjarError):
    """The installation lacks something: a URL, a connection, a server, a migration."""


class MissingDatabaseUrlError(ConfigurationError):
    """No URL is known for the environment that was asked for."""


class DatabaseUnavailableError(ConfigurationError):
    """The database does not answer. Worth a retry: servers restart."""


class NotMigratedError(ConfigurationError):
    """The database lacks the catalog or holds an older one."""


class PictureError(NightjarError):
    """Base of the refusals of pictures."""


class PictureFormatError(PictureError):
    """A picture's file name does not end in .png or .svg."""


class PictureFileError(PictureError):
    """The picture cannot be written to this file."""


class DeclarationError(NightjarError):
    """A use case declaration is wrong; the message names file and field."""


class UseCaseKindError(NightjarError):
    """A use case is of a kind that this is not made for."""


class UnknownUseCaseError(NightjarError):
    """No declared use case has this name."""


class InteractionsError(NightjarError):
    """The interactions that recommendations are learnt from are empty, or cannot be read as such."""


class AsOfDateError(NightjarError):
    """The as-of date is malformed, missing, or outside the data."""


class ModelChoiceError(NightjarError):
    """The model to score with is not named in a known way, or in two ways at once."""


class NumberError(NightjarError):
    """A number is malformed or out of range."""


class KeyValueError(NightjarError):
    """The key of an entity or item has another type, or another number of columns, than is declared."""


class TrainingError(NightjarError):
    """Training cannot go on with this data or declaration."""


class TimeBudgetError(TrainingError):
    """The time budget of a search is too small to fit anything."""


class RegistryError(NightjarError):
    """Base of the refusals of the model registry."""


class ModelNotFoundError(RegistryError):
    """No such model, version or alias."""


class ModelInUseError(RegistryError):
    """An alias or a published night needs the model."""


class ModelDroppedError(RegistryError):
    """The version was dropped; numbers are not used again."""


class ReasonError(RegistryError):
    """A change of the registry lacks its reason."""


class UnknownAliasError(RegistryError):
    """No alias has this name."""


class ForeignModelError(RegistryError):
    """The model belongs to another use case."""


class AlreadyChampionError(RegistryError):
    """The model to go back to is the champion."""


class NotEarlierChampionError(ModelNotFoundError):
    """There is no earlier champion, or the model never was one."""


class NoPeriodError(ModelNotFoundError):
    """The alias pointed nowhere at that moment."""


class NoChampionThenError(ModelNotFoundError):
    """No model that was trained by that date was ever champion."""


class MomentError(RegistryError):
    """The moment asked about has not come yet, or does not say its time zone."""


class ArtifactError(RegistryError):
    """An artifact is damaged or holds types that are not trusted."""


class MixedFeaturesError(RegistryError):
    """A pipeline makes columns that come from no single feature."""


class ReasonsUnknownError(RegistryError):
    """Nothing exact is known of what each feature adds to the predictions of such a model."""


class ServingError(ArtifactError):
    """A part of the estimator has no form in a serving model."""


class ServingModelNotFoundError(ModelNotFoundError):
    """The model has no serving model."""


class ParitySampleNotFoundError(ModelNotFoundError):
    """The model was registered without rows that a copy could be proved on."""


class ServingParityError(ArtifactError):
    """The serving model answers otherwise than the full model."""


class ServingOnlyError(RegistryError):
    """Only the serving model is here: it can score, and has no details."""


class UntrustedFileError(ArtifactError):
    """A pickle file is not on the list of trusted ones; reading it would run what it holds."""


class VersionMismatchError(ArtifactError):
    """The model was fitted with another version of a library, and the settings refuse that."""


class TransferError(NightjarError):
    """Base of the refusals of export and import."""


class FilterError(TransferError):
    """A filter of models is malformed; the message points at the place."""


class BundleNameError(TransferError):
    """A name that no bundle can have."""


class BundleWriteError(TransferError):
    """The files of a bundle cannot be written."""


class BundleError(TransferError):
    """The bundle is incomplete, altered or malformed."""


class BundleFormatError(BundleError):
    """The bundle is of a newer format than this version reads."""


class MissingPartError(BundleError):
    """A file of the bundle is not there."""


class AlteredPartError(BundleError):
    """A file of the bundle has another length or content than was signed."""


class UnsignedBundleError(BundleError):
    """The bundle has no signature, or one that is not of its manifest."""


class UntrustedKeyError(TransferError):
    """The database does not trust the key that signed, or no longer does."""


class SigningKeyError(TransferError):
    """There is no key to sign with, it cannot be read, or one would be overwritten."""


class ParityError(TransferError):
    """The imported model scores the carried sample differently."""


class SamePersonError(TransferError):
    """Whoever triggered the promotion approved it, and the declaration asks for two persons."""


class ModelClashError(TransferError):
    """Another model has this name and version."""


class JobNameError(TransferError):
    """A job of this name was recorded before."""


class SchemaNotFoundError(TransferError):
    """The schema of a remap does not exist, or holds no catalog."""


class CatalogPresentError(TransferError):
    """A whole catalog cannot be restored over another."""


class OlderServerError(TransferError):
    """The database server is of an older major version than the one exported from."""


class GateError(NightjarError):
    """A quality gate refused the data; the message lists the failed expectations."""


class ScoringError(NightjarError):
    """Scoring cannot go on."""


class NightInProgressError(ScoringError):
    """Another run is scoring the same night."""


class LostStagingError(ScoringError):
    """The staged features of a night are not all there any more: a crash of the server empties them."""


class SignatureError(ScoringError):
    """The features do not have the columns or types the model was trained on."""


class IncompleteNightError(ScoringError):
    """Some entities are neither scored nor quarantined."""


class IncrementalProofError(ScoringError):
    """What an incremental night took over is not what a full one would come to."""


class NoPublishedNightError(ScoringError):
    """No night of the use case is published, or none as of that date."""


class RevertError(ScoringError):
    """Readers cannot be sent to that night."""


class DiffError(ScoringError):
    """Two nights that cannot be compared."""


class ForgottenNightError(ScoringError):
    """The night's predictions are older than those that are kept."""


class NotPredictedError(ScoringError):
    """The entity has no prediction that night."""


class QuarantinedEntityError(NotPredictedError):
    """The entity could not be scored that night; the message says why."""


class NotRecommendedError(ScoringError):
    """The item was not recommended to the entity that night."""


class NoItemsError(ScoringError):
    """An item of a use case that recommends none."""


class TenantError(ScoringError):
    """A use case without tenants, or a grant that there is not."""


class RoleNotFoundError(ScoringError):
    """The server has no such role."""


class RowsFileError(ScoringError):
    """The file of rows cannot be read, or lacks a column."""


class RejectedRowsError(ScoringError):
    """Too many rows of a file cannot be scored."""


class OutputFileError(ScoringError):
    """A file of scores or rejects cannot be written."""


class TargetTableError(ScoringError):
    """The table that scores are to go to cannot take them."""


class CampaignError(NightjarError):
    """Base of the refusals of campaigns."""


class CampaignNameError(CampaignError):
    """A name that no campaign can have, or that one has already."""


class CampaignNotFoundError(CampaignError):
    """No campaign has this name."""


class SelectionError(CampaignError):
    """The use case has no such groups of entities."""


class EmptySelectionError(CampaignError):
    """Nobody is in the group that night."""


class HoldOutError(CampaignError):
    """The share to hold out is none, or holds nobody out."""


class OutcomeError(CampaignError):
    """The query of outcomes is missing, fails, or gives something else."""


class OutcomeUnknownError(CampaignError):
    """The days to measure are not all in the data yet."""


class DemoError(NightjarError):
    """The local demo system could not be brought up."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest known name, and the whole list of them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} Known: {', '.join(names) or 'none'}."
