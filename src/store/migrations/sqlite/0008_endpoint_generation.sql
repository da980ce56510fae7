-- Every creation of an endpoint has a number of its own, so that an endpoint that is deleted and made again, or that
-- goes to another owner, is told from the one before it. Existing endpoints get theirs here.
ALTER TABLE endpoints ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
UPDATE endpoints SET generation = random();
