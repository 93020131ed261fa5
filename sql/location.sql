-- Locations: which objects belong to one, with wildcards and without, whatever
-- their names; and what is no object.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

CREATE FUNCTION folder.reads(place text, options text DEFAULT '') RETURNS text LANGUAGE plpgsql AS
$$
DECLARE
    shown text;
BEGIN
    CALL folder.make_table('located', $c$v text, path text OPTIONS (metadata 'path')$c$, place, options);
    SELECT string_agg(v, ' ' ORDER BY v COLLATE "C") INTO shown FROM located;
    DROP FOREIGN TABLE located;
    RETURN shown;
END
$$;
SET client_min_messages = warning;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['a.json', 'b.json', 'ab.jsonl', 'sub/a.json', 'sub/deep/a.json', 'sub2/a.json',
        '_SUCCESS', '.hidden', '_temporary/a.json', '.git/a.json', 'sub/_a.json', 'sub/.a.json', 'a_b.json', 'no_ending'] LOOP
        CALL folder.put('tree/' || name, format('{"v":"%s"}', name));
    END LOOP;
END
$$;

-- Everything below, one object, a folder by its bare name
SELECT folder.reads('tree/');
SELECT folder.reads('tree');
SELECT folder.reads('tree/a.json');
SELECT folder.reads('tree/sub');
SELECT * FROM folder.failure($$SELECT folder.reads('tree/su')$$);
SELECT * FROM folder.failure($$SELECT folder.reads('tree/a.json/')$$);
-- One element, any number of elements
SELECT folder.reads('tree/*');
SELECT folder.reads('tree/*.json');
SELECT folder.reads('tree/a*');
SELECT folder.reads('tree/*/a.json');
SELECT folder.reads('tree/sub*/');
SELECT folder.reads('tree/*/*/');
SELECT folder.reads('tree/**.json');
SELECT folder.reads('tree/**/a.json');
SELECT folder.reads('tree/s**a.json');
SELECT folder.reads('tree/***');
SELECT folder.reads('tree/*x*');
SELECT folder.reads('tr*/a.json');
SELECT folder.reads('*/*/deep/*');
-- What is hidden, asked for by its literal name
SELECT folder.reads('tree/_temporary/');
SELECT folder.reads('tree/sub/.a.json');
SELECT folder.reads('tree/_*');
-- Nothing there: rows none, and said so
SET client_min_messages = notice;
CREATE FOREIGN TABLE located (v text) SERVER folder_server OPTIONS (location 'file:///*.no_such_object');
SELECT * FROM located;
SELECT count(*) FROM located a, located b;
DROP FOREIGN TABLE located;
CREATE FOREIGN TABLE located (v text) SERVER folder_server OPTIONS (location 'file:///no/such/folder/*');
SELECT * FROM located;
DROP FOREIGN TABLE located;
SET client_min_messages = warning;
-- Empty objects and empty folders
CALL folder.put('empty/a.json', '');
CALL folder.put('empty/b.json', '{"v":"b"}');
CALL folder.shell('mkdir empty/folder');
SELECT folder.reads('empty/');
SELECT folder.reads('empty/a.json') IS NULL, folder.reads('empty/folder/') IS NULL;

-- Names with everything that means something to somebody
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['with blank', 'plus+', '100%', '%20', 'k=v', 'a&b', '''single''', '"double"', '$dollar',
        'semi;colon', 'a?b', '#hash', '[x]', '{y}', '\backslash', '~tilde', '(p)', '-dash', 'a,b', 'a:b', '@at', '!'] LOOP
        CALL folder.put('names/' || name || '.json', to_json(json_build_object('v', name)::text)::text);
    END LOOP;
END
$$;
SELECT folder.reads('names/') = string_agg(v, ' ' ORDER BY v COLLATE "C") AS same, count(*)
    FROM unnest(ARRAY['with blank', 'plus+', '100%', '%20', 'k=v', 'a&b', '''single''', '"double"', '$dollar',
        'semi;colon', 'a?b', '#hash', '[x]', '{y}', '\backslash', '~tilde', '(p)', '-dash', 'a,b', 'a:b', '@at', '!']) AS v;
-- what "path" shows can be used as a location
CALL folder.make_table('named', $$v text, path text OPTIONS (metadata 'path')$$, 'names/');
SELECT count(*), count(*) FILTER (WHERE folder.reads(substr(path, length('file://' || folder.path() || '/') + 1)) = v)
    FROM named;
SELECT folder.reads('names/with blank.json'), folder.reads('names/%20.json'), folder.reads('names/*%*.json'),
    folder.reads('names/[x].json'), folder.reads('names/a?b.json');

-- Folders with other files: the plain layout reads them, and says which one is
-- no JSON; the sink layout passes over them
CALL folder.put('mixed/readme.txt', 'not JSON');
CALL folder.put('mixed/t+0+0000000000.json', '{"v":"sink"}');
SELECT * FROM folder.failure($$SELECT folder.reads('mixed/readme.txt')$$);
SELECT folder.reads('mixed/', $$on_error 'ignore', log_verbosity 'silent'$$);
SELECT folder.reads('mixed/*.json');
SELECT folder.reads('mixed/', $$layout 'sink'$$);
SELECT folder.reads('mixed/readme.txt', $$layout 'sink'$$);

-- Links: to a file, to a folder, in circles, to nowhere; pipes
CALL folder.put('links/real/a.json', '{"v":"real"}');
CALL folder.shell('cd links && ln -s real/a.json link.json && ln -s real folder');
SELECT folder.reads('links/');
SELECT folder.reads('links/link.json'), folder.reads('links/folder'), folder.reads('links/folder/*');
CALL folder.shell('ln -s .. links/real/up && ln -s up links/real/me');
SELECT folder.reads('links/real/');
CALL folder.shell('rm links/real/up links/real/me && ln -s circle links/circle && mkfifo links/pipe.json');
SELECT * FROM folder.failure($$SELECT folder.reads('links/pipe.json')$$);
SELECT * FROM folder.failure($$SELECT folder.reads('links/')$$);
SELECT folder.reads('links/*.json');
CALL folder.shell('ln -s nowhere links/dead.json');
SELECT * FROM folder.failure($$SELECT folder.reads('links/*.json')$$);
SELECT folder.reads('links/r*/*.json');

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
