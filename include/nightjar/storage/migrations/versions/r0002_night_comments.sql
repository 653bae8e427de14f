-- What each column of nights and of what analysts read means, where its table has not said it.

COMMENT ON COLUMN nightjar.commit.id IS 'Number of the run.';
COMMENT ON COLUMN nightjar.commit.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.commit.as_of IS 'Only data before this date were used.';
COMMENT ON COLUMN nightjar.commit.state IS 'open, published, superseded, checked or abandoned.';
COMMENT ON COLUMN nightjar.commit.model_id IS 'The model that scored.';
COMMENT ON COLUMN nightjar.commit.model IS 'The same, name@version.';
COMMENT ON COLUMN nightjar.commit.snapshot IS 'Dataset snapshot that the model was trained on.';
COMMENT ON COLUMN nightjar.commit.code_version IS 'Version of Nightjar that scored.';
COMMENT ON COLUMN nightjar.commit.run_id IS 'The run in Airflow, or on the command line.';
COMMENT ON COLUMN nightjar.commit.scored IS 'Entities with predictions.';
COMMENT ON COLUMN nightjar.commit.quarantined IS 'Entities without, for a reason that nightjar.quarantine has.';
COMMENT ON COLUMN nightjar.commit.started_at IS 'When it was opened.';
COMMENT ON COLUMN nightjar.commit.published_at IS 'When readers could see it; NULL: never.';

COMMENT ON COLUMN nightjar.commit_stage.commit_id IS 'The run.';
COMMENT ON COLUMN nightjar.commit_stage.stage IS 'Which stage: features, engine, score, annotate or publish.';
COMMENT ON COLUMN nightjar.commit_stage.seconds IS 'How long it took.';

COMMENT ON COLUMN nightjar.shard.commit_id IS 'The run.';
COMMENT ON COLUMN nightjar.shard.ordinal IS 'Number of the shard, from 0.';
COMMENT ON COLUMN nightjar.shard.low_key IS 'First entity of the range.';
COMMENT ON COLUMN nightjar.shard.high_key IS 'Last entity of it.';
COMMENT ON COLUMN nightjar.shard.planned_rows IS 'Staged rows that it has to read.';
COMMENT ON COLUMN nightjar.shard.scored IS 'Entities with predictions; NULL until it is done.';
COMMENT ON COLUMN nightjar.shard.rows IS 'Predictions that it wrote.';
COMMENT ON COLUMN nightjar.shard.quarantined IS 'Entities that it could not score.';
COMMENT ON COLUMN nightjar.shard.engine IS 'What scored: full, serving, compiled or database, as in nightjar.scoring_engine.';
COMMENT ON COLUMN nightjar.shard.scored_at IS 'When it was done; NULL: not yet.';

COMMENT ON COLUMN nightjar.quarantine.commit_id IS 'The run.';
COMMENT ON COLUMN nightjar.quarantine.reason IS 'Why it could not be scored.';

COMMENT ON COLUMN nightjar.publication.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.publication.commit_id IS 'The run whose predictions are shown.';
COMMENT ON COLUMN nightjar.publication.as_of IS 'Its date.';
COMMENT ON COLUMN nightjar.publication.model IS 'Its model, name@version.';
COMMENT ON COLUMN nightjar.publication.published_at IS 'When it was published.';

COMMENT ON COLUMN nightjar.reversion.id IS 'In the order of writing.';
COMMENT ON COLUMN nightjar.reversion.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.reversion.reason IS 'Why, in words.';
COMMENT ON COLUMN nightjar.reversion.actor IS 'Who is said to have done it.';
COMMENT ON COLUMN nightjar.reversion.login IS 'The login that did it.';
COMMENT ON COLUMN nightjar.reversion.happened_at IS 'When.';

COMMENT ON COLUMN nightjar.gate_result.id IS 'In the order of writing.';
COMMENT ON COLUMN nightjar.gate_result.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.gate_result.gate IS 'What was checked: sources, features or predictions.';
COMMENT ON COLUMN nightjar.gate_result.as_of IS 'The night''s date.';
COMMENT ON COLUMN nightjar.gate_result.run_id IS 'The run in Airflow, or on the command line.';
COMMENT ON COLUMN nightjar.gate_result.passed IS 'Whether all expectations hold.';
COMMENT ON COLUMN nightjar.gate_result.evaluated IS 'How many were checked.';
COMMENT ON COLUMN nightjar.gate_result.checked_at IS 'When.';

