-- name: insert_serving
INSERT INTO nightjar.serving_model (model_id, sha256, opset, trees_opset, rows, largest_difference, tolerance,
                                    full_seconds, serving_seconds)
VALUES (%(model_id)s, %(sha256)s, %(opset)s, %(trees_opset)s, %(rows)s, %(largest_difference)s, %(tolerance)s,
        %(full_seconds)s, %(serving_seconds)s)

-- name: find_serving
SELECT sha256, rows, largest_difference, tolerance, full_seconds, serving_seconds
FROM nightjar.serving_model WHERE model_id = %s

-- name: trust
INSERT INTO nightjar.trusted_file (sha256, comment) VALUES (%s, %s) ON CONFLICT DO NOTHING

-- name: is_trusted
SELECT FROM nightjar.trusted_file WHERE sha256 = %s
