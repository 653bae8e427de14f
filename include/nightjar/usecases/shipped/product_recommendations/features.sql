-- The candidates and their features, as they are made of interactions.sql.
SELECT * FROM candidates
