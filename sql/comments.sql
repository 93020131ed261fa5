-- Whoever lists what the extension has, or a pipeline, reads what it is for: every
-- function, view and column has a comment.
CREATE SERVER comments_s3 FOREIGN DATA WRAPPER s3_json;
CREATE SERVER comments_kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'localhost:1');
CREATE SERVER comments_kinesis FOREIGN DATA WRAPPER kinesis_json OPTIONS (endpoint 'http://localhost:1');
SELECT pinterest.create_pipeline('comments_lake', 'comments_s3', 'u1', 's3://bucket'),
    pinterest.create_pipeline('comments_topics', 'comments_kafka', 'u1'),
    pinterest.create_pipeline('comments_streams', 'comments_kinesis', 'u1');

SELECT pg_describe_object(classid, objid, 0) AS uncommented
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pinterest_pipeline')
    AND deptype = 'e' AND classid <> 'pg_type'::regclass AND obj_description(objid, classid::regclass::name) IS NULL
UNION ALL
SELECT pg_describe_object('pg_class'::regclass, c.oid, attnum)
FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid
WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = 'pinterest' OR nspname ~ '^comments_')
    AND relname !~ '^_'
    AND (attnum = -1 AND obj_description(c.oid, 'pg_class') IS NULL
         OR attnum > 0 AND NOT attisdropped AND col_description(c.oid, attnum) IS NULL)
ORDER BY 1;

SELECT pinterest.drop_pipeline(nspname::text) FROM pg_namespace WHERE nspname ~ '^comments_';
DROP SERVER comments_s3, comments_kafka, comments_kinesis;
