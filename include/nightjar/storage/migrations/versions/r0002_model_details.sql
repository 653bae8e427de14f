-- What models hold and how they behave on test rows, a view per subject; `model` is name@version in all of them.

CREATE VIEW nightjar.model_coefficient AS
SELECT m.name || '@' || m.version AS model, c.key AS name, (c.value #>> '{}')::double precision AS value,
       c.key = 'intercept' OR c.key LIKE '%: intercept' AS is_intercept
FROM nightjar.model_version m, jsonb_each(m.coefficients) c;
COMMENT ON VIEW nightjar.model_coefficient IS 'The weights of linear models.';
COMMENT ON COLUMN nightjar.model_coefficient.name IS 'The feature as the model sees it, such as region = north; a partition or class leads it, as in north: spend.';

CREATE VIEW nightjar.model_importance AS
SELECT m.name || '@' || m.version AS model, f.place::integer, f.feature, f.importance, f.deviation,
       m.details->'importances'->>'metric' AS metric, (m.details->'importances'->>'rows')::bigint AS rows,
       (m.details->'importances'->>'repeats')::integer AS repeats
FROM nightjar.model_version m,
     ROWS FROM (jsonb_to_recordset(m.details->'importances'->'features')
                AS (feature text, importance double precision, deviation double precision))
     WITH ORDINALITY AS f (feature, importance, deviation, place);
COMMENT ON VIEW nightjar.model_importance IS 'How much models need each input: permutation importance on test rows.';
COMMENT ON COLUMN nightjar.model_importance.importance IS 'By how much the metric gets worse, in its unit, while the feature is shuffled between rows; for segment_changes, the share of rows that change their segment. Mean over the repeats.';
COMMENT ON COLUMN nightjar.model_importance.deviation IS 'Standard deviation over the repeats.';
COMMENT ON COLUMN nightjar.model_importance.rows IS 'Test rows that it was measured on.';

CREATE VIEW nightjar.model_tree_summary AS
SELECT m.name || '@' || m.version AS model, t.partition, t.trees, t.mean_depth, t.max_depth, t.mean_leaves,
       t.max_leaves, t.total_leaves
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'trees')
     AS t (partition text, trees integer, mean_depth double precision, max_depth integer,
           mean_leaves double precision, max_leaves integer, total_leaves bigint);
COMMENT ON VIEW nightjar.model_tree_summary IS 'How large the trees of forests and boosting are.';
COMMENT ON COLUMN nightjar.model_tree_summary.partition IS 'The value that the trees are for; empty when the model is not partitioned.';

CREATE VIEW nightjar.model_tree_split AS
SELECT m.name || '@' || m.version AS model, t.partition, s.feature, s.splits, s.gain_share
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'trees') AS t (partition text, splits jsonb),
     jsonb_to_recordset(t.splits) AS s (feature text, splits bigint, gain_share double precision);
COMMENT ON VIEW nightjar.model_tree_split IS 'What trees split by. Features that no tree splits by have no row.';
COMMENT ON COLUMN nightjar.model_tree_split.feature IS 'The feature as the model sees it, such as region = north.';
COMMENT ON COLUMN nightjar.model_tree_split.gain_share IS 'Part of all that the splits gained: impurity decrease in forests, loss reduction in boosting.';

CREATE VIEW nightjar.model_centroid AS
SELECT m.name || '@' || m.version AS model,
       (m.details->'segments'->c.cluster->>'id')::integer AS segment_id,
       m.details->'segments'->c.cluster->>'name' AS segment,
       c.rows, c.share, f.feature, f.category, f.mean, f.median, f.missing, f.centre, f.standardised
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'centroids')
     AS c (cluster integer, rows bigint, share double precision, features jsonb),
     jsonb_to_recordset(c.features)
     AS f (feature text, category text, mean double precision, median double precision, missing double precision,
           centre double precision, standardised double precision);
