-- The same column as in SQLite, which says more about it. The default is drawn anew for each row.
ALTER TABLE endpoints ADD COLUMN generation BIGINT NOT NULL DEFAULT hashtextextended(gen_random_uuid()::text, 0);
