-- name: serialise
SELECT pg_advisory_xact_lock(hashtext('nightjar migration'));

-- name: roles
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'nightjar_owner', 'nightjar_trainer', 'nightjar_scorer', 'nightjar_deployer', 'nightjar_analyst',
        'nightjar_service'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            -- Analysts and services log in as themselves; the other roles are taken on by the platform's own login.
            EXECUTE format('CREATE ROLE %I %s', role_name,
                           CASE WHEN role_name IN ('nightjar_analyst', 'nightjar_service')
                                THEN 'LOGIN' ELSE 'NOLOGIN' END);
        END IF;
        -- From version 16 on, membership alone does not allow SET ROLE.
        IF NOT pg_has_role(current_user, role_name,
                           CASE WHEN current_setting('server_version_num')::int >= 160000
                                THEN 'SET' ELSE 'MEMBER' END) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        END IF;
    END LOOP;
    -- The owner takes over, hence seals, the tables that the trainer writes.
    IF NOT pg_has_role('nightjar_owner', 'nightjar_trainer', 'MEMBER') THEN
        GRANT nightjar_trainer TO nightjar_owner;
    END IF;
END
$$;

-- name: schemas
CREATE SCHEMA IF NOT EXISTS nightjar AUTHORIZATION nightjar_owner;
CREATE SCHEMA IF NOT EXISTS nightjar_store AUTHORIZATION nightjar_owner;
CREATE SCHEMA IF NOT EXISTS snapshots AUTHORIZATION nightjar_owner;
CREATE SCHEMA IF NOT EXISTS predictions AUTHORIZATION nightjar_owner;
CREATE SCHEMA IF NOT EXISTS retail AUTHORIZATION nightjar_owner;
COMMENT ON SCHEMA nightjar IS 'Catalog: snapshots, models, commits, gates. For the platform.';
COMMENT ON SCHEMA nightjar_store IS 'Stored rows behind the views of the other schemas. For the platform.';
COMMENT ON SCHEMA snapshots IS 'One read-only view per dataset snapshot, named name@version.';
COMMENT ON SCHEMA predictions IS 'What analysts and services read: today''s predictions, their history, freshness.';
COMMENT ON SCHEMA retail IS 'The sample business: a grocery retailer''s year 2017.';
