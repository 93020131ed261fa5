-- Compression: told by the bytes or by the option; several members; and what is
-- cut off, damaged or followed by something else.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

SET client_min_messages = warning;
CALL folder.put('plain.json', E'{"i":1}\n{"i":2}\n');
CALL folder.put('more.json', E'{"i":3}\n');
CALL folder.shell('gzip -nc plain.json > one.gz; gzip -nc more.json > two.gz');
CREATE FUNCTION folder.reads(place text, compression text DEFAULT 'auto') RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
    shown text;
BEGIN
    CALL folder.make_table('compressed', 'i int', place, format('compression %L', compression));
    SELECT count(*) || ' records, sum ' || COALESCE(sum(i), 0) INTO shown FROM compressed;
    DROP FOREIGN TABLE compressed;
    RETURN shown;
END
$$;
CREATE FUNCTION folder.bytes(name text, first int, last int) RETURNS bytea LANGUAGE sql AS
$$SELECT substring(content FROM first FOR CASE WHEN last > 0 THEN last ELSE length(content) + last END - first + 1)
    FROM pg_read_binary_file(folder.path() || '/' || name) AS content$$;

-- By its bytes, whatever the name
SELECT folder.reads('plain.json'), folder.reads('one.gz');
CALL folder.shell('cp one.gz one.json; cp plain.json plain.gz');
SELECT folder.reads('one.json'), folder.reads('plain.gz');
-- By option
SELECT folder.reads('one.gz', 'gzip'), folder.reads('plain.gz', 'none');
SELECT * FROM folder.failure($$SELECT folder.reads('plain.json', 'gzip')$$);
SELECT * FROM folder.failure($$SELECT folder.reads('plain.json', 'zstd')$$);
SELECT * FROM folder.failure($$SELECT folder.reads('one.gz', 'zstd')$$);
SELECT count(*) FROM folder.failure($$SELECT folder.reads('one.gz', 'none')$$) AS f(line) WHERE line LIKE 'ERROR:  22P02: invalid JSON record';
-- An empty object is empty, compressed or not; but it is no gzip
CALL folder.shell(': > nothing; gzip -nc nothing > nothing.gz');
SELECT folder.reads('nothing'), folder.reads('nothing', 'none'), folder.reads('nothing.gz');
SELECT * FROM folder.failure($$SELECT folder.reads('nothing', 'gzip')$$);

-- Two members, one record over both, an empty one between, zeros behind
CALL folder.shell('cat one.gz two.gz > members.gz; cat one.gz nothing.gz two.gz > three.gz');
SELECT folder.reads('members.gz'), folder.reads('three.gz');
CALL folder.shell('{ printf ''{"i":'' | gzip -nc; printf ''42}'' | gzip -nc; } > across.gz');
SELECT folder.reads('across.gz');
CALL folder.put('padded.gz', folder.bytes('one.gz', 1, 0) || decode(repeat('00', 1000), 'hex'));
SELECT folder.reads('padded.gz');

-- Cut off: in the header, in the content, in the checksum; and between members
DO $$
BEGIN
    FOR n IN 1..length(folder.bytes('one.gz', 1, 0)) - 1 LOOP
        CALL folder.put('cut.' || n, folder.bytes('one.gz', 1, n));
    END LOOP;
END
$$;
SELECT * FROM folder.failure($$SELECT folder.reads('cut.20')$$);
SELECT count(*) = length(folder.bytes('one.gz', 1, 0)) - 2 AS all_refused
    FROM generate_series(2, length(folder.bytes('one.gz', 1, 0)) - 1) n,
        folder.failure(format('SELECT folder.reads(%L)', 'cut.' || n)) AS f(line)
    WHERE line LIKE 'ERROR:  XX001:%';
CALL folder.put('cut.second', folder.bytes('members.gz', 1, -3));
SELECT * FROM folder.failure($$SELECT folder.reads('cut.second')$$);
-- records before the end are not handed out as if they were all
CALL folder.put('large.json', repeat(E'{"i":1}\n', 200000));
CALL folder.shell('gzip -nc large.json > large.gz');
CALL folder.put('cut.large', folder.bytes('large.gz', 1, 1500));
SELECT folder.reads('large.gz');
SELECT * FROM folder.failure($$SELECT folder.reads('cut.large')$$);
-- on_error is about records, not about objects
CALL folder.make_table('cut', 'i int', 'cut.large', $$on_error 'ignore'$$);
SELECT * FROM folder.failure('SELECT count(*) FROM cut');
-- what a LIMIT does not read does not matter
SELECT * FROM cut LIMIT 1;

-- Damaged, and followed by something else
CALL folder.put('damaged.gz', folder.bytes('one.gz', 1, 10) || '\xffffffff' || folder.bytes('one.gz', 15, 0));
SELECT count(*) FROM folder.failure($$SELECT folder.reads('damaged.gz')$$) AS f(line) WHERE line LIKE 'ERROR:  XX001:%';
CALL folder.put('checksum.gz', folder.bytes('one.gz', 1, -8) || '\x0000000000000000');
SELECT * FROM folder.failure($$SELECT folder.reads('checksum.gz')$$);
CALL folder.shell('cat one.gz plain.json > followed.gz');
SELECT * FROM folder.failure($$SELECT folder.reads('followed.gz')$$);

-- In a folder of all kinds, and through a rescan
CALL folder.shell('mkdir all; cp one.gz two.gz plain.json all/');
SELECT folder.reads('all/');
CALL folder.make_table('everything', 'i int', 'all/');
SELECT n, (SELECT sum(i) FROM everything WHERE i >= n) FROM generate_series(1, 3) n;

-- The sink's endings
CALL folder.shell('mkdir sink; cp one.gz sink/t+0+0000000000.json.gz; cp plain.json sink/t+0+0000000002.json');
CALL folder.make_table('sink', $$i int, "offset" int OPTIONS (metadata 'offset')$$, 'sink/', $$layout 'sink'$$);
SELECT * FROM sink ORDER BY 2;

-- Zstandard: bytes made beforehand, since not every server has the tool
CALL folder.put('one.zst', '\x28b52ffd04588100007b2269223a317d0a7b2269223a327d0a85ad5e84'::bytea);
CALL folder.put('two.zst', '\x28b52ffd04584100007b2269223a337d0a0cb02705'::bytea);
CALL folder.shell('cat one.zst two.zst > frames.zst');
-- 200,000 records, a skippable frame in front
CALL folder.put('large.zst', '\x502a4d180300000061626328b52ffd0468840000407b2269223a317d0a0100f5fff3cb05440000000100fdffcb0b10440000000100fdff390002440000000100fdff390002440000000100fdff390002440000000100fdff390002440000000100fdff390002440000000100fdff390002440000000100fdff390002440000000100fdff390002440000000100fdff390002440000000100fdff3900023d0000000100fde90e80df770b9d'::bytea);
SELECT folder.reads('one.zst'), folder.reads('frames.zst', 'zstd'), folder.reads('large.zst', 'zstd');
CALL folder.put('cut.zst', folder.bytes('one.zst', 1, -1));
SELECT * FROM folder.failure($$SELECT folder.reads('cut.zst')$$);
CALL folder.put('damaged.zst', folder.bytes('one.zst', 1, -4) || '\x00000000'::bytea);
SELECT * FROM folder.failure($$SELECT folder.reads('damaged.zst')$$);
CALL folder.shell('cat one.zst one.gz > mixed.zst; : > nothing');
SELECT * FROM folder.failure($$SELECT folder.reads('mixed.zst')$$);
SELECT * FROM folder.failure($$SELECT folder.reads('nothing', 'zstd')$$);

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
