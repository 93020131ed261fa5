-- pinterest.check_server over folders: its steps, and who may have them tried.
-- What needs a network is in test/040_check_server.pl.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

-- The steps without times and without the folder's name
CREATE FUNCTION folder.steps(server text, location text DEFAULT NULL,
    OUT step text, OUT outcome text, OUT detail text, OUT hint text)
    RETURNS SETOF record LANGUAGE sql AS
$$
    SELECT c.step, c.outcome, folder.mask(c.detail), folder.mask(c.hint)
    FROM pinterest.check_server(server, location) c
$$;
SELECT 'file://' || folder.path() AS place \gset
CALL folder.put('good/a.json', '{"n":1}');
CALL folder.put('bad/a.json', E'{"n":\n');
CALL folder.put('misfit/a.json', '{"n":"one"}');
CALL folder.shell('mkdir empty');
SELECT current_user AS me \gset

-- A location alone
\x on
SELECT * FROM folder.steps('folder_server', :'place' || '/good/');
SELECT * FROM folder.steps('folder_server', :'place' || '/good/a.json');
SELECT * FROM folder.steps('folder_server', :'place' || '/bad/');
SELECT * FROM folder.steps('folder_server', :'place' || '/nowhere/');
SET client_min_messages = warning;
SELECT * FROM folder.steps('folder_server', :'place' || '/empty/');
RESET client_min_messages;
-- no location at all: the server alone, which has no keys
SELECT step, outcome, hint FROM folder.steps('folder_server') WHERE step IN ('options', 'credentials');
SELECT * FROM folder.steps('folder_server', 'nonsense');
\x off

-- With tables: the oldest
CALL folder.make_table('checked', 'n int', 'misfit/');
CALL folder.make_table('younger', 'n int', 'good/');
SELECT step, outcome, detail FROM folder.steps('folder_server');
ALTER FOREIGN TABLE checked OPTIONS (ADD on_error 'ignore');
SELECT step, outcome, detail FROM folder.steps('folder_server') WHERE step = 'first record';
DROP FOREIGN TABLE checked;
SELECT step, outcome, detail FROM folder.steps('folder_server');

-- milliseconds, where something was done
SELECT step, milliseconds >= 0 AS timed FROM pinterest.check_server('folder_server');

-- No such server, none of ours, none at all
SELECT pinterest.check_server('nothing_of_that_name');
CREATE FOREIGN DATA WRAPPER check_other;
CREATE SERVER check_other FOREIGN DATA WRAPPER check_other;
SELECT pinterest.check_server('check_other');
SELECT pinterest.check_server(NULL);
DROP FOREIGN DATA WRAPPER check_other CASCADE;

-- Who may
CREATE ROLE regress_checker;
GRANT USAGE ON SCHEMA folder TO regress_checker;
SET ROLE regress_checker;
SELECT pinterest.check_server('folder_server');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER folder_server TO regress_checker;
-- a file:// location needs what CREATE FOREIGN TABLE needs
SET ROLE regress_checker;
SELECT step, outcome, detail FROM folder.steps('folder_server', :'place' || '/good/') LIMIT 2;
-- that of a table whoever may read it may try, and nobody else
SELECT step, outcome, detail FROM folder.steps('folder_server') WHERE step = 'options';
RESET ROLE;
GRANT SELECT ON younger TO regress_checker;
SET ROLE regress_checker;
SELECT step, outcome, detail FROM folder.steps('folder_server');
RESET ROLE;

-- Functions in the table's columns run as its owner, not as who checks
CREATE ROLE regress_trap;
CREATE SCHEMA trap AUTHORIZATION regress_trap;
GRANT pg_read_server_files TO regress_trap;
GRANT USAGE ON FOREIGN SERVER folder_server TO regress_trap;
SET ROLE regress_trap;
CREATE FUNCTION trap.spring(int) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN RAISE NOTICE ''run as %'', current_user; RETURN true; END';
CREATE DOMAIN trap.number AS int CHECK (trap.spring(VALUE));
SELECT format('CREATE FOREIGN TABLE trap.table (n trap.number) SERVER folder_server OPTIONS (location %L)',
    :'place' || '/good/') AS statement \gset
:statement;
RESET ROLE;
DROP FOREIGN TABLE younger;
SELECT step, outcome, detail FROM folder.steps('folder_server');
SELECT current_user = :'me' AS unchanged;

-- In a transaction, a failed step leaves it whole
BEGIN;
CREATE TABLE kept AS SELECT 1 AS n;
SELECT step, outcome FROM folder.steps('folder_server', :'place' || '/bad/');
SELECT * FROM kept;
ROLLBACK;

CALL folder.remove();
SET client_min_messages = warning;
DROP SCHEMA trap CASCADE;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
DROP OWNED BY regress_checker, regress_trap;
DROP ROLE regress_checker, regress_trap;
