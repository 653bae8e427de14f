-- name: relations
SELECT n.nspname AS schema, obj_description(n.oid, 'pg_namespace') AS schema_comment, c.relname AS name,
       CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind, obj_description(c.oid, 'pg_class') AS comment,
       ARRAY(SELECT r.rolname::text FROM pg_roles r
             WHERE r.rolname = ANY (%(roles)s) AND has_table_privilege(r.oid, c.oid, 'SELECT')
             ORDER BY array_position(%(roles)s, r.rolname::text)) AS readers,
       (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                                            'comment', col_description(c.oid, a.attnum)) ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'v', 'm', 'p')
ORDER BY array_position(%(schemas)s, n.nspname::text), c.relname COLLATE "C"

-- name: functions
SELECT p.proname AS name, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
       obj_description(p.oid, 'pg_proc') AS comment,
       ARRAY(SELECT r.rolname::text FROM pg_roles r
             WHERE r.rolname = ANY (%(roles)s) AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
             ORDER BY array_position(%(roles)s, r.rolname::text)) AS callers
FROM pg_proc p
WHERE p.pronamespace = 'predictions'::regnamespace
ORDER BY p.proname COLLATE "C"
