"""What dataset snapshots refuse: a class per misuse; the message names the value and the remedy."""

from nightjar.errors import NightjarError


class SnapshotError(NightjarError):
    """Base of the refusals of dataset snapshots."""


# Names --------------------------------------------------------------------------------------------------------


class SnapshotNameError(SnapshotError):
    """A snapshot name or version is malformed."""


class EmptyNameError(SnapshotNameError):
    """The name is missing or blank."""


class NameCharacterError(SnapshotNameError):
    """The name holds `@`, a dot, a quote or a control character."""


class NameTooLongError(SnapshotNameError):
    """The name takes more than a view's name can hold."""


class NameFormatError(SnapshotNameError):
    """A full name has not exactly one `@`."""


class VersionFormatError(SnapshotNameError):
    """A version is not MAJOR.MINOR.PATCH."""


class CommentError(SnapshotError):
    """A comment holds a character that cannot be stored."""


# The catalog --------------------------------------------------------------------------------------------------


class SnapshotNotFoundError(SnapshotError):
    """No snapshot has this name and version."""


class SnapshotExistsError(SnapshotError):
    """The name and version are taken, or were before a purge."""


class SnapshotStateError(SnapshotError):
    """The snapshot's state does not allow this."""


class SnapshotInUseError(SnapshotError):
    """A registered model, a view or a running query needs the snapshot."""


# Queries and statements -----------------------------------------------------------------------------------------


class SnapshotQueryError(SnapshotError):
    """SQL that a snapshot cannot be made with; also what the database itself refuses."""


class SeveralStatementsError(SnapshotQueryError):
    """One string holds several statements."""


class ForeignWriteError(SnapshotQueryError):
    """The SQL writes elsewhere than to the snapshot."""


class DuplicateColumnError(SnapshotQueryError):
    """Two columns of the query have one name."""


class UnnamedColumnError(SnapshotQueryError):
    """A column of the query has no name."""


class ColumnLimitError(SnapshotQueryError):
    """A snapshot has at least one column and at most those that fit into a row."""


class ReservedColumnError(SnapshotQueryError):
    """The column's name is one that the platform needs."""


class StatementError(SnapshotQueryError):
    """Base of the refusals of statements that prepare a snapshot."""


class NoStatementsError(StatementError):
    """The list of statements is missing, empty, or holds an empty one."""


class UnknownStatementError(StatementError):
    """A statement or clause is none of those that prepare a snapshot."""


class RepeatedClauseError(StatementError):
    """An operation has a clause twice."""


class MissingClauseError(StatementError):
    """An operation lacks a clause that it needs."""


class MisplacedClauseError(StatementError):
    """An operation has a clause that it cannot have, or clauses in the wrong order."""


class AlterationError(StatementError):
    """ALTER does something else than adding or dropping plain columns."""


class ColumnExistsError(StatementError):
    """The column to add is there already."""


class ColumnNotFoundError(StatementError):
    """The column is not there."""


# Splits, samples and comparisons ----------------------------------------------------------------------------------


class SplitError(SnapshotError):
    """Base of the refusals of splits and samples."""


class RatioError(SplitError):
    """A ratio lies outside (0, 1]."""


class RatioSumError(RatioError):
    """The ratios of a split add up to more than 1."""


class PartsError(SplitError):
    """The parts are none, share a suffix or lack one."""


class UnequalListsError(PartsError):
    """There are not as many comments as parts."""


class SplitColumnError(SplitError):
    """A column to split by does not exist, or cannot be used together with another."""


class DiffKeyError(SnapshotError):
    """The key of a comparison does not exist in both snapshots or is not unique."""


class VerificationError(SnapshotError):
    """The stored rows, or those that the statements give, are not those that the catalog knows."""