COMMENT ON VIEW nightjar.model_centroid IS 'What the segments of a segmentation are like, in the units of the features; dates are days since 1970.';
COMMENT ON COLUMN nightjar.model_centroid.rows IS 'Members among the training rows that were looked at.';
COMMENT ON COLUMN nightjar.model_centroid.category IS 'NULL for a number. For a category, mean and centre are shares of the members.';
COMMENT ON COLUMN nightjar.model_centroid.missing IS 'Share of the members that have no value; mean and median are those of the others.';
COMMENT ON COLUMN nightjar.model_centroid.centre IS 'Where the fitted centre lies.';
COMMENT ON COLUMN nightjar.model_centroid.standardised IS 'Standard deviations off the whole; of a number after it was prepared.';

CREATE VIEW nightjar.model_migration AS
SELECT m.name || '@' || m.version AS model, m.details->>'matched_to' AS champion, g.from_segment_id, g.from_segment,
       g.to_segment_id, g.to_segment, g.rows, g.share
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'migrations')
     AS g (from_segment_id integer, from_segment text, to_segment_id integer, to_segment text, rows bigint,
           share double precision);
COMMENT ON VIEW nightjar.model_migration IS 'How a segmentation''s training rows moved from the segments of the champion of then to its own.';
COMMENT ON COLUMN nightjar.model_migration.share IS 'Share of those that come from the same segment.';

CREATE VIEW nightjar.model_confusion AS
SELECT m.name || '@' || m.version AS model, t.rule, t.threshold,
       m.details->'confusion'->'labels'->>(a.place - 1)::integer AS actual,
       m.details->'confusion'->'labels'->>(p.place - 1)::integer AS predicted,
       (p.cell #>> '{}')::bigint AS rows
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'confusion'->'tables') AS t (rule text, threshold double precision, matrix jsonb),
     jsonb_array_elements(t.matrix) WITH ORDINALITY AS a (cells, place),
     jsonb_array_elements(a.cells) WITH ORDINALITY AS p (cell, place);
COMMENT ON VIEW nightjar.model_confusion IS 'Test rows by actual and predicted class.';
COMMENT ON COLUMN nightjar.model_confusion.rule IS 'How a row''s class is decided: from a probability of 0.5 on, from the threshold of the best F1 on, or the likeliest of several classes.';

CREATE VIEW nightjar.model_calibration AS
SELECT m.name || '@' || m.version AS model, b.bin, b.rows, b.mean_probability, b.observed_share, b.low, b.high
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'calibration')
     AS b (bin integer, rows bigint, mean_probability double precision, observed_share double precision,
           low double precision, high double precision);
COMMENT ON VIEW nightjar.model_calibration IS 'Probabilities beside what came, in ten bins of equal size, of rising probability; of several classes, those of the likeliest.';
COMMENT ON COLUMN nightjar.model_calibration.low IS 'With high: the 95 % Wilson interval of the observed share.';

CREATE VIEW nightjar.model_lift AS
SELECT m.name || '@' || m.version AS model, d.decile, d.rows, d.positives, d.rate, d.lift, d.capture
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'lift')
     AS d (decile integer, rows bigint, positives bigint, rate double precision, lift double precision,
           capture double precision);
COMMENT ON VIEW nightjar.model_lift IS 'Test rows in deciles of falling probability.';
COMMENT ON COLUMN nightjar.model_lift.lift IS 'The decile''s rate of positives over that of all rows.';
COMMENT ON COLUMN nightjar.model_lift.capture IS 'Share of all positives that lie in this decile and those before.';

CREATE VIEW nightjar.model_residual AS
SELECT m.name || '@' || m.version AS model, d.decile, d.rows, d.mean_predicted, d.mean_actual, d.mean_absolute_error
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'residuals'->'deciles')
     AS d (decile integer, rows bigint, mean_predicted double precision, mean_actual double precision,
           mean_absolute_error double precision);
COMMENT ON VIEW nightjar.model_residual IS 'Predicted and actual values of a regression, in deciles of rising prediction.';

