CREATE SEQUENCE nightjar.snapshot_id;

CREATE TABLE nightjar.snapshot (
    id             bigint PRIMARY KEY,
    name           text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 40),
    major          integer NOT NULL CHECK (major >= 0),
    minor          integer NOT NULL CHECK (minor >= 0),
    patch          integer NOT NULL CHECK (patch >= 0),
    full_name      text GENERATED ALWAYS AS
                       (name || '@' || major::text || '.' || minor::text || '.' || patch::text) STORED UNIQUE,
    -- prepared -> published; prepared | published -> archived; archived -> published; any -> purged
    state          text NOT NULL CHECK (state IN (
                       'prepared',   -- may still be thrown away; not trained on
                       'published',  -- trained on
                       'archived',   -- kept for the record; neither trained on nor a parent
                       'purged')),   -- its rows are gone; the number is not used again
    parent_id      bigint REFERENCES nightjar.snapshot (id),
    statements     text[] NOT NULL,
    unreplayable   text,
    schema_columns jsonb NOT NULL,
    row_count      bigint NOT NULL CHECK (row_count >= 0),
    byte_count     bigint NOT NULL CHECK (byte_count >= 0),
    content_hash   text NOT NULL CHECK (content_hash ~ '^[0-9a-f]{32}$'),
    use_case       text,
    as_of          date,
    owner          text NOT NULL DEFAULT session_user,
    comment        text,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (name, major, minor, patch)
);
COMMENT ON TABLE nightjar.snapshot IS 'Versioned, immutable training data; rows are read through snapshots."name@version".';
COMMENT ON COLUMN nightjar.snapshot.statements IS 'What made it: a query, then changes. Those of purged parents come first.';
COMMENT ON COLUMN nightjar.snapshot.unreplayable IS 'Why the statements may give other rows today; NULL when they cannot.';
COMMENT ON COLUMN nightjar.snapshot.schema_columns IS 'Columns in order: name, type, and the snapshot that introduced the column.';
COMMENT ON COLUMN nightjar.snapshot.byte_count IS 'What it stores itself, its shares of its ancestors'' layers not counted.';
COMMENT ON COLUMN nightjar.snapshot.content_hash IS 'Hash of the rows, whatever their order and however they are stored.';
COMMENT ON COLUMN nightjar.snapshot.owner IS 'The login that made it.';
CREATE INDEX ON nightjar.snapshot (parent_id);

CREATE TABLE nightjar.living_snapshot (
    snapshot_id  bigint PRIMARY KEY REFERENCES nightjar.snapshot (id)
);
COMMENT ON TABLE nightjar.living_snapshot IS 'Snapshots that are not purged. What needs the rows of one refers to it here, which refuses the purge.';

CREATE TABLE nightjar.layer (
    id              bigint PRIMARY KEY,
    schema_columns  jsonb NOT NULL,
    row_count       bigint NOT NULL
);
COMMENT ON TABLE nightjar.layer IS 'Stored rows, nightjar_store.layer_<id>, written once by the snapshot of the same id and shared by its descendants.';
COMMENT ON COLUMN nightjar.layer.row_count IS 'Rows when written; nightjar_row numbers them from 0.';

CREATE TABLE nightjar.snapshot_layer (
    snapshot_id  bigint NOT NULL REFERENCES nightjar.living_snapshot (snapshot_id) ON DELETE CASCADE,
    layer_id     bigint NOT NULL REFERENCES nightjar.layer (id),
    hidden       bit varying,
    PRIMARY KEY (snapshot_id, layer_id)
);
CREATE INDEX ON nightjar.snapshot_layer (layer_id);
COMMENT ON TABLE nightjar.snapshot_layer IS 'The layers whose rows a snapshot shows.';
COMMENT ON COLUMN nightjar.snapshot_layer.hidden IS 'A bit per row of the layer, 1 where the snapshot does not show it; NULL when it shows all.';

-- What keeps them as they are -------------------------------------------------------------------------------

CREATE FUNCTION nightjar.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The arguments, if any: a setting, and the operation that passes while it is on.
    IF TG_NARGS = 2 AND TG_OP = TG_ARGV[1] AND current_setting(TG_ARGV[0], true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '%.% is immutable: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
COMMENT ON FUNCTION nightjar.refuse_change IS 'Trigger that keeps snapshots, model versions and the audit trail as they were written.';

CREATE FUNCTION nightjar.guard_snapshot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('nightjar.purging', true) = 'on' THEN
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - '{state,full_name}'::text[] <> to_jsonb(OLD) - '{state,full_name}'::text[] THEN
        RAISE EXCEPTION 'nightjar.snapshot is immutable: only the state changes' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT (NEW.state = 'published' AND OLD.state IN ('prepared', 'archived')
            OR NEW.state = 'archived' AND OLD.state IN ('prepared', 'published')) THEN
        RAISE EXCEPTION '% does not become %', OLD.state, NEW.state USING ERRCODE = 'NJ001';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION nightjar.guard_snapshot IS 'Trigger that allows the moves between states and nothing else.';

CREATE TRIGGER guard BEFORE UPDATE ON nightjar.snapshot FOR EACH ROW EXECUTE FUNCTION nightjar.guard_snapshot();
CREATE TRIGGER immutable BEFORE DELETE OR TRUNCATE ON nightjar.snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON nightjar.living_snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change('nightjar.purging', 'DELETE');
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON nightjar.layer
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change('nightjar.purging', 'DELETE');
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON nightjar.snapshot_layer
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change('nightjar.purging', 'DELETE');
CREATE TRIGGER adding BEFORE INSERT ON nightjar.snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change('nightjar.adding', 'INSERT');
CREATE TRIGGER adding BEFORE INSERT ON nightjar.living_snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change('nightjar.adding', 'INSERT');
CREATE TRIGGER adding BEFORE INSERT ON nightjar.layer
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change('nightjar.adding', 'INSERT');
CREATE TRIGGER adding BEFORE INSERT ON nightjar.snapshot_layer
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change('nightjar.adding', 'INSERT');
