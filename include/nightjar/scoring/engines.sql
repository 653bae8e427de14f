-- name: find
SELECT engine FROM nightjar.scoring_engine WHERE model_id = %s

-- name: keep
INSERT INTO nightjar.scoring_engine (model_id, engine, seconds) VALUES (%s, %s, %s) ON CONFLICT (model_id) DO NOTHING
