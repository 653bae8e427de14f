-- Models that can only score, and files whose content may be run.

CREATE TABLE nightjar.serving_model (
    model_id            bigint PRIMARY KEY REFERENCES nightjar.model_version (id) ON DELETE CASCADE,
    sha256              text NOT NULL REFERENCES nightjar.artifact (sha256),
    opset               integer NOT NULL,
    trees_opset         integer NOT NULL,
    rows                bigint NOT NULL CHECK (rows > 0),
    largest_difference  double precision NOT NULL,
    tolerance           double precision NOT NULL,
    full_seconds        double precision NOT NULL,
    serving_seconds     double precision NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (largest_difference <= tolerance)
);
CREATE INDEX ON nightjar.serving_model (sha256);
COMMENT ON TABLE nightjar.serving_model IS 'The part of a model that scores, as ONNX, with the proof that it answers as the full model does.';
COMMENT ON COLUMN nightjar.serving_model.opset IS 'Version of the ONNX operators it is made of.';
COMMENT ON COLUMN nightjar.serving_model.trees_opset IS 'Version of the ai.onnx.ml operators, those of trees.';
COMMENT ON COLUMN nightjar.serving_model.rows IS 'Rows that both were asked for.';
COMMENT ON COLUMN nightjar.serving_model.largest_difference IS 'Between their answers; relative to answers above 1.';
COMMENT ON COLUMN nightjar.serving_model.tolerance IS 'A larger difference was refused.';
COMMENT ON COLUMN nightjar.serving_model.full_seconds IS 'What the full model took for the rows.';
COMMENT ON COLUMN nightjar.serving_model.serving_seconds IS 'What the serving model took for the same rows.';

CREATE TRIGGER immutable BEFORE UPDATE ON nightjar.serving_model
    FOR EACH ROW EXECUTE FUNCTION nightjar.refuse_change();
CREATE TRIGGER immutable_as_a_whole BEFORE TRUNCATE ON nightjar.serving_model
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();

CREATE TABLE nightjar.trusted_file (
    sha256    text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    comment   text NOT NULL CHECK (btrim(comment) <> ''),
    added_by  text NOT NULL DEFAULT session_user,
    added_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightjar.trusted_file IS 'Pickle files that a person vouched for; to read a pickle is to run it. The owner writes it, no other role.';
COMMENT ON COLUMN nightjar.trusted_file.comment IS 'Why it is trusted.';
COMMENT ON COLUMN nightjar.trusted_file.added_by IS 'The login that did it.';

CREATE TRIGGER immutable BEFORE UPDATE ON nightjar.trusted_file
    FOR EACH ROW EXECUTE FUNCTION nightjar.refuse_change();

GRANT SELECT ON nightjar.serving_model, nightjar.trusted_file
    TO nightjar_trainer, nightjar_scorer, nightjar_deployer;
GRANT INSERT ON nightjar.serving_model TO nightjar_trainer, nightjar_deployer;
