-- name: of_segment
SELECT {columns}, distance AS nightjar_score FROM {history} WHERE commit_id = {commit} AND segment_id = {number}

-- name: of_decile
SELECT {columns}, nightjar_score
FROM (
    SELECT *, {score} AS nightjar_score, ntile(10) OVER (ORDER BY {score} DESC, {keys}) AS nightjar_decile
    FROM {history} WHERE commit_id = {commit}
) night
WHERE nightjar_decile = {number}

-- name: draw
CREATE TEMPORARY TABLE nightjar_drawn ON COMMIT DROP AS
SELECT *, row_number() OVER (PARTITION BY nightjar_stratum ORDER BY md5({salt} || nightjar_entity::text) COLLATE "C")
              AS nightjar_place
FROM (
    SELECT *, ARRAY[{texts}] AS nightjar_entity, ntile({strata}) OVER (ORDER BY nightjar_score, {keys}) AS nightjar_stratum
    FROM ({selected}) selected
) stratified

-- name: strata
SELECT count(*) AS entities FROM nightjar_drawn GROUP BY nightjar_stratum ORDER BY nightjar_stratum

-- name: hold_out
ALTER TABLE nightjar_drawn ADD COLUMN nightjar_arm text
    GENERATED ALWAYS AS (CASE WHEN nightjar_place <= ({quotas}::bigint[])[nightjar_stratum]
                              THEN 'hold-out' ELSE 'treated' END) STORED

-- name: list
SELECT {columns} FROM nightjar_drawn WHERE nightjar_arm = 'treated' ORDER BY {keys}

-- name: record
INSERT INTO nightjar.campaign (name, use_case, as_of, commit_id, selection, hold_out_share, seed, treated, held_out,
                               target, actor)
VALUES (%(name)s, %(use_case)s, %(as_of)s, %(commit_id)s, %(selection)s, %(hold_out_share)s, %(seed)s, %(treated)s,
        %(held_out)s, %(target)s, %(actor)s)
RETURNING id

-- name: record_entities
INSERT INTO nightjar.campaign_entity (campaign_id, entity, arm)
SELECT %s, nightjar_entity, nightjar_arm FROM nightjar_drawn

-- name: campaigns
SELECT g.id, g.name, g.use_case, g.as_of, c.model, g.commit_id, g.selection, g.hold_out_share, g.seed, g.treated,
       g.held_out, g.target, g.actor, g.created_at
FROM nightjar.campaign g JOIN nightjar.commit c ON c.id = g.commit_id
WHERE %(name)s::text IS NULL OR g.name = %(name)s
ORDER BY g.id

-- name: outcomes
SELECT e.arm, count(*) AS entities, {aggregates}
FROM nightjar.campaign_entity e
LEFT JOIN (SELECT *, ARRAY[{texts}] AS nightjar_entity FROM ({outcome}) outcome) o ON o.nightjar_entity = e.entity
WHERE e.campaign_id = {campaign}
GROUP BY e.arm

-- name: aggregate
count(o.{column}) AS {known}, avg(o.{column}{cast}) AS {mean}, var_samp(o.{column}{cast}) AS {variance}
