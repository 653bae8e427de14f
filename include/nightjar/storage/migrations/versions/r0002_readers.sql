-- Who may read which rows, and views over all use cases.

CREATE TABLE nightjar.tenant_grant (
    role_name   text NOT NULL CHECK (role_name <> ''),
    use_case    text NOT NULL,
    tenant      text,
    granted_by  text NOT NULL DEFAULT session_user,
    granted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- In the order in which views ask: is this row's tenant granted to anyone who reads here?
    UNIQUE NULLS NOT DISTINCT (use_case, tenant, role_name)
);
COMMENT ON TABLE nightjar.tenant_grant IS 'Whose rows a role and its members read of use cases that declare a tenant. The owner writes it, no other role.';
COMMENT ON COLUMN nightjar.tenant_grant.role_name IS 'A role of the server; one that does not exist is granted nothing.';
COMMENT ON COLUMN nightjar.tenant_grant.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.tenant_grant.tenant IS 'Value of the declared column, as text; NULL: every tenant, and entities without one.';
COMMENT ON COLUMN nightjar.tenant_grant.granted_by IS 'The login that did it.';
COMMENT ON COLUMN nightjar.tenant_grant.granted_at IS 'When.';

CREATE VIEW nightjar.readable_tenant AS
SELECT use_case, tenant FROM nightjar.tenant_grant
-- The role that the session has taken on, also within functions that act as their owner.
WHERE pg_has_role(coalesce(nullif(current_setting('role'), 'none'), session_user)::name,
                  to_regrole(quote_ident(role_name)), 'MEMBER');
COMMENT ON VIEW nightjar.readable_tenant IS 'What whoever asks is granted; the views of predictions ask it.';
COMMENT ON COLUMN nightjar.readable_tenant.use_case IS 'Name of the use case.';
COMMENT ON COLUMN nightjar.readable_tenant.tenant IS 'A tenant whose entities are shown; NULL: all are.';

CREATE VIEW predictions.reversions AS
SELECT r.use_case, r.happened_at, f.as_of AS from_as_of, t.as_of AS to_as_of, r.reason, r.actor,
       r.from_commit, r.to_commit
FROM nightjar.reversion r
JOIN nightjar.commit f ON f.id = r.from_commit
JOIN nightjar.commit t ON t.id = r.to_commit;
COMMENT ON VIEW predictions.reversions IS 'Every time that readers were sent back to another night, and why.';
COMMENT ON COLUMN predictions.reversions.use_case IS 'Name of the use case.';
COMMENT ON COLUMN predictions.reversions.happened_at IS 'When.';
COMMENT ON COLUMN predictions.reversions.from_as_of IS 'The night that readers saw until then.';
COMMENT ON COLUMN predictions.reversions.to_as_of IS 'The night that they have seen since, until another was published.';
COMMENT ON COLUMN predictions.reversions.reason IS 'Why.';
COMMENT ON COLUMN predictions.reversions.actor IS 'Who did it.';
COMMENT ON COLUMN predictions.reversions.from_commit IS 'Run that made the former; see predictions.commits.';
COMMENT ON COLUMN predictions.reversions.to_commit IS 'Run that made the latter; see predictions.commits.';

-- Replaced when the tables of a segmentation are made.
CREATE VIEW predictions.segment_migrations AS
SELECT NULL::text AS use_case, NULL::date AS as_of, NULL::date AS before_as_of, NULL::integer AS from_segment_id,
       NULL::text AS from_segment, NULL::integer AS to_segment_id, NULL::text AS to_segment,
       NULL::bigint AS households, NULL::double precision AS share
WHERE false;
COMMENT ON VIEW predictions.segment_migrations IS 'Who moved between segments from each kept night to the next, of all segmentations.';
COMMENT ON COLUMN predictions.segment_migrations.use_case IS 'Name of the segmentation.';
COMMENT ON COLUMN predictions.segment_migrations.as_of IS 'The night; only data before this date was used.';
COMMENT ON COLUMN predictions.segment_migrations.before_as_of IS 'The published night before it.';
COMMENT ON COLUMN predictions.segment_migrations.from_segment_id IS 'Segment of the night before; NULL: in none then.';
COMMENT ON COLUMN predictions.segment_migrations.from_segment IS 'Its name then.';
COMMENT ON COLUMN predictions.segment_migrations.to_segment_id IS 'Segment of the night, the same for those who stayed; NULL: in none now.';
COMMENT ON COLUMN predictions.segment_migrations.to_segment IS 'Its name now.';
COMMENT ON COLUMN predictions.segment_migrations.households IS 'How many entities went this way.';
COMMENT ON COLUMN predictions.segment_migrations.share IS 'Of those who come from the same segment, 0 to 1.';

GRANT SELECT ON predictions.reversions, predictions.segment_migrations TO nightjar_scorer, nightjar_analyst;
-- Services look up single entities through functions; they read no view.
GRANT USAGE ON SCHEMA predictions TO nightjar_service;
