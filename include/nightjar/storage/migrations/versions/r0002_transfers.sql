-- Models on their way between databases: whose signatures count, what was moved, and where each model has been.

CREATE TABLE nightjar.trusted_key (
    key_id         text PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{16}$'),
    public_key     bytea NOT NULL CHECK (octet_length(public_key) = 32),
    reason         text NOT NULL CHECK (btrim(reason) <> ''),
    trusted_by     text NOT NULL DEFAULT session_user,
    trusted_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_by     text,
    revoked_at     timestamptz,
    revoke_reason  text CHECK (btrim(revoke_reason) <> ''),
    CHECK (num_nulls(revoked_by, revoked_at, revoke_reason) IN (0, 3))
);
COMMENT ON TABLE nightjar.trusted_key IS 'Public Ed25519 keys: what they signed is imported here. The owner writes it, no other role.';
COMMENT ON COLUMN nightjar.trusted_key.key_id IS 'The first 16 hexadecimal digits of the sha256 of the public key.';
COMMENT ON COLUMN nightjar.trusted_key.revoked_at IS 'Since then nothing that it signed is imported; a revoked key is not trusted again.';

CREATE FUNCTION nightjar.require_revocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL
       OR ROW (NEW.key_id, NEW.public_key, NEW.reason, NEW.trusted_by, NEW.trusted_at)
          IS DISTINCT FROM ROW (OLD.key_id, OLD.public_key, OLD.reason, OLD.trusted_by, OLD.trusted_at) THEN
        RAISE EXCEPTION 'A trusted key can be revoked, once, and not be changed otherwise.'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION nightjar.require_revocation IS 'Trigger that lets a trusted key be revoked and nothing else.';
CREATE TRIGGER only_revoked BEFORE UPDATE ON nightjar.trusted_key
    FOR EACH ROW EXECUTE FUNCTION nightjar.require_revocation();
CREATE TRIGGER lasting BEFORE DELETE OR TRUNCATE ON nightjar.trusted_key
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();

CREATE TABLE nightjar.transfer_job (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (btrim(name) <> ''),
    direction     text NOT NULL CHECK (direction IN ('export', 'import')),
    mode          text NOT NULL CHECK (mode IN ('schema', 'model', 'serving')),
    bundle        text,
    models        text[] NOT NULL,
    source        text NOT NULL,
    target        text,
    bytes         bigint NOT NULL,
    parts         integer NOT NULL,
    key_id        text,
    parity        jsonb NOT NULL,
    actor         text NOT NULL,
    login         text NOT NULL DEFAULT session_user,
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightjar.transfer_job IS 'What was exported from here and imported into here. Only ever added to; what failed left nothing, hence no row.';
COMMENT ON COLUMN nightjar.transfer_job.bundle IS 'Name of the file set; NULL where it went from database to database.';
COMMENT ON COLUMN nightjar.transfer_job.models IS 'As name@version; those that were here already are not among them.';
COMMENT ON COLUMN nightjar.transfer_job.target IS 'NULL for an export into files, which may go anywhere.';
COMMENT ON COLUMN nightjar.transfer_job.parity IS 'Of an import, by model: rows that both sides scored, the largest difference, the tolerance.';
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON nightjar.transfer_job
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();

CREATE VIEW nightjar.model_journey AS
SELECT m.name || '@' || m.version AS model, h.place::integer, h.hop->>'source' AS source, h.hop->>'target' AS target,
       h.hop->>'mode' AS mode, h.hop->>'bundle' AS bundle, h.hop->>'key_id' AS key_id,
       (h.hop->>'moved_at')::timestamptz AS moved_at
FROM nightjar.model_version m, jsonb_array_elements(m.journey) WITH ORDINALITY AS h (hop, place);
COMMENT ON VIEW nightjar.model_journey IS 'The databases that a model came through on its way here, in order; none for a model that was trained here.';

GRANT SELECT ON nightjar.trusted_key, nightjar.transfer_job, nightjar.model_journey
    TO nightjar_trainer, nightjar_scorer, nightjar_deployer;
GRANT INSERT ON nightjar.transfer_job TO nightjar_trainer, nightjar_deployer;

CREATE TABLE nightjar.parity_sample (
    model_id  bigint PRIMARY KEY REFERENCES nightjar.model_version (id) ON DELETE CASCADE,
    sample    text NOT NULL
);
COMMENT ON TABLE nightjar.parity_sample IS 'Rows with a model''s answers when it was registered, as JSON: they travel with it and prove each copy.';
CREATE TRIGGER immutable BEFORE UPDATE ON nightjar.parity_sample
    FOR EACH ROW EXECUTE FUNCTION nightjar.refuse_change();
GRANT SELECT ON nightjar.parity_sample TO nightjar_trainer, nightjar_scorer, nightjar_deployer;
GRANT INSERT ON nightjar.parity_sample TO nightjar_trainer, nightjar_deployer;
