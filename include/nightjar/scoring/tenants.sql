-- name: grant
INSERT INTO nightjar.tenant_grant (role_name, use_case, tenant) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING

-- name: revoke
DELETE FROM nightjar.tenant_grant WHERE role_name = %s AND use_case = %s AND tenant IS NOT DISTINCT FROM %s

-- name: granted_to
SELECT tenant FROM nightjar.tenant_grant WHERE role_name = %s AND use_case = %s ORDER BY tenant

-- name: grants
SELECT role_name AS role, use_case, tenant, granted_by, granted_at FROM nightjar.tenant_grant
ORDER BY use_case, role_name, tenant

-- name: roles
SELECT rolname AS name FROM pg_roles
