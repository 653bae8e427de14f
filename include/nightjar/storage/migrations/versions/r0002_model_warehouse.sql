-- All facts of a model in one row; the columns are those of openGauss's gs_model_warehouse.

-- Names, values and types of an object's members, in one order: by name, the intercept of a linear model last.
CREATE FUNCTION nightjar.member_names(members jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT key FROM jsonb_each(members) ORDER BY key = 'intercept', key COLLATE "C");
CREATE FUNCTION nightjar.member_values(members jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT value #>> '{}' FROM jsonb_each(members) ORDER BY key = 'intercept', key COLLATE "C");
CREATE FUNCTION nightjar.json_type(value jsonb) RETURNS regtype LANGUAGE sql IMMUTABLE
    RETURN CASE jsonb_typeof(value)
               WHEN 'boolean' THEN 'boolean'::regtype
               WHEN 'number' THEN CASE WHEN value::text ~ '^-?[0-9]{1,18}$' THEN 'bigint'::regtype
                                       ELSE 'double precision'::regtype END
               WHEN 'array' THEN 'jsonb'::regtype
               WHEN 'object' THEN 'jsonb'::regtype
               ELSE 'text'::regtype
           END;
CREATE FUNCTION nightjar.member_types(members jsonb) RETURNS regtype[] LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT nightjar.json_type(value) FROM jsonb_each(members)
                 ORDER BY key = 'intercept', key COLLATE "C");
-- What is too close to zero for a real is an error to Postgres, not a zero.
CREATE FUNCTION nightjar.reals(numbers double precision[]) RETURNS real[] LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT (CASE WHEN abs(number) < 1e-37 THEN 0 ELSE number END)::real
                 FROM unnest(numbers) WITH ORDINALITY AS n (number, place) ORDER BY place);

CREATE VIEW nightjar.model_warehouse AS
SELECT m.name || '@' || m.version AS modelname,
       m.owner AS modelowner,
       m.created_at AS createtime,
       m.processed_rows AS processedtuples,
       m.discarded_rows AS discardedtuples,
       m.preprocess_seconds AS preprocesstime,
       m.fit_seconds AS exectime,
       m.iterations,
       CASE m.kind WHEN 'segmentation' THEN 'integer'::regtype ELSE 'double precision'::regtype END AS outputtype,
       m.algorithm AS modeltype,
       m.training_query AS query,
       -- A subquery is not run for readers of the other columns. No value can have 1 GB, and as text bytes take twice
       -- as much.
       (SELECT string_agg(c.data, ''::bytea ORDER BY c.ordinal)
        FROM nightjar.artifact a JOIN nightjar.artifact_chunk c USING (sha256)
        WHERE a.sha256 = m.sha256 AND a.byte_count <= 500000000) AS modeldata,
       nullif(nightjar.reals(nightjar.member_values(m.coefficients)::double precision[]), '{}') AS weight,
       nightjar.member_names(m.hyperparameters) AS hyperparametersnames,
       nightjar.member_values(m.hyperparameters) AS hyperparametersvalues,
       nightjar.member_types(m.hyperparameters) AS hyperparametersoids,
       nightjar.member_names(m.coefficients) AS coefnames,
       nightjar.member_values(m.coefficients) AS coefvalues,
       array_fill('double precision'::regtype, ARRAY[cardinality(nightjar.member_names(m.coefficients))]) AS coefoids,
       nightjar.member_names(m.training_scores) AS trainingscoresname,
       nightjar.member_values(m.training_scores)::double precision[] AS trainingscoresvalue,
       ARRAY['use case: ' || m.use_case,
             'kind: ' || m.kind,
             'algorithm: ' || m.algorithm,
             'as of: ' || to_char(m.as_of, 'YYYY-MM-DD'),
             'snapshot: ' || m.snapshot,
             'trained on: ' || m.train_split || ', tested on: ' || m.test_split,
             'trained in: ' || m.trained_in || ', with code ' || m.code_version]
       || ARRAY(SELECT 'training ' || key || ': ' || trim_scale(round(value::numeric, 4))
                FROM jsonb_each(m.training_scores) ORDER BY key COLLATE "C")
       || ARRAY(SELECT 'test ' || key || ': ' || trim_scale(round(value::numeric, 4))
                FROM jsonb_each(m.test_scores) ORDER BY key COLLATE "C") AS modeldescribe
FROM nightjar.model_version m;
COMMENT ON VIEW nightjar.model_warehouse IS 'One row per model version, with the columns of openGauss''s gs_model_warehouse.';
COMMENT ON COLUMN nightjar.model_warehouse.preprocesstime IS 'Seconds to read the training and test rows.';
COMMENT ON COLUMN nightjar.model_warehouse.exectime IS 'Seconds to fit the model, the search before it not counted.';
COMMENT ON COLUMN nightjar.model_warehouse.iterations IS 'NULL where the fit is solved at once.';
COMMENT ON COLUMN nightjar.model_warehouse.modeldata IS 'The artifact, in skops format; read only when asked for. NULL above 500 MB: its bytes are in nightjar.artifact_chunk, in the order of ordinal.';
COMMENT ON COLUMN nightjar.model_warehouse.weight IS 'The coefficients of a linear model, ordered as coefnames; NULL for other models.';

GRANT SELECT ON nightjar.model_warehouse TO nightjar_trainer, nightjar_scorer, nightjar_deployer;
