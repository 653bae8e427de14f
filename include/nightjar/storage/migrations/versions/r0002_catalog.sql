-- Model registry ------------------------------------------------------------------------------------------

CREATE TABLE nightjar.artifact (
    sha256      text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    format      text NOT NULL CHECK (format IN ('skops', 'onnx')),
    byte_count  bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightjar.artifact IS 'Files of fitted models, by content.';

CREATE TABLE nightjar.artifact_chunk (
    sha256   text NOT NULL REFERENCES nightjar.artifact (sha256) ON DELETE CASCADE,
    ordinal  integer NOT NULL CHECK (ordinal >= 0),
    data     bytea NOT NULL,
    PRIMARY KEY (sha256, ordinal)
);
-- Fitted models do not compress; skip the attempt.
ALTER TABLE nightjar.artifact_chunk ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE nightjar.artifact_chunk IS 'The bytes of an artifact, in pieces that fit into memory.';

CREATE TABLE nightjar.model_version (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                text NOT NULL,
    version             integer NOT NULL CHECK (version > 0),
    use_case            text NOT NULL,
    kind                text NOT NULL CHECK (kind IN ('recommender', 'segmentation', 'classification', 'regression')),
    algorithm           text NOT NULL,
    snapshot            text NOT NULL,
    train_split         text NOT NULL,
    test_split          text NOT NULL,
    snapshot_id         bigint REFERENCES nightjar.living_snapshot (snapshot_id),
    train_split_id      bigint REFERENCES nightjar.living_snapshot (snapshot_id),
    test_split_id       bigint REFERENCES nightjar.living_snapshot (snapshot_id),
    as_of               date NOT NULL,
    training_query      text NOT NULL,
    processed_rows      bigint NOT NULL,
    discarded_rows      bigint NOT NULL,
    preprocess_seconds  double precision NOT NULL,
    fit_seconds         double precision NOT NULL,
    iterations          integer,
    output_type         text NOT NULL,
    hyperparameters     jsonb NOT NULL CHECK (jsonb_typeof(hyperparameters) = 'object'),
    coefficients        jsonb NOT NULL CHECK (jsonb_typeof(coefficients) = 'object' AND NOT coefficients @? '$.* ? (@.type() != "number")'),
    training_scores     jsonb NOT NULL CHECK (jsonb_typeof(training_scores) = 'object' AND NOT training_scores @? '$.* ? (@.type() != "number")'),
    test_scores         jsonb NOT NULL CHECK (jsonb_typeof(test_scores) = 'object' AND NOT test_scores @? '$.* ? (@.type() != "number")'),
    signature           jsonb NOT NULL,
    details             jsonb NOT NULL,
    environment         jsonb NOT NULL,
    code_version        text NOT NULL,
    form                text NOT NULL DEFAULT 'full' CHECK (form IN (
                            'full',      -- with its details, and its serving model where it has one
                            'serving')), -- its serving model alone: it can score and nothing else
    sha256              text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    artifact            text GENERATED ALWAYS AS (CASE form WHEN 'full' THEN sha256 END) STORED
                            REFERENCES nightjar.artifact (sha256),
    trained_in          text NOT NULL,
    journey             jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(journey) = 'array'),
    owner               text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    imported_at         timestamptz,
    UNIQUE (name, version)
);
CREATE INDEX ON nightjar.model_version (use_case);
COMMENT ON TABLE nightjar.model_version IS 'One immutable fitted model per row, named name@version.';
COMMENT ON COLUMN nightjar.model_version.snapshot_id IS 'The snapshot it was trained on, where that lies in this database; keeps it from being purged, as the splits are.';
COMMENT ON COLUMN nightjar.model_version.signature IS 'Columns read and written, with their types and categories.';
COMMENT ON COLUMN nightjar.model_version.sha256 IS 'Of the full model, also where only its serving model is here: what makes two models the same.';
COMMENT ON COLUMN nightjar.model_version.journey IS 'The transfers that brought it here, oldest first; see the view model_journey.';
COMMENT ON COLUMN nightjar.model_version.details IS 'What a model of this kind holds: segments with names and profiles, items.';

CREATE TRIGGER immutable BEFORE UPDATE ON nightjar.model_version
    FOR EACH ROW EXECUTE FUNCTION nightjar.refuse_change();

CREATE TABLE nightjar.segment (
    model_id     bigint NOT NULL REFERENCES nightjar.model_version (id) ON DELETE CASCADE,
    segment_id   integer NOT NULL,
    name         text NOT NULL,
    description  text NOT NULL,
    share        double precision NOT NULL,
    stability    double precision CHECK (stability BETWEEN 0 AND 1),
    profile      jsonb NOT NULL,
    distinguishing jsonb NOT NULL CHECK (jsonb_typeof(distinguishing) = 'array'),
    PRIMARY KEY (model_id, segment_id)
);
COMMENT ON TABLE nightjar.segment IS 'The segments of a segmentation model: name, what characterises them, mean features.';

