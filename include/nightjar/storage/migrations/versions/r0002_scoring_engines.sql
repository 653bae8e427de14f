-- What scores a model in this database: measured here, hence not carried to another one.

CREATE TABLE nightjar.scoring_engine (
    model_id     bigint PRIMARY KEY REFERENCES nightjar.model_version (id) ON DELETE CASCADE,
    engine       text NOT NULL CHECK (engine IN (
                     'full',        -- the fitted pipeline
                     'serving',     -- its serving model
                     'compiled',    -- the trees of its serving model as machine code
                     'database')),  -- its serving model as SQL
    seconds      jsonb NOT NULL,
    measured_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightjar.scoring_engine IS 'Which form of a model scores here: the fastest one on the first night''s rows, of those proved to answer the same.';
COMMENT ON COLUMN nightjar.scoring_engine.engine IS 'full, serving, compiled or database.';
COMMENT ON COLUMN nightjar.scoring_engine.seconds IS 'What each of them took for the same rows, from the database to their predictions.';
GRANT SELECT, INSERT ON nightjar.scoring_engine TO nightjar_scorer;
GRANT SELECT ON nightjar.scoring_engine TO nightjar_trainer, nightjar_deployer;
