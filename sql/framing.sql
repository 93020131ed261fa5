-- Framing: where records begin and end in an object, with the three formats; and
-- which line and byte are named when one is bad.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

CREATE FUNCTION folder.show(content text) RETURNS TABLE (format text, line bigint, n text, error text) LANGUAGE plpgsql AS
$$
BEGIN
    CALL folder.put('framing/1.json', content);
    FOREACH format IN ARRAY ARRAY['auto', 'lines', 'array'] LOOP
        FOR line, n, error IN EXECUTE format('SELECT line, n, error FROM framing_%s', format) LOOP
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$$;
DO $$
DECLARE
    format text;
BEGIN
    FOREACH format IN ARRAY ARRAY['auto', 'lines', 'array'] LOOP
        CALL folder.make_table('framing_' || format, 'n text, line bigint OPTIONS (metadata ''line''),
            error text OPTIONS (metadata ''error'')', 'framing/', format('format %L, on_error ''set_null'',
            log_verbosity ''silent''', format));
    END LOOP;
END
$$;

-- Lines; the last one need not end
SELECT * FROM folder.show(E'{"n":1}\n{"n":2}');
-- CRLF, blank lines, blanks around
SELECT * FROM folder.show(E'\r\n  {"n":1}\t\r\n\r\n{"n":2}\r\n');
-- One array
SELECT * FROM folder.show(E'[\n {"n":1},\n {"n":2}\n]\n');
SELECT * FROM folder.show('[]');
-- Arrays one after the other, and between objects
SELECT * FROM folder.show(E'[{"n":1}] [{"n":2}]\n{"n":3}');
-- Run together
SELECT * FROM folder.show('{"n":1}{"n":2} {"n":3}');
-- Spread over lines
SELECT * FROM folder.show(E'{\n  "n":\n    1\n}\n{\n"n":2}');
-- A string that holds an object
SELECT * FROM folder.show(E'"{\\"n\\":1}"\n["{\\"n\\":2}"]\n"text"\n"{} {}"');
-- Nothing at all
SELECT * FROM folder.show('');
SELECT * FROM folder.show(E' \n\t\n');
-- What is no object
SELECT * FROM folder.show(E'1\nnull\ntrue\n"x"\n[1]\n[[]]\n{"n":1}');
-- Bad records between good ones
SELECT * FROM folder.show(E'{"n":1}\n{"n":}\n{"n":3}\n{n=4}\n{"n":5');
SELECT * FROM folder.show(E'[{"n":1},\n{"n":},\n{"n":3}]');
SELECT * FROM folder.show(E'[{"n":1},');
SELECT * FROM folder.show(E'[{"n":1},]');
SELECT * FROM folder.show(E'{"n":1},\n{"n":2}');
SELECT * FROM folder.show(E'{"n":1}]\n{"n":2}');
-- What JSON does not allow
SELECT * FROM folder.show(E'{"n":01}\n{"n":1.}\n{"n":.5}\n{"n":+1}\n{"n":NaN}\n{"n":"\\x"}\n{"n":''1''}\n{"n":1,}\n{"n" 1}\n{n:1}\n{"n":"a\tb"}\n{"a":tru,"n":1}')
    WHERE format = 'lines';
-- What PostgreSQL's text cannot hold
SELECT * FROM folder.show(E'{"n":"\\u0000"}\n{"n":"\\ud800"}\n{"a":"\\udc00"}\n{"n":"\\u0041\\/\\n"}') WHERE format = 'lines';

-- How deep, how large
CALL folder.make_table('framing_stop', 'n text', 'framing/');
CREATE FUNCTION folder.bad(content bytea) RETURNS SETOF text LANGUAGE plpgsql AS
$$
BEGIN
    CALL folder.put('framing/1.json', content);
    RETURN QUERY SELECT * FROM folder.failure('SELECT * FROM framing_stop');
END
$$;
SELECT * FROM folder.bad(convert_to(format('{"n":%s}', repeat('[', 1023) || repeat(']', 1023)), 'UTF8'));
SELECT * FROM folder.bad(convert_to(format('{"n":%s}', repeat('[', 1024) || repeat(']', 1024)), 'UTF8'));
SET pinterest.max_record_size = '1MB';
SELECT * FROM folder.bad(convert_to(format('{"n":"%s"}', repeat('x', 1000 * 1000)), 'UTF8'));
SELECT * FROM folder.bad(convert_to(format('{"n":"%s"}', repeat('x', 1024 * 1024)), 'UTF8'));
SELECT format, line, length(n), error FROM
    folder.show(format(E'{"n":1}\n{"n":"%s"}\n{"n":2}', repeat('x', 1024 * 1024)));
RESET pinterest.max_record_size;
-- Bytes that are no UTF-8: bare, cut, too long, a surrogate, beyond Unicode;
-- in a wanted value, in another one, in a key, outside
SELECT * FROM folder.bad('{"n":"\377"}');
SELECT * FROM folder.bad('{"n":"\303"}');
SELECT * FROM folder.bad('{"n":"\300\200"}');
SELECT * FROM folder.bad('{"n":"\355\240\200"}');
SELECT * FROM folder.bad('{"n":"\364\220\200\200"}');
SELECT * FROM folder.bad('{"n":1,"other":"\377"}');
SELECT * FROM folder.bad('{"n":1,"\377":2}');
SELECT * FROM folder.bad('{"n":1}\377');
SELECT * FROM folder.bad('{"n":1}\012{"n":2}\000');
-- A byte order mark is none of the record, at the beginning
SELECT * FROM folder.bad('\357\273\277{"n":1}');
SELECT * FROM folder.bad('{"n":1}\012\357\273\277{"n":2}');
-- Which byte of which record
SELECT * FROM folder.bad(E'{"n":1}\\012\\012  {"n":2,}\\012'::bytea);
-- Records that lie across the edges of buffers, whatever the edge
DO $$
DECLARE
    content text := string_agg(format(E'{"n":"%s\\u0041"}\n', repeat('x', i % 1777)), '' ORDER BY i) FROM generate_series(1, 3000) i;
BEGIN
    CALL folder.put('framing/1.json', content);
END
$$;
SELECT count(*), count(*) FILTER (WHERE n = repeat('x', (line % 1777)::int) || 'A'), sum(length(n)) FROM framing_auto;

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
