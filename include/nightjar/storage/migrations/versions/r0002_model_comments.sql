-- What each column of the model registry means, where its table has not said it.

COMMENT ON COLUMN nightjar.artifact.sha256 IS 'Of the whole file, as hexadecimal digits.';
COMMENT ON COLUMN nightjar.artifact.format IS 'skops for a full model, onnx for a serving model.';
COMMENT ON COLUMN nightjar.artifact.byte_count IS 'Length of the file.';
COMMENT ON COLUMN nightjar.artifact.created_at IS 'When it was stored here.';

COMMENT ON COLUMN nightjar.artifact_chunk.sha256 IS 'The file.';
COMMENT ON COLUMN nightjar.artifact_chunk.ordinal IS 'Place of the piece, from 0.';
COMMENT ON COLUMN nightjar.artifact_chunk.data IS 'Its bytes.';

COMMENT ON COLUMN nightjar.model_version.id IS 'Number within this database; another database has another.';
COMMENT ON COLUMN nightjar.model_version.name IS 'Name without the version; that of the use case.';
COMMENT ON COLUMN nightjar.model_version.version IS 'Number of the version, from 1; never used again.';
COMMENT ON COLUMN nightjar.model_version.use_case IS 'Use case that it predicts for.';
COMMENT ON COLUMN nightjar.model_version.kind IS 'recommender, segmentation, classification or regression.';
COMMENT ON COLUMN nightjar.model_version.algorithm IS 'Key of the estimator, as in a declaration.';
COMMENT ON COLUMN nightjar.model_version.snapshot IS 'Dataset snapshot of the training data.';
COMMENT ON COLUMN nightjar.model_version.train_split IS 'Snapshot of the rows it was fitted on.';
COMMENT ON COLUMN nightjar.model_version.test_split IS 'Snapshot of the rows it was tested on.';
COMMENT ON COLUMN nightjar.model_version.train_split_id IS 'That snapshot, where it lies in this database.';
COMMENT ON COLUMN nightjar.model_version.test_split_id IS 'That snapshot, where it lies in this database.';
COMMENT ON COLUMN nightjar.model_version.as_of IS 'Date of the training data: outcomes before it are known.';
COMMENT ON COLUMN nightjar.model_version.training_query IS 'The SQL of the training data.';
COMMENT ON COLUMN nightjar.model_version.processed_rows IS 'Rows it was fitted on.';
COMMENT ON COLUMN nightjar.model_version.discarded_rows IS 'Rows left out, as they have no target.';
COMMENT ON COLUMN nightjar.model_version.preprocess_seconds IS 'Time to read the rows.';
COMMENT ON COLUMN nightjar.model_version.fit_seconds IS 'Time to fit the chosen configuration.';
COMMENT ON COLUMN nightjar.model_version.iterations IS 'Of the fit; NULL where it is solved at once.';
COMMENT ON COLUMN nightjar.model_version.output_type IS 'What it gives: probability, prediction or segment_id.';
COMMENT ON COLUMN nightjar.model_version.hyperparameters IS 'Chosen hyperparameters, by their names in scikit-learn.';
COMMENT ON COLUMN nightjar.model_version.coefficients IS 'Weights of a linear model by name; empty for others.';
COMMENT ON COLUMN nightjar.model_version.training_scores IS 'Metrics on the training rows.';
COMMENT ON COLUMN nightjar.model_version.test_scores IS 'Metrics on the test rows.';
COMMENT ON COLUMN nightjar.model_version.environment IS 'Versions of the packages it was trained with.';
COMMENT ON COLUMN nightjar.model_version.code_version IS 'Version of Nightjar that trained it.';
COMMENT ON COLUMN nightjar.model_version.form IS 'full, or serving where only the part that scores is here.';
COMMENT ON COLUMN nightjar.model_version.artifact IS 'File of the full model, where it is here.';
COMMENT ON COLUMN nightjar.model_version.trained_in IS 'Name of the database that it was trained in.';
COMMENT ON COLUMN nightjar.model_version.owner IS 'Who trained it.';
COMMENT ON COLUMN nightjar.model_version.created_at IS 'When it was registered where it was trained.';
COMMENT ON COLUMN nightjar.model_version.imported_at IS 'When it came into this database; NULL: trained here.';

COMMENT ON COLUMN nightjar.segment.model_id IS 'The segmentation model.';
COMMENT ON COLUMN nightjar.segment.segment_id IS 'Number of the segment, the same across retrains.';
COMMENT ON COLUMN nightjar.segment.name IS 'Name of the segment.';
COMMENT ON COLUMN nightjar.segment.description IS 'What characterises it, in words.';
COMMENT ON COLUMN nightjar.segment.share IS 'Share of the training rows in it, 0 to 1.';
COMMENT ON COLUMN nightjar.segment.stability IS 'How well it comes up again in resamples of the training rows, 0 to 1; NULL for a model that was not selected here.';
COMMENT ON COLUMN nightjar.segment.profile IS 'Means of the features over its members.';
COMMENT ON COLUMN nightjar.segment.distinguishing IS 'The features in which its members differ most from all others: feature, category, words, effect (Cliff''s delta), mean, overall.';

