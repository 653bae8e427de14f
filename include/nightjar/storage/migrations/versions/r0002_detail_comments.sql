-- What each column of the detail views of models means, where its view has not said it.

COMMENT ON COLUMN nightjar.model_coefficient.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_coefficient.value IS 'The weight.';
COMMENT ON COLUMN nightjar.model_coefficient.is_intercept IS 'Whether it is the constant and no feature''s.';

COMMENT ON COLUMN nightjar.model_importance.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_importance.place IS '1 for the feature that is needed most.';
COMMENT ON COLUMN nightjar.model_importance.feature IS 'Column of features.sql.';
COMMENT ON COLUMN nightjar.model_importance.metric IS 'What the importance is measured in.';
COMMENT ON COLUMN nightjar.model_importance.repeats IS 'How many times it was shuffled.';

COMMENT ON COLUMN nightjar.model_tree_summary.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_tree_summary.trees IS 'How many trees.';
COMMENT ON COLUMN nightjar.model_tree_summary.mean_depth IS 'Mean depth of a tree.';
COMMENT ON COLUMN nightjar.model_tree_summary.max_depth IS 'Depth of the deepest tree.';
COMMENT ON COLUMN nightjar.model_tree_summary.mean_leaves IS 'Mean number of leaves of a tree.';
COMMENT ON COLUMN nightjar.model_tree_summary.max_leaves IS 'Leaves of the largest tree.';
COMMENT ON COLUMN nightjar.model_tree_summary.total_leaves IS 'Leaves of all trees.';

COMMENT ON COLUMN nightjar.model_tree_split.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_tree_split.partition IS 'The value that the trees are for; empty when the model is not partitioned.';
COMMENT ON COLUMN nightjar.model_tree_split.splits IS 'How many splits are by the feature.';

COMMENT ON COLUMN nightjar.model_centroid.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_centroid.segment_id IS 'Number of the segment.';
COMMENT ON COLUMN nightjar.model_centroid.segment IS 'Its name.';
COMMENT ON COLUMN nightjar.model_centroid.share IS 'Share of those rows in it, 0 to 1.';
COMMENT ON COLUMN nightjar.model_centroid.feature IS 'Column of features.sql.';
COMMENT ON COLUMN nightjar.model_centroid.mean IS 'Mean over the members.';
COMMENT ON COLUMN nightjar.model_centroid.median IS 'Median over the members.';

COMMENT ON COLUMN nightjar.model_migration.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_migration.champion IS 'The champion that its segments were matched to.';
COMMENT ON COLUMN nightjar.model_migration.from_segment_id IS 'Number of the champion''s segment.';
COMMENT ON COLUMN nightjar.model_migration.from_segment IS 'Its name.';
COMMENT ON COLUMN nightjar.model_migration.to_segment_id IS 'Number of the new model''s segment.';
COMMENT ON COLUMN nightjar.model_migration.to_segment IS 'Its name.';
COMMENT ON COLUMN nightjar.model_migration.rows IS 'Training rows that went that way.';

COMMENT ON COLUMN nightjar.model_confusion.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_confusion.threshold IS 'Probability from which on the class is 1; NULL for several classes.';
COMMENT ON COLUMN nightjar.model_confusion.actual IS 'Class that came true.';
COMMENT ON COLUMN nightjar.model_confusion.predicted IS 'Class that the rule decides on.';
COMMENT ON COLUMN nightjar.model_confusion.rows IS 'Test rows with both.';

COMMENT ON COLUMN nightjar.model_calibration.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_calibration.bin IS 'Number of the bin.';
COMMENT ON COLUMN nightjar.model_calibration.rows IS 'Test rows in it.';
COMMENT ON COLUMN nightjar.model_calibration.mean_probability IS 'Mean of what the model gave.';
COMMENT ON COLUMN nightjar.model_calibration.observed_share IS 'Share of the rows in which it came true.';
COMMENT ON COLUMN nightjar.model_calibration.high IS 'Upper end of the interval; see low.';

COMMENT ON COLUMN nightjar.model_lift.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_lift.decile IS '1 for the highest probabilities.';
COMMENT ON COLUMN nightjar.model_lift.rows IS 'Test rows in it.';
COMMENT ON COLUMN nightjar.model_lift.positives IS 'Those in which it came true.';
COMMENT ON COLUMN nightjar.model_lift.rate IS 'Their share of the rows.';

COMMENT ON COLUMN nightjar.model_residual.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_residual.decile IS '1 for the lowest predictions.';
COMMENT ON COLUMN nightjar.model_residual.rows IS 'Test rows in it.';
COMMENT ON COLUMN nightjar.model_residual.mean_predicted IS 'Mean of what the model gave.';
COMMENT ON COLUMN nightjar.model_residual.mean_actual IS 'Mean of what came.';
COMMENT ON COLUMN nightjar.model_residual.mean_absolute_error IS 'Mean distance between the two.';

COMMENT ON COLUMN nightjar.model_residual_quantile.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_residual_quantile.quantile IS 'Which quantile, 0 to 1.';
COMMENT ON COLUMN nightjar.model_residual_quantile.residual IS 'Its value, in the unit of the target.';

COMMENT ON COLUMN nightjar.model_hit_rate.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_hit_rate.rank IS '1 for the first item of a list.';

COMMENT ON COLUMN nightjar.model_item_neighbour.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_item_neighbour.item IS 'Key of the item.';
COMMENT ON COLUMN nightjar.model_item_neighbour.place IS '1 for the nearest neighbour.';
COMMENT ON COLUMN nightjar.model_item_neighbour.neighbour IS 'Key of the item bought with it.';

COMMENT ON COLUMN nightjar.model_alert.model IS 'name@version.';
COMMENT ON COLUMN nightjar.model_alert.alert IS 'Which oddity.';
COMMENT ON COLUMN nightjar.model_alert.message IS 'What it is and what to do, in words.';
