-- name: recent
SELECT r.use_case, r.gate, r.as_of, r.passed, r.evaluated, r.checked_at AS checked, r.docs,
       count(f.*) FILTER (WHERE f.severity = 'warning') AS warnings,
       count(f.*) FILTER (WHERE f.severity = 'error') AS errors
FROM nightjar.gate_result r LEFT JOIN nightjar.gate_failure f ON f.gate_result_id = r.id
GROUP BY r.id
ORDER BY r.id DESC
LIMIT %(limit)s

-- name: of_run
SELECT r.use_case, r.gate, r.as_of, r.passed, r.evaluated, r.checked_at AS checked, r.docs,
       count(f.*) FILTER (WHERE f.severity = 'warning') AS warnings,
       count(f.*) FILTER (WHERE f.severity = 'error') AS errors
FROM nightjar.gate_result r LEFT JOIN nightjar.gate_failure f ON f.gate_result_id = r.id
WHERE r.run_id = %(run_id)s AND r.use_case = %(use_case)s AND r.gate = %(gate)s
GROUP BY r.id
ORDER BY r.id DESC
LIMIT 1
