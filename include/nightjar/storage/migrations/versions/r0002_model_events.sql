-- What happened to models: written by triggers, so that no way of changing a model or an alias goes unrecorded.

CREATE TABLE nightjar.model_event (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor        text NOT NULL,
    login        text NOT NULL DEFAULT session_user,
    event        text NOT NULL CHECK (event IN (
                     'registered', 'imported', 'alias moved', 'dropped',
                     'replaced',            -- by an import that was told to
                     'imported again')),    -- what replaced it
    name         text NOT NULL,
    version      integer NOT NULL,
    model        text GENERATED ALWAYS AS (name || '@' || version::text) STORED,
    use_case     text NOT NULL,
    details      jsonb NOT NULL,
    reason       text
);
-- A version comes into being once, also when it has been dropped since.
CREATE UNIQUE INDEX model_event_version_once ON nightjar.model_event (name, version)
    WHERE event IN ('registered', 'imported');
CREATE INDEX ON nightjar.model_event (use_case, happened_at);
COMMENT ON TABLE nightjar.model_event IS 'Audit of the registry: every model that came or went, every move of an alias. Only ever added to.';
COMMENT ON COLUMN nightjar.model_event.actor IS 'Who is said to have done it; without a word on that, the role.';
COMMENT ON COLUMN nightjar.model_event.login IS 'The login that did it.';

-- Callers explain a change in settings of their transaction; what they leave out is recorded as such.
CREATE FUNCTION nightjar.given_actor() RETURNS text LANGUAGE sql STABLE
    RETURN coalesce(nullif(current_setting('nightjar.actor', true), ''), nullif(current_setting('role'), 'none'),
                    session_user::text);
CREATE FUNCTION nightjar.given_reason() RETURNS text LANGUAGE sql STABLE
    RETURN nullif(current_setting('nightjar.reason', true), '');

CREATE FUNCTION nightjar.record_model() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    subject nightjar.model_version;
    event text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        subject := OLD;
        event := CASE current_setting('nightjar.replacing', true) WHEN 'on' THEN 'replaced' ELSE 'dropped' END;
    ELSE
        subject := NEW;
        event := CASE
            WHEN (SELECT e.event FROM nightjar.model_event e WHERE (e.name, e.version) = (NEW.name, NEW.version)
                  AND e.event <> 'alias moved' ORDER BY e.id DESC LIMIT 1) = 'replaced' THEN 'imported again'
            WHEN NEW.imported_at IS NULL THEN 'registered'
            ELSE 'imported' END;
    END IF;
    INSERT INTO nightjar.model_event (actor, event, name, version, use_case, details, reason)
    VALUES (nightjar.given_actor(), event, subject.name, subject.version, subject.use_case,
            jsonb_build_object('algorithm', subject.algorithm, 'snapshot', subject.snapshot,
                               'sha256', subject.sha256, 'trained_in', subject.trained_in,
                               'owner', subject.owner, 'created', subject.created_at),
            nightjar.given_reason());
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION nightjar.record_model IS 'Trigger that records models as they come and go.';

CREATE FUNCTION nightjar.record_alias_move() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target nightjar.model_version;
    previous text;
BEGIN
    IF NEW.model_id IS NOT DISTINCT FROM OLD.model_id THEN
        RETURN NULL;
    END IF;
    SELECT * INTO target FROM nightjar.model_version WHERE id = NEW.model_id;
    SELECT name || '@' || version INTO previous FROM nightjar.model_version WHERE id = OLD.model_id;
    INSERT INTO nightjar.alias_move (use_case, alias, model, previous, reason, actor)
    VALUES (NEW.use_case, NEW.alias, target.name || '@' || target.version, previous,
            coalesce(nightjar.given_reason(), 'none given'), nightjar.given_actor());
    INSERT INTO nightjar.model_event (actor, event, name, version, use_case, details, reason)
    VALUES (nightjar.given_actor(), 'alias moved', target.name, target.version, NEW.use_case,
            jsonb_build_object('alias', NEW.alias, 'previous', previous), nightjar.given_reason());
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION nightjar.record_alias_move IS 'Trigger that records the moves of aliases, each with the model it left.';

-- Whoever may execute them could hang them on a table of their own, and so make up history.
REVOKE EXECUTE ON FUNCTION nightjar.record_model, nightjar.record_alias_move FROM PUBLIC;

CREATE TRIGGER record AFTER INSERT OR DELETE ON nightjar.model_version
    FOR EACH ROW EXECUTE FUNCTION nightjar.record_model();
CREATE TRIGGER immutable_as_a_whole BEFORE TRUNCATE ON nightjar.model_version
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();

CREATE TRIGGER record AFTER INSERT OR UPDATE ON nightjar.alias
    FOR EACH ROW EXECUTE FUNCTION nightjar.record_alias_move();
-- An alias moves to another model; it does not vanish and is not renamed.
CREATE TRIGGER lasting BEFORE UPDATE OF use_case, alias OR DELETE OR TRUNCATE ON nightjar.alias
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();

CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON nightjar.model_event
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();
CREATE TRIGGER written_by_triggers BEFORE INSERT ON nightjar.model_event
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION nightjar.refuse_change();
CREATE TRIGGER written_by_triggers BEFORE INSERT ON nightjar.alias_move
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION nightjar.refuse_change();

CREATE VIEW nightjar.alias_period AS
SELECT use_case, alias, model, moved_at AS since,
       lead(moved_at) OVER (PARTITION BY use_case, alias ORDER BY id) AS until, actor, reason
FROM nightjar.alias_move;
COMMENT ON VIEW nightjar.alias_period IS 'Which model an alias pointed at, from when until when; until is NULL for the present one.';

GRANT SELECT ON nightjar.model_event, nightjar.alias_period TO nightjar_trainer, nightjar_scorer, nightjar_deployer;
