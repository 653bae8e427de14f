-- Only these functions write snapshots; they act as their owner, the callers have no right to.
-- Error NJ001: the state does not allow it. unique_violation: the name and version are taken.

CREATE FUNCTION nightjar.run(statement text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    touched bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS touched = ROW_COUNT;
    RETURN touched;
END
$$;
COMMENT ON FUNCTION nightjar.run IS 'Runs SQL that people wrote, as the trainer, who cannot take another role in here; returns the rows touched.';

CREATE FUNCTION nightjar.refuse_inside_run() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    callers text;
BEGIN
    GET DIAGNOSTICS callers = PG_CONTEXT;
    IF callers ~ '\mrun\(text\)' THEN
        RAISE EXCEPTION 'snapshots are not changed from within a query' USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
COMMENT ON FUNCTION nightjar.refuse_inside_run IS 'Refuses to go on when SQL that people wrote for a snapshot is the caller.';

CREATE FUNCTION nightjar.columns_of(relation regclass) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod)
                || CASE WHEN a.attcollation <> t.typcollation
                        THEN format(' COLLATE %I.%I', n.nspname, c.collname) ELSE '' END) ORDER BY a.attnum), '[]')
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_collation c ON c.oid = a.attcollation
    LEFT JOIN pg_namespace n ON n.oid = c.collnamespace
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'nightjar_row'
$$;
COMMENT ON FUNCTION nightjar.columns_of IS 'Names and types of a table''s columns, as SQL that means the same on any search path.';

