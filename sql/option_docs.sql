-- The tables of docs/options.md are those that pinterest.options() gives now; if
-- not, scripts/option-docs writes them anew.

\set query `cat "${PG_ABS_SRCDIR:-.}/sql/include/option_docs.sql"`
\set written `sed '1,/^<!-- tables/d' "${PG_ABS_SRCDIR:-.}/docs/options.md"`
CREATE TEMP TABLE option_docs AS :query;
SELECT line AS missing FROM option_docs WHERE line <> ALL (string_to_array(:'written', E'\n'));
SELECT line AS outdated FROM unnest(string_to_array(:'written', E'\n')) AS line
    WHERE line NOT IN (SELECT line FROM option_docs);
SELECT string_agg(line, E'\n') = :'written' AS same FROM option_docs;

-- Metadata and settings stand in the manuals
\set manual `cat "${PG_ABS_SRCDIR:-.}"/docs/*_json.md "${PG_ABS_SRCDIR:-.}"/docs/streams.md | LC_ALL=C tr -d '\200-\377'`
DO $$
BEGIN
    PERFORM pinterest.s3_json_validator(ARRAY['metadata=x'], 'pg_attribute'::regclass);
EXCEPTION WHEN fdw_invalid_attribute_value THEN
    DECLARE
        hint text;
    BEGIN
        GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
        CREATE TEMP TABLE option_metadata AS
            SELECT string_to_table(substring(hint FROM 'are: (.*)\.'), ', ') AS name;
    END;
END
$$;
SELECT name AS missing FROM option_metadata WHERE strpos(:'manual', '`' || name || '`') = 0;
SELECT name AS missing FROM pg_settings WHERE name LIKE 'pinterest.%' AND strpos(:'manual', '`' || name || '`') = 0;