CREATE TABLE nightjar.trial (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id      bigint NOT NULL REFERENCES nightjar.model_version (id) ON DELETE CASCADE,
    place         integer NOT NULL,
    algorithm     text NOT NULL,
    parameters    jsonb NOT NULL,
    metric        text NOT NULL,
    score         double precision,
    spread        double precision,
    stability     double precision,
    folds         integer NOT NULL CHECK (folds >= 0),
    rows          bigint NOT NULL CHECK (rows >= 0),
    fit_seconds   double precision NOT NULL,
    failure       text
);
CREATE INDEX ON nightjar.trial (model_id);
COMMENT ON TABLE nightjar.trial IS 'Leaderboard: every candidate that was tried for a model, best first.';
COMMENT ON COLUMN nightjar.trial.score IS 'Mean over the validation sets.';
COMMENT ON COLUMN nightjar.trial.spread IS 'Standard deviation over the validation sets; NULL where there is only one.';
COMMENT ON COLUMN nightjar.trial.stability IS 'Of a segmentation, how well its clusters come up again in resamples, 0 to 1.';
COMMENT ON COLUMN nightjar.trial.rows IS 'Rows of the largest fit: weak candidates are dropped on fewer rows.';

CREATE TABLE nightjar.decision (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id        bigint NOT NULL REFERENCES nightjar.model_version (id) ON DELETE CASCADE,
    champion        text,
    metric          text NOT NULL,
    model_score     double precision NOT NULL,
    champion_score  double precision,
    gain_low        double precision,
    gain_high       double precision,
    passed          boolean NOT NULL,
    reasons         text[] NOT NULL,
    decided_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightjar.decision IS 'Challenger against champion on the same test rows, and what the gates said.';

CREATE TABLE nightjar.alias (
    use_case  text NOT NULL,
    alias     text NOT NULL CHECK (alias IN ('champion', 'challenger')),
    model_id  bigint NOT NULL REFERENCES nightjar.model_version (id),
    PRIMARY KEY (use_case, alias)
);
COMMENT ON TABLE nightjar.alias IS 'Which model is champion, which is challenger, now.';

CREATE TABLE nightjar.alias_move (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case     text NOT NULL,
    alias        text NOT NULL,
    model        text NOT NULL,
    previous     text,
    reason       text NOT NULL,
    actor        text NOT NULL,
    moved_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightjar.alias_move IS 'History of the aliases: what was champion when, who moved it and why.';
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON nightjar.alias_move
    FOR EACH ROW EXECUTE FUNCTION nightjar.refuse_change();
CREATE TRIGGER immutable_as_a_whole BEFORE TRUNCATE ON nightjar.alias_move
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();

-- Nightly scoring -----------------------------------------------------------------------------------------

CREATE TABLE nightjar.commit (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case      text NOT NULL,
    as_of         date NOT NULL,
    state         text NOT NULL CHECK (state IN (
                      'open',         -- being scored; its rows are not shown
                      'published',    -- the night's predictions
                      'superseded',   -- the same night was published again
                      'checked',      -- it passed its checks and was not to be published
                      'abandoned')),  -- its run ended without publishing
    model_id      bigint NOT NULL REFERENCES nightjar.model_version (id),
    model         text NOT NULL,
    snapshot      text NOT NULL,
    code_version  text NOT NULL,
    run_id        text NOT NULL,
    population    bigint NOT NULL DEFAULT 0,
    scored        bigint NOT NULL DEFAULT 0,
    rows          bigint NOT NULL DEFAULT 0,
    quarantined   bigint NOT NULL DEFAULT 0,
    incremental   boolean NOT NULL DEFAULT false,
    base_commit   bigint REFERENCES nightjar.commit (id),
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at  timestamptz
);
-- Two runs of one night at once: the second insert fails.
CREATE UNIQUE INDEX commit_one_open ON nightjar.commit (use_case, as_of) WHERE state = 'open';
CREATE UNIQUE INDEX commit_one_published ON nightjar.commit (use_case, as_of) WHERE state = 'published';
CREATE INDEX ON nightjar.commit (model_id);
COMMENT ON COLUMN nightjar.commit.population IS 'Entities to score: scored and quarantined ones add up to it.';
COMMENT ON COLUMN nightjar.commit.rows IS 'Prediction rows; recommenders write several per entity.';
COMMENT ON COLUMN nightjar.commit.incremental IS 'Whether predictions of unchanged entities were to be taken over.';
COMMENT ON COLUMN nightjar.commit.base_commit IS 'The run they were taken over from; NULL where there was none that serves.';
COMMENT ON TABLE nightjar.commit IS 'One run of scoring per row: a use case''s predictions for one as-of date.';

CREATE TABLE nightjar.commit_stage (
    commit_id  bigint NOT NULL REFERENCES nightjar.commit (id) ON DELETE CASCADE,
    stage      text NOT NULL,
    seconds    double precision NOT NULL,
    PRIMARY KEY (commit_id, stage)
);
COMMENT ON TABLE nightjar.commit_stage IS 'How long each stage of a run took: features, engine (choosing what scores), score (the sum over shards), publish.';

CREATE TABLE nightjar.shard (
    commit_id    bigint NOT NULL REFERENCES nightjar.commit (id) ON DELETE CASCADE,
    ordinal      integer NOT NULL,
    low_key      bigint NOT NULL,
    high_key     bigint NOT NULL,
    planned_rows bigint NOT NULL,
    scored       bigint,
    rows         bigint,
    quarantined  bigint,
    taken_over   bigint,
    engine       text,
    scored_at    timestamptz,
    PRIMARY KEY (commit_id, ordinal),
    CHECK (low_key <= high_key)
);
COMMENT ON COLUMN nightjar.shard.taken_over IS 'Entities whose predictions come from another run, since their inputs are the same.';
COMMENT ON TABLE nightjar.shard IS 'Key ranges of a run; scored_at is set in the transaction that writes the shard''s predictions, and engine to the form of the model that made them.';

CREATE TABLE nightjar.quarantine (
    commit_id  bigint NOT NULL REFERENCES nightjar.commit (id) ON DELETE CASCADE,
    entity     text NOT NULL,
    reason     text NOT NULL,
    PRIMARY KEY (commit_id, entity)
);
COMMENT ON COLUMN nightjar.quarantine.entity IS 'Its key; of several columns, the values with commas between them.';
COMMENT ON TABLE nightjar.quarantine IS 'Entities that could not be scored, and why.';

CREATE TABLE nightjar.publication (
    use_case      text PRIMARY KEY,
    commit_id     bigint NOT NULL REFERENCES nightjar.commit (id),
    as_of         date NOT NULL,
    model         text NOT NULL,
    published_at  timestamptz NOT NULL
);
COMMENT ON TABLE nightjar.publication IS 'Which commit readers see; publishing a night changes one row here.';

-- What analysts read --------------------------------------------------------------------------------------

CREATE VIEW predictions.commits AS
SELECT id AS commit_id, use_case, as_of, model, state, rows, quarantined, started_at, published_at,
       extract(epoch FROM published_at - started_at) AS seconds
FROM nightjar.commit;
COMMENT ON VIEW predictions.commits IS 'Log of all nights, those that did not get published included.';

CREATE VIEW predictions.segment_profiles AS
SELECT p.use_case, p.as_of, p.model, s.segment_id, s.name AS segment, s.description, s.share AS share_at_training,
       s.stability, s.profile, s.distinguishing
FROM nightjar.publication p
JOIN nightjar.commit c ON c.id = p.commit_id
JOIN nightjar.segment s ON s.model_id = c.model_id;
COMMENT ON VIEW predictions.segment_profiles IS 'What characterises the segments that readers see now.';

-- Rights --------------------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA nightjar, nightjar_store TO nightjar_trainer, nightjar_scorer, nightjar_deployer;
GRANT SELECT ON ALL TABLES IN SCHEMA nightjar TO nightjar_trainer, nightjar_scorer, nightjar_deployer;

GRANT INSERT, DELETE ON nightjar.artifact, nightjar.artifact_chunk, nightjar.model_version TO nightjar_trainer;
GRANT INSERT ON nightjar.segment, nightjar.trial, nightjar.decision TO nightjar_trainer;
GRANT INSERT, UPDATE (model_id) ON nightjar.alias TO nightjar_trainer;

GRANT INSERT ON nightjar.artifact, nightjar.artifact_chunk, nightjar.model_version, nightjar.segment,
                nightjar.trial, nightjar.decision TO nightjar_deployer;
GRANT INSERT, UPDATE (model_id) ON nightjar.alias TO nightjar_deployer;

GRANT CREATE ON SCHEMA nightjar_store TO nightjar_scorer;
GRANT INSERT, UPDATE, DELETE ON nightjar.commit, nightjar.commit_stage, nightjar.shard, nightjar.quarantine,
                                nightjar.publication TO nightjar_scorer;
GRANT USAGE ON SCHEMA predictions TO nightjar_scorer, nightjar_analyst;
GRANT SELECT ON predictions.commits, predictions.segment_profiles TO nightjar_scorer, nightjar_analyst;