CREATE FUNCTION nightjar.snapshot_query(given_id bigint, identified boolean DEFAULT false) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT string_agg(
        format('SELECT %s%s FROM nightjar_store.%I%s',
               CASE WHEN identified
                    THEN format('%s::bigint AS nightjar_layer, nightjar_row, ', p.layer_id) ELSE '' END,
               shown.list,
               'layer_' || p.layer_id,
               -- Concatenating makes the bits plain once, not once per row. <> is estimated to keep nearly all rows.
               CASE WHEN p.hidden IS NULL THEN '' ELSE format(
                   ' WHERE get_bit((SELECT hidden || B'''' FROM nightjar.snapshot_layer'
                   ' WHERE snapshot_id = %s AND layer_id = %s), nightjar_row) <> 1', s.id, p.layer_id) END),
        E'\nUNION ALL\n' ORDER BY p.layer_id)
    FROM nightjar.snapshot s
    JOIN nightjar.snapshot_layer p ON p.snapshot_id = s.id
    JOIN nightjar.layer g ON g.id = p.layer_id
    CROSS JOIN LATERAL (
        SELECT string_agg(
            -- A column that was dropped and added again is another one.
            CASE WHEN g.schema_columns @> jsonb_build_array(c.value) THEN format('%I', c.value ->> 'name')
                 ELSE format('NULL::%s AS %I', c.value ->> 'type', c.value ->> 'name') END,
            ', ' ORDER BY c.position) AS list
        FROM jsonb_array_elements(s.schema_columns) WITH ORDINALITY AS c (value, position)
    ) shown
    WHERE s.id = given_id
$$;
COMMENT ON FUNCTION nightjar.snapshot_query IS 'The query that shows a snapshot''s rows, with the place where each is stored if identified.';

CREATE FUNCTION nightjar.hold_snapshot(given_id bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT FROM nightjar.snapshot WHERE id = given_id FOR KEY SHARE
$$;
COMMENT ON FUNCTION nightjar.hold_snapshot IS 'Keeps a snapshot from being purged until the transaction ends.';

CREATE FUNCTION nightjar.keep_layer(given_id bigint, schema_columns jsonb, row_count bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    stored text := 'layer_' || given_id;
BEGIN
    PERFORM nightjar.refuse_inside_run();
    PERFORM set_config('nightjar.adding', 'on', true);
    INSERT INTO nightjar.layer VALUES (given_id, schema_columns, row_count);
    PERFORM set_config('nightjar.adding', 'off', true);
    EXECUTE format('ALTER TABLE nightjar_store.%I OWNER TO nightjar_owner', stored);
    EXECUTE format('GRANT SELECT ON nightjar_store.%I TO nightjar_trainer', stored);
    EXECUTE format('CREATE TRIGGER immutable BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON nightjar_store.%I'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change(%L, %L)',
                   stored, 'nightjar.purging', 'DELETE');
END
$$;
COMMENT ON FUNCTION nightjar.keep_layer IS 'Takes over a table that the caller made, nightjar_store.layer_<id>, and makes it immutable.';

CREATE FUNCTION nightjar.next_version(parent bigint, change text) RETURNS integer[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$
    SELECT wanted.version
    FROM nightjar.snapshot p
    CROSS JOIN LATERAL generate_series(1, (SELECT count(*) + 1 FROM nightjar.snapshot s WHERE s.name = p.name)::integer) step
    CROSS JOIN LATERAL (
        SELECT CASE change WHEN 'major' THEN ARRAY[p.major + step, 0, 0]
                           WHEN 'minor' THEN ARRAY[p.major, p.minor + step, 0]
                           WHEN 'patch' THEN ARRAY[p.major, p.minor, p.patch + step] END AS version
    ) wanted
    WHERE p.id = parent
      AND NOT EXISTS (SELECT FROM nightjar.snapshot s
                      WHERE s.name = p.name AND ARRAY[s.major, s.minor, s.patch] = wanted.version)
    ORDER BY step
    LIMIT 1
$$;
COMMENT ON FUNCTION nightjar.next_version IS 'The next free version of a child; numbers of purged snapshots are not free.';

CREATE FUNCTION nightjar.add_snapshot(facts jsonb, layers bigint[], hidden bit varying[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    given_id bigint := facts ->> 'id';
    parent nightjar.snapshot;
    number integer[];
    full_name text;
    shown record;
BEGIN
    PERFORM nightjar.refuse_inside_run();
    IF facts ->> 'parent_id' IS NOT NULL THEN
        SELECT * INTO parent FROM nightjar.snapshot WHERE id = (facts ->> 'parent_id')::bigint;
        IF parent.state NOT IN ('prepared', 'published') THEN
            RAISE EXCEPTION 'the parent became % meanwhile', parent.state USING ERRCODE = 'NJ001';
        END IF;
    END IF;
    -- Concurrent children of one name get their numbers one after the other.
    PERFORM pg_advisory_xact_lock(hashtext('nightjar snapshot version'), hashtext(facts ->> 'name'));
    IF facts ->> 'version' IS NULL THEN
        number := nightjar.next_version(parent.id, facts ->> 'change');
    ELSE
        number := ARRAY(SELECT jsonb_array_elements_text(facts -> 'version')::integer);
    END IF;
    PERFORM set_config('nightjar.adding', 'on', true);
    INSERT INTO nightjar.snapshot (id, name, major, minor, patch, state, parent_id, statements, unreplayable,
                                   schema_columns, row_count, byte_count, content_hash, use_case, as_of, comment)
    SELECT given_id, f.name, number[1], number[2], number[3], f.state, f.parent_id, f.statements, f.unreplayable,
           f.schema_columns, f.row_count,
           coalesce((SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c
                     WHERE c.relnamespace = 'nightjar_store'::regnamespace AND c.relname = 'layer_' || given_id), 0)
           + coalesce((SELECT sum(octet_length(h)) FROM unnest(hidden) h), 0),
           f.content_hash, f.use_case, f.as_of, f.comment
    FROM jsonb_to_record(facts) AS f (name text, state text, parent_id bigint, statements text[], unreplayable text,
                                      schema_columns jsonb, row_count bigint, content_hash text, use_case text,
                                      as_of date, comment text)
    RETURNING snapshot.full_name INTO full_name;
    INSERT INTO nightjar.living_snapshot VALUES (given_id);
    INSERT INTO nightjar.snapshot_layer
    SELECT given_id, part.layer, part.hidden FROM unnest(layers, hidden) AS part (layer, hidden);
    PERFORM set_config('nightjar.adding', 'off', true);

    -- With a barrier, no condition of a reader is asked of a hidden row: it may fail there, or tell of it.
    EXECUTE format('CREATE VIEW snapshots.%I WITH (security_barrier = %s) AS %s', full_name,
                   EXISTS (SELECT FROM unnest(hidden) h WHERE h IS NOT NULL), nightjar.snapshot_query(given_id));
    EXECUTE format('COMMENT ON VIEW snapshots.%I IS %L', full_name,
                   coalesce(facts ->> 'comment', format('Dataset snapshot of %s rows.', facts ->> 'row_count')));
    FOR shown IN
        SELECT c.name, c.type, s.full_name AS since
        FROM jsonb_to_recordset(facts -> 'schema_columns') AS c (name text, type text, since bigint)
        LEFT JOIN nightjar.snapshot s ON s.id = c.since
    LOOP
        EXECUTE format('COMMENT ON COLUMN snapshots.%I.%I IS %L', full_name, shown.name,
                       format('%s, introduced by %s.', shown.type, coalesce(shown.since, full_name)));
    END LOOP;
    EXECUTE format('GRANT SELECT ON snapshots.%I TO nightjar_trainer WITH GRANT OPTION', full_name);
END
$$;
COMMENT ON FUNCTION nightjar.add_snapshot IS 'Enters a snapshot into the catalog and makes its view; gives a child its version.';

CREATE FUNCTION nightjar.move_snapshot(given_id bigint, target text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM nightjar.refuse_inside_run();
    -- Whoever calls may have set it, to move as only a purge does.
    PERFORM set_config('nightjar.purging', 'off', true);
    UPDATE nightjar.snapshot SET state = target WHERE id = given_id;
END
$$;
COMMENT ON FUNCTION nightjar.move_snapshot IS 'Moves a snapshot into another state, if that is allowed.';

CREATE FUNCTION nightjar.purge_snapshot(given_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
-- Whoever reads the rows goes first; the caller tries again.
SET lock_timeout = '100ms' SET search_path = pg_catalog AS $$
DECLARE
    gone nightjar.snapshot;
    shared bigint[];
    one bigint;
    dead bit varying;
BEGIN
    PERFORM nightjar.refuse_inside_run();
    -- Two purges at once would each leave a shared layer to the other.
    PERFORM pg_advisory_xact_lock(hashtext('nightjar snapshot purge'));
    SELECT * INTO gone FROM nightjar.snapshot WHERE id = given_id FOR UPDATE;
    IF gone.state = 'purged' THEN
        RAISE EXCEPTION 'it is purged' USING ERRCODE = 'NJ001';
    END IF;
    shared := ARRAY(SELECT layer_id FROM nightjar.snapshot_layer WHERE snapshot_id = given_id ORDER BY layer_id);
    PERFORM set_config('nightjar.purging', 'on', true);
    DELETE FROM nightjar.living_snapshot WHERE snapshot_id = given_id;
    EXECUTE format('DROP VIEW snapshots.%I', gone.full_name);
    FOREACH one IN ARRAY shared LOOP
        IF NOT EXISTS (SELECT FROM nightjar.snapshot_layer WHERE layer_id = one) THEN
            EXECUTE format('DROP TABLE nightjar_store.%I', 'layer_' || one);
            DELETE FROM nightjar.layer WHERE id = one;
        ELSE
            SELECT bit_and(p.hidden) INTO dead FROM nightjar.snapshot_layer p WHERE p.layer_id = one
            HAVING count(*) = count(p.hidden);
            IF position(B'1' IN dead) > 0 THEN
                EXECUTE format('DELETE FROM nightjar_store.%I WHERE get_bit($1, nightjar_row) = 1',
                               'layer_' || one) USING dead;
            END IF;
        END IF;
    END LOOP;
    UPDATE nightjar.snapshot
    SET parent_id = gone.parent_id, statements = gone.statements || statements,
        unreplayable = coalesce(gone.unreplayable, unreplayable)
    WHERE parent_id = given_id;
    UPDATE nightjar.snapshot SET state = 'purged' WHERE id = given_id;
    PERFORM set_config('nightjar.purging', 'off', true);
END
$$;
COMMENT ON FUNCTION nightjar.purge_snapshot IS 'Deletes what only this snapshot shows; its children become its parent''s and keep every row.';

-- Rights ----------------------------------------------------------------------------------------------------

-- Names of snapshots are no secret; their rows are, until a right to a view is granted.
GRANT USAGE ON SCHEMA snapshots TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA nightjar_store TO nightjar_trainer;
GRANT USAGE ON SEQUENCE nightjar.snapshot_id TO nightjar_trainer;
GRANT CREATE ON SCHEMA nightjar TO nightjar_trainer;
ALTER FUNCTION nightjar.run OWNER TO nightjar_trainer;
REVOKE CREATE ON SCHEMA nightjar FROM nightjar_trainer;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA nightjar FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nightjar.run, nightjar.columns_of, nightjar.snapshot_query, nightjar.hold_snapshot,
    nightjar.keep_layer, nightjar.add_snapshot, nightjar.move_snapshot, nightjar.purge_snapshot TO nightjar_trainer;