CREATE VIEW nightjar.model_residual_quantile AS
SELECT m.name || '@' || m.version AS model, q.quantile, q.residual
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'residuals'->'quantiles')
     AS q (quantile double precision, residual double precision);
COMMENT ON VIEW nightjar.model_residual_quantile IS 'Quantiles of what a regression misses: actual less predicted.';

CREATE VIEW nightjar.model_hit_rate AS
SELECT m.name || '@' || m.version AS model, h.rank, h.shown, h.bought, h.hit_rate
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'hit_rates')
     AS h (rank integer, shown bigint, bought double precision, hit_rate double precision);
COMMENT ON VIEW nightjar.model_hit_rate IS 'How often a recommender''s items were bought, by their rank, in lists of those who bought something.';
COMMENT ON COLUMN nightjar.model_hit_rate.shown IS 'Lists that are that long.';
COMMENT ON COLUMN nightjar.model_hit_rate.bought IS 'Share of them whose item at this rank was bought.';
COMMENT ON COLUMN nightjar.model_hit_rate.hit_rate IS 'Share of all lists with an item that was bought at this rank or before.';

CREATE VIEW nightjar.model_item_neighbour AS
SELECT m.name || '@' || m.version AS model, n.item, n.buyers, n.place, n.neighbour, n.together, n.cosine, n.lift
FROM nightjar.model_version m,
     jsonb_to_recordset(m.details->'item_neighbours')
     AS n (item bigint, buyers bigint, place integer, neighbour bigint, together bigint, cosine double precision,
           lift double precision);
COMMENT ON VIEW nightjar.model_item_neighbour IS 'Which items are bought together with the most bought ones, in the training rows, the nearest first.';
COMMENT ON COLUMN nightjar.model_item_neighbour.buyers IS 'Entities and as-of dates with the item.';
COMMENT ON COLUMN nightjar.model_item_neighbour.together IS 'Entities and as-of dates with both.';
COMMENT ON COLUMN nightjar.model_item_neighbour.cosine IS 'Together over the root of buyers x the neighbour''s buyers.';
COMMENT ON COLUMN nightjar.model_item_neighbour.lift IS 'How many times more often than if the two were bought independently.';

CREATE VIEW nightjar.model_alert AS
SELECT m.name || '@' || m.version AS model, a.alert, a.message
FROM nightjar.model_version m, jsonb_to_recordset(m.details->'alerts') AS a (alert text, message text);
COMMENT ON VIEW nightjar.model_alert IS 'What to know before relying on a model: oddities of its data and of its fit.';

-- One malformed model would break the views for all.
CREATE FUNCTION nightjar.read_details() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    subject text := NEW.name || '@' || NEW.version;
    view_name text;
BEGIN
    FOREACH view_name IN ARRAY TG_ARGV LOOP
        -- The whole row: a column that nobody asks for is not computed.
        EXECUTE format('SELECT count(v.*::text) FROM nightjar.%I v WHERE v.model = $1', view_name) USING subject;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION nightjar.read_details IS 'Trigger that refuses models whose details its views cannot show.';
CREATE TRIGGER readable AFTER INSERT ON nightjar.model_version
    FOR EACH ROW EXECUTE FUNCTION nightjar.read_details(
        'model_coefficient', 'model_importance', 'model_tree_summary', 'model_tree_split', 'model_centroid',
        'model_migration', 'model_confusion', 'model_calibration', 'model_lift', 'model_residual', 'model_residual_quantile',
        'model_hit_rate', 'model_item_neighbour', 'model_alert');

GRANT SELECT ON nightjar.model_coefficient, nightjar.model_importance, nightjar.model_tree_summary,
                nightjar.model_tree_split, nightjar.model_centroid, nightjar.model_migration, nightjar.model_confusion,
                nightjar.model_calibration, nightjar.model_lift, nightjar.model_residual,
                nightjar.model_residual_quantile, nightjar.model_hit_rate, nightjar.model_item_neighbour,
                nightjar.model_alert
    TO nightjar_trainer, nightjar_scorer, nightjar_deployer;
