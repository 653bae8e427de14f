-- What each column of the catalog of snapshots means, where its table has not said it.

COMMENT ON TABLE nightjar.alembic_version IS 'Which revision of the catalog the database is at.';
COMMENT ON COLUMN nightjar.alembic_version.version_num IS 'Id of the newest revision that ran.';

COMMENT ON COLUMN nightjar.snapshot.id IS 'Also the number of the layer that it stores, where it stores one.';
COMMENT ON COLUMN nightjar.snapshot.name IS 'Name without the version.';
COMMENT ON COLUMN nightjar.snapshot.major IS 'First number of the version: columns changed.';
COMMENT ON COLUMN nightjar.snapshot.minor IS 'Second number: rows were added or deleted.';
COMMENT ON COLUMN nightjar.snapshot.patch IS 'Third number: values were changed.';
COMMENT ON COLUMN nightjar.snapshot.full_name IS 'name@major.minor.patch, which is also the name of its view.';
COMMENT ON COLUMN nightjar.snapshot.state IS 'prepared, published, archived or purged.';
COMMENT ON COLUMN nightjar.snapshot.parent_id IS 'The snapshot that it was made from; NULL for a query''s.';
COMMENT ON COLUMN nightjar.snapshot.row_count IS 'Rows that it shows.';
COMMENT ON COLUMN nightjar.snapshot.use_case IS 'Use case whose training data it is; NULL for others.';
COMMENT ON COLUMN nightjar.snapshot.as_of IS 'Date of the training data: outcomes before it are known.';
COMMENT ON COLUMN nightjar.snapshot.comment IS 'What whoever made it says of it.';
COMMENT ON COLUMN nightjar.snapshot.created_at IS 'When it was made.';

COMMENT ON COLUMN nightjar.living_snapshot.snapshot_id IS 'The snapshot.';

COMMENT ON COLUMN nightjar.layer.id IS 'Id of the snapshot that wrote it.';
COMMENT ON COLUMN nightjar.layer.schema_columns IS 'Its columns, as in nightjar.snapshot.';

COMMENT ON COLUMN nightjar.snapshot_layer.snapshot_id IS 'The snapshot.';
COMMENT ON COLUMN nightjar.snapshot_layer.layer_id IS 'A layer that it shows rows of.';
