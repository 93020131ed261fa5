-- What docs/options.md says behind its first lines, as rows of text: made by
-- scripts/option-docs, checked by the test option_docs.
WITH sections(place, object, heading) AS (
    VALUES (1, 'server', 'Server (`CREATE SERVER`)'),
           (2, 'user mapping', 'User mapping (`CREATE USER MAPPING`)'),
           (3, 'foreign table', 'Table (`CREATE FOREIGN TABLE`)'),
           (4, 'column', 'Column (one of them at most)'),
           (5, 'foreign schema', '`IMPORT FOREIGN SCHEMA`')),
lines AS (
    SELECT place, 0 AS row, n, line
        FROM sections,
            unnest(ARRAY['', '## ' || heading, '',
                         '| option | of | value | default | |',
                         '|---|---|---|---|---|']) WITH ORDINALITY AS l(line, n)
    UNION ALL
    SELECT place, row, 0, format('| `%s` | %s | %s | %s | %s |', name, COALESCE(wrapper, 'all wrappers'),
            CASE WHEN type LIKE '%,%' THEN '`' || replace(type, ', ', '`, `') || '`' ELSE type END,
            CASE WHEN required THEN '*required*' WHEN default_value IS NULL THEN '' ELSE '`' || default_value || '`' END,
            replace(description, '*', '\*') || CASE WHEN secret THEN '; never shown' ELSE '' END)
        FROM sections JOIN
            pinterest.options() WITH ORDINALITY
                AS o(wrapper, object, name, type, required, default_value, secret, description, row) USING (object))
SELECT line FROM lines ORDER BY place, row, n
