-- What the tests of the wrapper share: a fresh folder that the server can write
-- and read, wherever it runs; the server "folder_server" for tables over it; and
-- ways to show errors and plans without the folder's name.
--
-- A test ends with CALL folder.remove(), DROP SERVER folder_server CASCADE and
-- DROP SCHEMA folder CASCADE.

SET client_min_messages = warning;
CREATE SCHEMA folder;
GRANT USAGE ON SCHEMA folder TO PUBLIC;
CREATE TABLE folder.made (path text);
COPY folder.made FROM PROGRAM 'mktemp -d "${TMPDIR:-/tmp}/pinterest_regress.XXXXXX"';
GRANT SELECT ON folder.made TO PUBLIC;

CREATE FUNCTION folder.path() RETURNS text LANGUAGE sql STABLE AS
    'SELECT path FROM folder.made';

-- Runs a command of the shell in the folder, as the server's user.
CREATE PROCEDURE folder.shell(command text) LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L',
        format('cd "%s" && { %s; } > /dev/null', folder.path(), command));
END
$$;

-- Writes an object, byte for byte, and the folders above it.
CREATE PROCEDURE folder.put(name text, content bytea) LANGUAGE plpgsql AS
$$
DECLARE
    place text := folder.path() || '/' || name;
    scratch oid := lo_from_bytea(0, content);
BEGIN
    IF name LIKE '%/%' THEN
        CALL folder.shell(format('mkdir -p -- ''%s''',
            replace(regexp_replace(name, '/[^/]*$', ''), '''', '''\''''')));
    END IF;
    PERFORM lo_export(scratch, place), lo_unlink(scratch);
END
$$;

CREATE PROCEDURE folder.put(name text, content text) LANGUAGE sql AS
    'CALL folder.put(name, convert_to(content, ''UTF8''))';

-- A foreign table over what lies below name.
CREATE PROCEDURE folder.make_table(name text, columns text, place text, options text DEFAULT '') LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('CREATE FOREIGN TABLE %s (%s) SERVER folder_server OPTIONS (location %L%s)',
        name, columns, 'file://' || folder.path() || '/' || place,
        CASE WHEN options = '' THEN '' ELSE ', ' || options END);
END
$$;

-- Text without the folder's name.
CREATE FUNCTION folder.mask(shown text) RETURNS text LANGUAGE sql STABLE AS
    'SELECT replace(shown, folder.path(), ''/FOLDER'')';

-- Runs a statement that is expected to fail, and tells all its error says.
CREATE FUNCTION folder.failure(statement text) RETURNS SETOF text LANGUAGE plpgsql AS
$$
DECLARE
    message text;
    detail text;
    hint text;
    context text;
BEGIN
    EXECUTE statement;
    RETURN NEXT 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    RETURN NEXT folder.mask('ERROR:  ' || SQLSTATE || ': ' || message);
    IF detail <> '' THEN
        RETURN NEXT folder.mask('DETAIL:  ' || detail);
    END IF;
    IF hint <> '' THEN
        RETURN NEXT folder.mask('HINT:  ' || hint);
    END IF;
    -- what is ours, not what plpgsql adds
    IF context LIKE 's3_json %' THEN
        RETURN NEXT folder.mask('CONTEXT:  ' || split_part(context, E'\n', 1));
    END IF;
END
$$;

-- A plan without the folder's name, and as it was shown before release 18.
CREATE FUNCTION folder.plan(explain text) RETURNS SETOF text LANGUAGE plpgsql AS
$$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE explain LOOP
        line := regexp_replace(folder.mask(line), '(rows=\d+)\.00', '\1');
        RETURN NEXT regexp_replace(line, '\n *"?Disabled"?: false,?', '');
    END LOOP;
END
$$;

CREATE PROCEDURE folder.remove() LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE format('COPY (SELECT WHERE false) TO PROGRAM %L', format('rm -rf -- "%s"', folder.path()));
END
$$;

CREATE SERVER folder_server FOREIGN DATA WRAPPER s3_json;
RESET client_min_messages;
