-- What the quality gates found, and what that says of the night readers see.

CREATE TABLE nightjar.gate_result (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case     text NOT NULL,
    gate         text NOT NULL CHECK (gate IN ('sources', 'features', 'predictions')),
    as_of        date NOT NULL,
    run_id       text NOT NULL,
    passed       boolean NOT NULL,
    evaluated    integer NOT NULL,
    skipped      jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(skipped) = 'array'),
    docs         text,
    checked_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ON nightjar.gate_result (use_case, checked_at);
CREATE INDEX ON nightjar.gate_result (run_id);
COMMENT ON TABLE nightjar.gate_result IS 'What the quality gates found, also when they passed.';
COMMENT ON COLUMN nightjar.gate_result.passed IS 'No check of severity error failed.';
COMMENT ON COLUMN nightjar.gate_result.evaluated IS 'Checks that were made, the failed ones included, the skipped ones not.';
COMMENT ON COLUMN nightjar.gate_result.skipped IS 'Checks that had nothing to compare with, and why.';
COMMENT ON COLUMN nightjar.gate_result.docs IS 'The page of Data Docs, below the folder NIGHTJAR_DATA_DOCS; NULL where none could be written.';

CREATE TABLE nightjar.gate_failure (
    gate_result_id  bigint NOT NULL REFERENCES nightjar.gate_result (id) ON DELETE CASCADE,
    ordinal         integer NOT NULL,
    subject         text NOT NULL,
    expectation     text NOT NULL,
    arguments       jsonb NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('error', 'warning')),
    found           text NOT NULL,
    sample_rows     jsonb NOT NULL CHECK (jsonb_typeof(sample_rows) = 'array'),
    PRIMARY KEY (gate_result_id, ordinal)
);
COMMENT ON TABLE nightjar.gate_failure IS 'Checks of the gates that did not hold, warnings included.';
COMMENT ON COLUMN nightjar.gate_failure.sample_rows IS 'Up to five whole rows that break it; empty where a check is not about single rows.';

CREATE VIEW predictions.gate_results AS
SELECT r.use_case, r.gate, r.as_of, r.passed, f.expectation, f.severity, f.found, r.checked_at
FROM nightjar.gate_result r LEFT JOIN nightjar.gate_failure f ON f.gate_result_id = r.id;
COMMENT ON VIEW predictions.gate_results IS 'What the quality gates found: a row per failed expectation, one row where all held.';
COMMENT ON COLUMN predictions.gate_results.gate IS 'What was checked: sources, features or predictions.';
COMMENT ON COLUMN predictions.gate_results.as_of IS 'The night that was being made.';
COMMENT ON COLUMN predictions.gate_results.passed IS 'False: the night was not published. Warnings alone do not stop it.';
COMMENT ON COLUMN predictions.gate_results.expectation IS 'What did not hold; NULL where all held.';
COMMENT ON COLUMN predictions.gate_results.severity IS 'error or warning.';
COMMENT ON COLUMN predictions.gate_results.found IS 'What was found instead.';

CREATE VIEW predictions.freshness AS
SELECT p.use_case, p.as_of, p.published_at, p.model, c.rows, c.quarantined, reason.text IS NOT NULL AS stale,
       reason.text AS stale_reason
FROM nightjar.publication p
JOIN nightjar.commit c ON c.id = p.commit_id
LEFT JOIN LATERAL (
    SELECT text FROM (
        (SELECT 1 AS weight, g.checked_at AS moment, 'the gate on the ' || g.gate || ' as of ' || g.as_of || ' failed' AS text
         FROM nightjar.gate_result g
         WHERE g.use_case = p.use_case AND NOT g.passed AND g.as_of >= p.as_of AND g.checked_at > p.published_at)
        UNION ALL
        (SELECT 2, later.started_at, 'the night as of ' || later.as_of
                || CASE later.state WHEN 'open' THEN ' is not out' WHEN 'abandoned' THEN ' was not finished'
                   ELSE ' was taken back' END
         FROM nightjar.commit later
         WHERE later.use_case = p.use_case AND later.as_of > p.as_of
           AND later.state IN ('open', 'published', 'abandoned'))
    ) reasons
    ORDER BY weight, moment DESC LIMIT 1
) reason ON true;
COMMENT ON VIEW predictions.freshness IS 'Which night each prediction table shows; stale when a later night failed a gate, is not out, was not finished, or was taken back.';
COMMENT ON COLUMN predictions.freshness.stale_reason IS 'Why it is stale; NULL where it is not.';

GRANT SELECT ON nightjar.gate_result, nightjar.gate_failure TO nightjar_trainer, nightjar_scorer, nightjar_deployer;
GRANT INSERT ON nightjar.gate_result, nightjar.gate_failure TO nightjar_trainer, nightjar_scorer;
GRANT SELECT ON predictions.gate_results, predictions.freshness TO nightjar_scorer, nightjar_analyst;