COMMENT ON COLUMN predictions.commits.commit_id IS 'Number of the run, as in every prediction.';
COMMENT ON COLUMN predictions.commits.use_case IS 'Name of the use case, which is also that of its view.';
COMMENT ON COLUMN predictions.commits.as_of IS 'Only data before this date were used.';
COMMENT ON COLUMN predictions.commits.model IS 'Model version that scored, name@N.';
COMMENT ON COLUMN predictions.commits.state IS 'open: being scored; published: shown, or in the history; superseded: the same night was published again; abandoned: ended without publishing.';
COMMENT ON COLUMN predictions.commits.rows IS 'Predictions; a recommender makes several per entity.';
COMMENT ON COLUMN predictions.commits.quarantined IS 'Entities that could not be scored.';
COMMENT ON COLUMN predictions.commits.started_at IS 'When the run began.';
COMMENT ON COLUMN predictions.commits.published_at IS 'When readers could see it; NULL: never.';
COMMENT ON COLUMN predictions.commits.seconds IS 'From the beginning to publishing.';

COMMENT ON COLUMN predictions.freshness.use_case IS 'Name of the use case, which is also that of its view.';
COMMENT ON COLUMN predictions.freshness.as_of IS 'Date of the night that its view shows.';
COMMENT ON COLUMN predictions.freshness.published_at IS 'When that night was published.';
COMMENT ON COLUMN predictions.freshness.model IS 'Model version that made it, name@N.';
COMMENT ON COLUMN predictions.freshness.rows IS 'Predictions of that night.';
COMMENT ON COLUMN predictions.freshness.quarantined IS 'Entities that could not be scored.';
COMMENT ON COLUMN predictions.freshness.stale IS 'Whether a later night was tried and is not shown.';

COMMENT ON COLUMN predictions.segment_profiles.use_case IS 'Name of the segmentation.';
COMMENT ON COLUMN predictions.segment_profiles.as_of IS 'Date of the night that its view shows.';
COMMENT ON COLUMN predictions.segment_profiles.model IS 'Model version that made it, name@N.';
COMMENT ON COLUMN predictions.segment_profiles.segment_id IS 'Number of the segment, the same across retrains.';
COMMENT ON COLUMN predictions.segment_profiles.segment IS 'Name of the segment.';
COMMENT ON COLUMN predictions.segment_profiles.description IS 'What characterises it, in words.';
COMMENT ON COLUMN predictions.segment_profiles.share_at_training IS 'Share of the training rows in it, 0 to 1.';
COMMENT ON COLUMN predictions.segment_profiles.stability IS 'How well it came up again in resamples of the training rows, 0 to 1; NULL for a model that was not selected.';
COMMENT ON COLUMN predictions.segment_profiles.distinguishing IS 'The five features in which its members differ most from all others: feature, category, words, effect (Cliff''s delta), mean, overall.';
COMMENT ON COLUMN predictions.segment_profiles.profile IS 'Means of the features over its members when the model was trained.';

COMMENT ON COLUMN nightjar.scoring_engine.model_id IS 'The model.';
COMMENT ON COLUMN nightjar.scoring_engine.measured_at IS 'When it was measured.';

COMMENT ON COLUMN nightjar.gate_failure.gate_result_id IS 'The evaluation of the gate.';
COMMENT ON COLUMN nightjar.gate_failure.ordinal IS 'In the order of the checks.';
COMMENT ON COLUMN nightjar.gate_failure.subject IS 'The table that was looked at, or features, or predictions.';
COMMENT ON COLUMN nightjar.gate_failure.expectation IS 'What did not hold.';
COMMENT ON COLUMN nightjar.gate_failure.arguments IS 'The limits it was held to.';
COMMENT ON COLUMN nightjar.gate_failure.severity IS 'error: the night was stopped; warning: it was not.';
COMMENT ON COLUMN nightjar.gate_failure.found IS 'What was found instead.';
COMMENT ON COLUMN predictions.gate_results.use_case IS 'Name of the use case.';
COMMENT ON COLUMN predictions.gate_results.checked_at IS 'When it was checked.';
