-- Readers sent back to an earlier night: by whom, and why.

CREATE TABLE nightjar.reversion (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case     text NOT NULL,
    from_commit  bigint NOT NULL REFERENCES nightjar.commit (id),
    to_commit    bigint NOT NULL REFERENCES nightjar.commit (id),
    reason       text NOT NULL CHECK (btrim(reason) <> ''),
    actor        text NOT NULL,
    login        text NOT NULL DEFAULT session_user,
    happened_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (from_commit <> to_commit)
);
COMMENT ON TABLE nightjar.reversion IS 'Every time that readers were sent back to another night. Only ever added to.';
COMMENT ON COLUMN nightjar.reversion.from_commit IS 'What readers saw until then.';
COMMENT ON COLUMN nightjar.reversion.to_commit IS 'What they have seen since, until a night was published.';
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON nightjar.reversion
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();
GRANT SELECT, INSERT ON nightjar.reversion TO nightjar_scorer;
GRANT SELECT ON nightjar.reversion TO nightjar_trainer, nightjar_deployer;