COMMENT ON COLUMN nightjar.trial.id IS 'In the order of writing.';
COMMENT ON COLUMN nightjar.trial.model_id IS 'The model that the search ended in.';
COMMENT ON COLUMN nightjar.trial.place IS '1 for the best.';
COMMENT ON COLUMN nightjar.trial.algorithm IS 'Key of the estimator, as in a declaration.';
COMMENT ON COLUMN nightjar.trial.parameters IS 'Hyperparameters that were tried.';
COMMENT ON COLUMN nightjar.trial.metric IS 'What candidates were compared by.';
COMMENT ON COLUMN nightjar.trial.folds IS 'Validation sets that it was scored on.';
COMMENT ON COLUMN nightjar.trial.fit_seconds IS 'Time to fit it.';
COMMENT ON COLUMN nightjar.trial.failure IS 'Why it has no score; NULL where it has.';

COMMENT ON COLUMN nightjar.decision.id IS 'In the order of writing.';
COMMENT ON COLUMN nightjar.decision.model_id IS 'The challenger.';
COMMENT ON COLUMN nightjar.decision.champion IS 'The champion then, name@version; NULL where there was none.';
COMMENT ON COLUMN nightjar.decision.metric IS 'What the two were compared by.';
COMMENT ON COLUMN nightjar.decision.model_score IS 'The challenger''s, on the test rows.';
COMMENT ON COLUMN nightjar.decision.champion_score IS 'The champion''s, on the same rows.';
COMMENT ON COLUMN nightjar.decision.gain_low IS 'Lower end of the 95 % interval of the gain on the champion.';
COMMENT ON COLUMN nightjar.decision.gain_high IS 'Upper end of it.';
COMMENT ON COLUMN nightjar.decision.passed IS 'Whether it may be promoted.';
COMMENT ON COLUMN nightjar.decision.reasons IS 'What each gate said.';
COMMENT ON COLUMN nightjar.decision.decided_at IS 'When.';

COMMENT ON COLUMN nightjar.alias.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.alias.alias IS 'champion or challenger.';
COMMENT ON COLUMN nightjar.alias.model_id IS 'The model that it points at.';

COMMENT ON COLUMN nightjar.alias_move.id IS 'In the order of writing.';
COMMENT ON COLUMN nightjar.alias_move.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.alias_move.alias IS 'champion or challenger.';
COMMENT ON COLUMN nightjar.alias_move.model IS 'What it has pointed at since, name@version.';
COMMENT ON COLUMN nightjar.alias_move.previous IS 'What it pointed at before; NULL for the first.';
COMMENT ON COLUMN nightjar.alias_move.reason IS 'Why, in words.';
COMMENT ON COLUMN nightjar.alias_move.actor IS 'Who is said to have done it.';
COMMENT ON COLUMN nightjar.alias_move.moved_at IS 'When.';

COMMENT ON COLUMN nightjar.alias_period.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.alias_period.alias IS 'champion or challenger.';
COMMENT ON COLUMN nightjar.alias_period.model IS 'What it pointed at, name@version.';
COMMENT ON COLUMN nightjar.alias_period.since IS 'From when on.';
COMMENT ON COLUMN nightjar.alias_period.until IS 'Until when; NULL for the present one.';
COMMENT ON COLUMN nightjar.alias_period.actor IS 'Who is said to have pointed it there.';
COMMENT ON COLUMN nightjar.alias_period.reason IS 'Why, in words.';

COMMENT ON COLUMN nightjar.model_event.id IS 'In the order of writing.';
COMMENT ON COLUMN nightjar.model_event.happened_at IS 'When.';
COMMENT ON COLUMN nightjar.model_event.event IS 'registered, imported, alias moved, dropped, replaced or imported again.';
COMMENT ON COLUMN nightjar.model_event.name IS 'Name of the model without its version.';
COMMENT ON COLUMN nightjar.model_event.version IS 'Number of its version.';
COMMENT ON COLUMN nightjar.model_event.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_event.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.model_event.details IS 'Facts of the model, or of the alias, at that time.';
COMMENT ON COLUMN nightjar.model_event.reason IS 'Why, in words; NULL where nothing was said.';

COMMENT ON COLUMN nightjar.serving_model.model_id IS 'The model that it is a part of.';
COMMENT ON COLUMN nightjar.serving_model.sha256 IS 'Its file.';
COMMENT ON COLUMN nightjar.serving_model.created_at IS 'When it was made, or came here.';

