-- Lists of entities that were handed to a campaign tool, and those held out of them to measure by.

CREATE TABLE nightjar.campaign (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (btrim(name) <> ''),
    use_case        text NOT NULL,
    as_of           date NOT NULL,
    commit_id       bigint NOT NULL REFERENCES nightjar.commit (id),
    selection       text NOT NULL,
    hold_out_share  double precision NOT NULL CHECK (hold_out_share > 0 AND hold_out_share < 1),
    seed            bigint NOT NULL,
    treated         bigint NOT NULL CHECK (treated > 0),
    held_out        bigint NOT NULL CHECK (held_out > 0),
    target          text NOT NULL,
    actor           text NOT NULL,
    login           text NOT NULL DEFAULT session_user,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightjar.campaign IS 'Every list that was exported for a campaign. Only ever added to; what failed left nothing, hence no row.';
COMMENT ON COLUMN nightjar.campaign.id IS 'Number of the campaign.';
COMMENT ON COLUMN nightjar.campaign.name IS 'As people call it; taken once.';
COMMENT ON COLUMN nightjar.campaign.use_case IS 'Whose predictions it was selected by.';
COMMENT ON COLUMN nightjar.campaign.as_of IS 'The night of these predictions; only data before this date was used.';
COMMENT ON COLUMN nightjar.campaign.commit_id IS 'Run that made them; see predictions.commits.';
COMMENT ON COLUMN nightjar.campaign.selection IS 'Which entities: a segment or a decile.';
COMMENT ON COLUMN nightjar.campaign.hold_out_share IS 'Share of them that was to be held out.';
COMMENT ON COLUMN nightjar.campaign.seed IS 'Of the draw; the same name, seed and night draw the same entities.';
COMMENT ON COLUMN nightjar.campaign.treated IS 'Entities on the list.';
COMMENT ON COLUMN nightjar.campaign.held_out IS 'Entities left off it at random.';
COMMENT ON COLUMN nightjar.campaign.target IS 'File or table that the list went to.';
COMMENT ON COLUMN nightjar.campaign.actor IS 'Who exported it.';
COMMENT ON COLUMN nightjar.campaign.login IS 'The database login that did.';
COMMENT ON COLUMN nightjar.campaign.created_at IS 'When.';
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON nightjar.campaign
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();

CREATE TABLE nightjar.campaign_entity (
    campaign_id  bigint NOT NULL REFERENCES nightjar.campaign (id),
    entity       text[] NOT NULL,
    arm          text NOT NULL CHECK (arm IN ('treated', 'hold-out')),
    PRIMARY KEY (campaign_id, entity)
);
COMMENT ON TABLE nightjar.campaign_entity IS 'Who was on a campaign''s list, and who was held out of it. Only ever added to.';
COMMENT ON COLUMN nightjar.campaign_entity.campaign_id IS 'The campaign.';
COMMENT ON COLUMN nightjar.campaign_entity.entity IS 'The columns of its key as texts, in the declared order.';
COMMENT ON COLUMN nightjar.campaign_entity.arm IS 'treated: on the list; hold-out: left off it.';
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON nightjar.campaign_entity
    FOR EACH STATEMENT EXECUTE FUNCTION nightjar.refuse_change();

CREATE VIEW predictions.campaigns AS
SELECT g.name, g.use_case, g.as_of, c.model, g.selection, g.hold_out_share, g.treated, g.held_out, g.target, g.actor,
       g.created_at, g.commit_id
FROM nightjar.campaign g JOIN nightjar.commit c ON c.id = g.commit_id;
COMMENT ON VIEW predictions.campaigns IS 'Every list that was exported for a campaign, with how many were held out of it to measure by.';
COMMENT ON COLUMN predictions.campaigns.name IS 'As people call it.';
COMMENT ON COLUMN predictions.campaigns.use_case IS 'Whose predictions it was selected by.';
COMMENT ON COLUMN predictions.campaigns.as_of IS 'The night of these predictions; only data before this date was used.';
COMMENT ON COLUMN predictions.campaigns.model IS 'Model that made them.';
COMMENT ON COLUMN predictions.campaigns.selection IS 'Which entities: a segment or a decile.';
COMMENT ON COLUMN predictions.campaigns.hold_out_share IS 'Share of them that was to be held out.';
COMMENT ON COLUMN predictions.campaigns.treated IS 'Entities on the list.';
COMMENT ON COLUMN predictions.campaigns.held_out IS 'Entities left off it at random.';
COMMENT ON COLUMN predictions.campaigns.target IS 'File or table that the list went to.';
COMMENT ON COLUMN predictions.campaigns.actor IS 'Who exported it.';
COMMENT ON COLUMN predictions.campaigns.created_at IS 'When.';
COMMENT ON COLUMN predictions.campaigns.commit_id IS 'Run that made the predictions; see predictions.commits.';

GRANT SELECT ON predictions.campaigns TO nightjar_scorer, nightjar_analyst;
GRANT SELECT, INSERT ON nightjar.campaign, nightjar.campaign_entity TO nightjar_scorer;
GRANT SELECT ON nightjar.campaign TO nightjar_trainer, nightjar_deployer;