COMMENT ON COLUMN nightjar.trusted_file.sha256 IS 'Of the file.';
COMMENT ON COLUMN nightjar.trusted_file.added_at IS 'When.';

COMMENT ON COLUMN nightjar.trusted_key.public_key IS 'The 32 bytes of the key.';
COMMENT ON COLUMN nightjar.trusted_key.reason IS 'Why it is trusted.';
COMMENT ON COLUMN nightjar.trusted_key.trusted_by IS 'The login that did it.';
COMMENT ON COLUMN nightjar.trusted_key.trusted_at IS 'When.';
COMMENT ON COLUMN nightjar.trusted_key.revoked_by IS 'The login that revoked it; NULL while it is trusted.';
COMMENT ON COLUMN nightjar.trusted_key.revoke_reason IS 'Why it was revoked.';

COMMENT ON COLUMN nightjar.transfer_job.id IS 'In the order of writing.';
COMMENT ON COLUMN nightjar.transfer_job.name IS 'Name of the job, used once.';
COMMENT ON COLUMN nightjar.transfer_job.direction IS 'export or import.';
COMMENT ON COLUMN nightjar.transfer_job.mode IS 'schema for a whole catalog, model for whole models, serving for what scores alone.';
COMMENT ON COLUMN nightjar.transfer_job.source IS 'Database that it came from.';
COMMENT ON COLUMN nightjar.transfer_job.bytes IS 'Size of what was moved.';
COMMENT ON COLUMN nightjar.transfer_job.parts IS 'Files that it was moved in.';
COMMENT ON COLUMN nightjar.transfer_job.key_id IS 'Key that signed it.';
COMMENT ON COLUMN nightjar.transfer_job.actor IS 'Who is said to have done it.';
COMMENT ON COLUMN nightjar.transfer_job.login IS 'The login that did it.';
COMMENT ON COLUMN nightjar.transfer_job.started_at IS 'When it began.';
COMMENT ON COLUMN nightjar.transfer_job.finished_at IS 'When it was recorded, at its end.';

COMMENT ON COLUMN nightjar.parity_sample.model_id IS 'The model.';
COMMENT ON COLUMN nightjar.parity_sample.sample IS 'The rows and the answers.';

COMMENT ON COLUMN nightjar.model_journey.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_journey.place IS '1 for the first move.';
COMMENT ON COLUMN nightjar.model_journey.source IS 'Database that it left.';
COMMENT ON COLUMN nightjar.model_journey.target IS 'Database that it reached.';
COMMENT ON COLUMN nightjar.model_journey.mode IS 'How it travelled: schema, model or serving.';
COMMENT ON COLUMN nightjar.model_journey.bundle IS 'Name of the file set; NULL where it went from database to database.';
COMMENT ON COLUMN nightjar.model_journey.key_id IS 'Key that signed it.';
COMMENT ON COLUMN nightjar.model_journey.moved_at IS 'When.';

COMMENT ON COLUMN nightjar.model_warehouse.modelname IS 'name@version.';
COMMENT ON COLUMN nightjar.model_warehouse.modelowner IS 'Who trained it.';
COMMENT ON COLUMN nightjar.model_warehouse.createtime IS 'When it was registered.';
COMMENT ON COLUMN nightjar.model_warehouse.processedtuples IS 'Rows it was fitted on.';
COMMENT ON COLUMN nightjar.model_warehouse.discardedtuples IS 'Rows left out, as they have no target.';
COMMENT ON COLUMN nightjar.model_warehouse.outputtype IS 'Type of what it gives.';
COMMENT ON COLUMN nightjar.model_warehouse.modeltype IS 'Key of the estimator.';
COMMENT ON COLUMN nightjar.model_warehouse.query IS 'The SQL of the training data.';
COMMENT ON COLUMN nightjar.model_warehouse.hyperparametersnames IS 'Names of the hyperparameters.';
COMMENT ON COLUMN nightjar.model_warehouse.hyperparametersvalues IS 'Their values, in the same order.';
COMMENT ON COLUMN nightjar.model_warehouse.hyperparametersoids IS 'Their types, in the same order.';
COMMENT ON COLUMN nightjar.model_warehouse.coefnames IS 'Names of the weights of a linear model.';
COMMENT ON COLUMN nightjar.model_warehouse.coefvalues IS 'The weights, in the same order.';
COMMENT ON COLUMN nightjar.model_warehouse.coefoids IS 'Their types, in the same order.';
COMMENT ON COLUMN nightjar.model_warehouse.trainingscoresname IS 'Names of the metrics on the training rows.';
COMMENT ON COLUMN nightjar.model_warehouse.trainingscoresvalue IS 'Their values, in the same order.';
COMMENT ON COLUMN nightjar.model_warehouse.modeldescribe IS 'Further facts, a line each.';
