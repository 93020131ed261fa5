# JSON to rows, compared with PostgreSQL's own json_populate_record.
#
# Records are generated, some of them damaged, and read twice: as files through
# a foreign table with on_error 'set_null', and one by one by the function
# "expected".  Every column must agree as text, or both must refuse.  Where they
# may differ is said in docs/json.md and, with its reason, below.
#
#   PINTEREST_SEED    of the cases; another one makes others
#   PINTEREST_CASES   how many records

use strict;
use warnings;

use lib 'test/lib';
use JsonCases qw(@columns $types record mutated body chance pick);
use PinterestTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{PINTEREST_SEED} || 20240521;
my $cases = $ENV{PINTEREST_CASES} || 10000;
srand($seed);
note("PINTEREST_SEED=$seed PINTEREST_CASES=$cases");

my $node = new_node('oracle');
my $folder = PostgreSQL::Test::Utils::tempdir('json');

sub identifier { my ($name) = @_; return '"' . $name =~ s/"/""/gr . '"'; }

my $list = join(', ', map { identifier($_->[0]) . " $_->[1]" } @columns);
my $as_text = 'ARRAY[' . join(', ', map { '%1$s' . identifier($_->[0]) . '::text' } @columns) . ']';

sub as_text { my ($prefix) = @_; return $as_text =~ s/%1\$s/$prefix/gr; }

sub write_bytes
{
	my ($file, $bytes) = @_;
	open(my $handle, '>:raw', $file) or die "$file: $!";
	print $handle $bytes;
	close $handle or die "$file: $!";
	return;
}

sub folder_of { my ($name) = @_; mkdir "$folder/$name"; return "$folder/$name"; }

# Runs statements in a database; dies if one fails
sub run_sql
{
	my ($database, $sql) = @_;
	local $ENV{PGCLIENTENCODING} = $database eq 'sql_ascii' ? 'SQL_ASCII' : 'UTF8';
	return $node->safe_psql($database, $sql);
}

# The result must have no rows
sub none
{
	my ($database, $sql, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $rows = run_sql($database, "$sql LIMIT 10");
	return is($rows, '', $name);
}

my $metadata = q(, m_path text OPTIONS (metadata 'path'), m_line bigint OPTIONS (metadata 'line'),
	m_value bytea OPTIONS (metadata 'value'), m_error text OPTIONS (metadata 'error'));

# A foreign table over a folder
sub foreign_table
{
	my ($database, $name, $columns, $options) = @_;
	my $where = folder_of($name);
	run_sql($database, "CREATE FOREIGN TABLE $name ($columns $metadata) SERVER files
		OPTIONS (location 'file://$where/', log_verbosity 'silent', $options)");
	return $where;
}

# The types, the oracle, and what both readers must agree on
sub prepare
{
	my ($database) = @_;
	my $expected = as_text('r.');
	run_sql(
		$database, qq(
		CREATE SERVER files FOREIGN DATA WRAPPER s3_json;
		$types
		CREATE TABLE t ($list);

		-- The document of a record: a string that holds an object is read as that object
		CREATE FUNCTION document(value bytea) RETURNS json LANGUAGE plpgsql AS \$\$
		DECLARE
			doc json := convert_from(value, 'UTF8')::json;
		BEGIN
			IF json_typeof(doc) = 'string' THEN
				doc := (doc #>> '{}')::json;
				IF json_typeof(doc) <> 'object' THEN
					RAISE data_exception;
				END IF;
			END IF;
			RETURN doc;
		END \$\$;

		CREATE FUNCTION expected(value bytea, OUT fields text[], OUT state text, OUT message text) LANGUAGE plpgsql AS \$\$
		DECLARE
			r t;
		BEGIN
			SELECT * INTO r FROM json_populate_record(NULL::t, document(value));
			fields := $expected;
		EXCEPTION WHEN OTHERS THEN
			state := SQLSTATE;
			message := SQLERRM;
		END \$\$;

		CREATE FUNCTION at_path(value bytea, path text[]) RETURNS jsonb LANGUAGE plpgsql AS \$\$
		BEGIN
			RETURN document(value)::jsonb #> path;
		EXCEPTION WHEN OTHERS THEN
			RETURN '"refused"';
		END \$\$;

		-- Bytes without white space and the syntax of arrays, as text
		CREATE FUNCTION dense(value bytea) RETURNS text LANGUAGE sql AS
			\$\$ SELECT regexp_replace(encode(value, 'escape'), '[][,\\s]+', '', 'g') \$\$;));
	return;
}

# Reads a foreign table into NAME_got, with what the oracle says
sub read_both
{
	my ($database, $name) = @_;
	my $fields = as_text('');
	run_sql(
		$database, qq(
		CREATE TABLE ${name}_got AS
			SELECT row_number() OVER () AS n, m_path AS path, m_line AS line, m_value AS value, m_error AS error, fields
			FROM (SELECT *, $fields AS fields FROM $name OFFSET 0) s;
		CREATE TABLE ${name}_both AS
			SELECT g.*, e.fields AS wanted, e.state, e.message FROM ${name}_got g, expected(g.value) e;
		ANALYZE ${name}_both;));
	return;
}

# Errors of framing, which the oracle does not know, and the limit of depth
my $framing = q{(error LIKE '%of the array of records%' OR error LIKE '%nested too deeply%' OR error LIKE 'The array of records%' OR error LIKE 'The format is%')};

# Where the server's encoding lacks a character, PostgreSQL refuses the record;
# the wrapper refuses only values that are wanted and have it
my %lenient = (postgres => 'false', latin1 => q{state = '22P05'}, sql_ascii => q{state IN ('22P05', '0A000')});

sub compare
{
	my ($database, $name) = @_;
	my $may = $lenient{$database};
	my $show = q{line, encode(substr(value, 1, 600), 'escape'), error, state, message};

	none($database, "SELECT 'refused by s3_json', $show FROM ${name}_both
		WHERE error IS NOT NULL AND state IS NULL AND NOT $framing", "$database, $name: nothing is refused that PostgreSQL takes");
	none($database, "SELECT 'refused by PostgreSQL', $show FROM ${name}_both
		WHERE error IS NULL AND state IS NOT NULL AND NOT ($may)", "$database, $name: nothing is taken that PostgreSQL refuses");
	none($database, "SELECT $show, (SELECT string_agg(concat_ws(' / ', i, coalesce(fields[i], 'NULL'), coalesce(wanted[i], 'NULL')), '; ')
			FROM generate_subscripts(wanted, 1) i WHERE fields[i] IS DISTINCT FROM wanted[i])
		FROM ${name}_both WHERE error IS NULL AND state IS NULL AND fields IS DISTINCT FROM wanted",
		"$database, $name: every column has the value PostgreSQL gives it");
	none($database, "SELECT $show FROM ${name}_both WHERE error IS NOT NULL AND array_remove(fields, NULL) <> '{}'",
		"$database, $name: a refused record is a row of NULLs");
	my $counts = run_sql($database, "SELECT count(*) FILTER (WHERE error IS NULL), count(*) FILTER (WHERE error IS NOT NULL) FROM ${name}_both");
	note("$database, $name: taken|refused $counts");
	my ($taken, $refused) = split(/\|/, $counts);
	return ($taken, $refused);
}

# No byte of a case gets lost: where PostgreSQL sees one object, there is one
# record, and otherwise the records make up the case, but for array syntax
sub nothing_lost
{
	my ($database, $name, $key) = @_;
	none(
		$database, qq(
		SELECT c.n, encode(substr(bytes, 1, 600), 'escape'), records, list
		FROM ${name}_case c LEFT JOIN (
			SELECT $key AS n, count(*) AS records, string_agg(dense(value), '' ORDER BY n) AS seen,
				(array_agg(btrim(value, '\\x20090d0a')))[1] AS first,
				string_agg(encode(substr(value, 1, 300), 'escape') || coalesce(' (' || error || ')', ''), ' || ' ORDER BY n) AS list
			FROM ${name}_both WHERE value <> '' GROUP BY 1) g USING (n), expected(c.bytes) e
		WHERE CASE WHEN e.state IS NULL AND list NOT LIKE '%nested too deeply%'
				THEN records IS DISTINCT FROM 1 OR first <> btrim(bytes, '\\x20090d0a')
			ELSE coalesce(seen, '') <> dense(bytes) END),
		"$database, $name: no byte is lost");
	return;
}

sub load_cases
{
	my ($database, $name, @all) = @_;
	my $n = 0;
	write_bytes("$folder/cases", join('', map { $n++; "$n\t\\\\x" . unpack('H*', $_) . "\n" } @all));
	run_sql($database, "CREATE TABLE ${name}_case (n bigint PRIMARY KEY, bytes bytea);
		COPY ${name}_case FROM '$folder/cases'; ANALYZE ${name}_case");
	return;
}

# Cases in both shapes: on a line each, and in a file each
sub one_case { my ($lines) = @_; my $r = record($lines); return chance(25) ? mutated($r) : $r; }

sub line_cases
{
	my ($count) = @_;
	return ('{}', map { one_case(0) =~ s/\n/ /gr } 2 .. $count);
}

sub check_lines
{
	my ($database, $count) = @_;
	my @all = line_cases($count);

	my $where = foreign_table($database, 'lines', $list, "format 'lines', on_error 'set_null'");
	write_bytes("$where/cases.json", join('', map { "$_\n" } @all));
	load_cases($database, 'lines', @all);
	read_both($database, 'lines');
	my ($taken, $refused) = compare($database, 'lines');
	cmp_ok($taken, '>', $count / 4, "$database: enough good records");
	cmp_ok($refused, '>', $count / 10, "$database: enough bad records");
	nothing_lost($database, 'lines', 'line');
	unlink "$where/cases.json" if $database ne 'postgres';
	return @all;
}

prepare('postgres');
my @all = check_lines('postgres', $cases);

# A scan of a few columns sees the same records and the same values
{
	my @few = (7, 8, 13, 24, 33);    # boolean, text, jsonb, composite, "key"
	my $few = join(', ', map { identifier($columns[$_][0]) . '::text' } @few);
	my $same = join(', ', map { 'fields[' . ($_ + 1) . ']' } @few);

	run_sql('postgres', "CREATE TABLE few AS SELECT row_number() OVER () AS n, m_line AS line, m_value AS value, m_error AS error, ARRAY[$few] AS few FROM lines");
	none('postgres', "SELECT l.n, encode(l.value, 'escape'), few.few, ARRAY[$same] FROM lines_both l FULL JOIN few USING (n)
		WHERE l.value IS DISTINCT FROM few.value OR (l.error IS NULL AND (few.error IS NOT NULL OR few.few IS DISTINCT FROM ARRAY[$same]))
		OR (l.error NOT LIKE 'column %' AND few.error IS DISTINCT FROM l.error)", 'a few columns: the same records and values');
}

# JSON Pointers
{
	my @paths = ('/cj/a', '/cj/x', '/cj/0', '/cj/1/a', '/cj', '/cjb/y/0', '/cco/x', '/cco', '/k"\\', '/', '/cj/');
	my $n = 0;
	my $pointers = join(', ', map { $n++; "p$n json OPTIONS (field '$_')" } @paths);
	run_sql('postgres', "CREATE FOREIGN TABLE pointers ($pointers $metadata) SERVER files
		OPTIONS (location 'file://$folder/lines/', log_verbosity 'silent', format 'lines', on_error 'set_null')");
	my $wrong = join(' OR ', map {
		my @tokens = split(m{/}, $paths[$_] =~ s{^/}{}r, -1);
		@tokens = ('') if !@tokens;
		my $path = 'ARRAY[' . join(', ', map { "'$_'" } @tokens) . ']';
		'p' . ($_ + 1) . "::jsonb IS DISTINCT FROM nullif(at_path(m_value, $path), 'null') AND p" . ($_ + 1) . "::text <> 'null'";
	} 0 .. $#paths);
	none('postgres', "SELECT m_line, encode(m_value, 'escape'), to_jsonb(p) - 'm_value' FROM pointers p
		WHERE m_error IS NULL AND at_path(m_value, '{}') IS DISTINCT FROM '\"refused\"' AND ($wrong)", 'JSON Pointers give what jsonb gives');
}

# One record a file, with line feeds wherever they may stand
{
	my $where = foreign_table('postgres', 'files_', $list, "on_error 'set_null'");
	my @bodies = map { one_case(1) } 1 .. ($cases / 6 > 3000 ? 3000 : $cases / 6);
	write_bytes(sprintf('%s/%06d.json', $where, $_ + 1), $bodies[$_]) foreach 0 .. $#bodies;
	load_cases('postgres', 'files_', @bodies);
	read_both('postgres', 'files_');
	compare('postgres', 'files_');
	nothing_lost('postgres', 'files_', q{substring(path FROM '(\d+).json$')::bigint});
}

# Bodies of many records: framed in every way, with the records known
{
	my $where = foreign_table('postgres', 'bodies', $list, "on_error 'stop'");
	my ($n, $rows) = (0, '');
	foreach my $number (1 .. 300)
	{
		my ($bytes, @records) = body(1 + int(rand(pick(3, 20))));
		my $at = 0;
		write_bytes(sprintf('%s/%06d.json', $where, $number), $bytes);
		foreach my $record (@records)
		{
			$at = index($bytes, $record, $at);
			$n++;
			$rows .= join("\t", $n, $number, 1 + (substr($bytes, 0, $at) =~ tr/\n//), '\\\\x' . unpack('H*', $record)) . "\n";
			$at += length($record);
		}
	}
	write_bytes("$folder/known", $rows);
	run_sql('postgres', "CREATE TABLE known (n bigint, body bigint, line bigint, value bytea); COPY known FROM '$folder/known'");
	read_both('postgres', 'bodies');
	compare('postgres', 'bodies');
	none('postgres', q{SELECT * FROM
		(SELECT row_number() OVER (PARTITION BY body ORDER BY n) AS i, body, line, value FROM known) k FULL JOIN
		(SELECT row_number() OVER (PARTITION BY path ORDER BY n) AS i, substring(path FROM '(\d+).json$')::bigint AS body, line, value FROM bodies_got) g
		USING (i, body, line, value) WHERE k.value IS NULL OR g.value IS NULL}, 'bodies: the records, their bytes and their lines');
}

# on_error 'stop' raises what on_error 'set_null' shows
{
	my $sample = $cases < 10000 ? 80 : 500;
	my @lines = split(/\n/, run_sql('postgres', "SELECT DISTINCT line FROM lines_both WHERE error IS NOT NULL AND NOT $framing ORDER BY line LIMIT $sample"));
	foreign_table('postgres', 'stopping', $list, "on_error 'stop'");
	write_bytes(folder_of("stop$_") . '/one.json', $all[$_ - 1]) foreach @lines;
	my $which = '{' . join(',', @lines) . '}';
	run_sql(
		'postgres', qq(
		CREATE TABLE stopped (line bigint, state text, message text, context text);
		DO \$\$
		DECLARE
			which bigint;
			st text; msg text; ctx text;
		BEGIN
			FOREACH which IN ARRAY '$which'::bigint[] LOOP
				EXECUTE format('ALTER FOREIGN TABLE stopping OPTIONS (SET location %L)', 'file://$folder/stop' || which || '/');
				BEGIN
					PERFORM * FROM stopping;
					INSERT INTO stopped VALUES (which, 'none');
				EXCEPTION WHEN OTHERS THEN
					GET STACKED DIAGNOSTICS st = RETURNED_SQLSTATE, msg = MESSAGE_TEXT, ctx = PG_EXCEPTION_CONTEXT;
					INSERT INTO stopped VALUES (which, st, msg, ctx);
				END;
			END LOOP;
		END \$\$;));
	is(run_sql('postgres', 'SELECT count(*) FROM stopped'), scalar(@lines), 'stop: all were tried');
	none('postgres', q{SELECT line, state, message, context FROM stopped
		WHERE state !~ '^(22|23|54)' OR context !~ '^s3_json table "stopping", object "file:///[^"]*/one.json", line \d+(, column ".+")?'
		OR (message <> 'invalid JSON record') <> (context ~ 'line \d+, column "')},
		'stop: an error of the data that names table, object, line and column');
}

# Databases that are not UTF-8
foreach my $encoding (qw(LATIN1 SQL_ASCII))
{
	my $database = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
	run_sql($database, 'CREATE EXTENSION pinterest_pipeline');
	prepare($database);
	unlink glob("$folder/lines/*");
	check_lines($database, $cases / 4 > 3000 ? 3000 : int($cases / 4));
}

# A body of its own, and the records wanted of it: [line, text of column ct, or
# the pattern of an error]
my $bodies = 0;
sub framed
{
	my ($name, $body, $format, @wanted) = @_;
	my $where = folder_of('one');
	write_bytes("$where/one.json", $body);
	if (!$bodies++)
	{
		foreign_table('postgres', 'one', 'ct text', q(format 'auto', on_error 'set_null'));
	}
	my @got = split(/\n/, run_sql('postgres', "ALTER FOREIGN TABLE one OPTIONS (SET format '$format');
		SELECT m_line, coalesce(ct, ''), coalesce(m_error, '') FROM one"));
	my @wrong;
	push @wrong, 'there are ' . @got . ' records' if @got != @wanted;
	foreach my $i (0 .. $#wanted)
	{
		my ($line, $text, $error) = split(/\|/, $got[$i] // '||', -1);
		my ($wanted_line, $wanted_text) = @{ $wanted[$i] };
		my $good = ref $wanted_text ? $error =~ $wanted_text : $error eq '' && $text eq $wanted_text;
		push @wrong, "record $i is " . substr($got[$i] // 'missing', 0, 200) if !$good || $line ne $wanted_line;
	}
	return ok(!@wrong, "framing, $format: $name") || diag(join("\n", @wrong));
}

sub both_framed { my ($name, $body, @wanted) = @_; return framed($name, $body, 'auto', @wanted) & framed($name, $body, 'lines', @wanted); }

my $object = qr/not a JSON object/;
my $value = qr/value was expected/;
my $utf8 = qr/not valid UTF-8/;

both_framed('nothing', '');
both_framed('only a byte order mark', "\xEF\xBB\xBF");
both_framed('empty objects', "{}\n{}", [ 1, '' ], [ 2, '' ]);
both_framed('a byte order mark and CRLF', qq(\xEF\xBB\xBF{"ct":"a"}\r\n{"ct":"b"}\r\n), [ 1, 'a' ], [ 2, 'b' ]);
both_framed('a second byte order mark', qq({"ct":"a"}\n\xEF\xBB\xBF{"ct":"b"}\n{"ct":"c"}), [ 1, 'a' ], [ 2, $value ], [ 3, 'c' ]);
both_framed('invalid UTF-8', qq({"ct":"a"}\n{"ct":"\xC3\x28"}\n{"x":"\xED\xA0\x80"}\n{"\xFF":1}\n{"ct":"e"}\n), [ 1, 'a' ], [ 2, $utf8 ], [ 3, $utf8 ], [ 4, $utf8 ], [ 5, 'e' ]);
both_framed('NUL bytes', qq({"ct":"a"}\n{"ct":"b\0"}\n{"ct":"c"}\0\n{"ct":"d"}\n), [ 1, 'a' ], [ 2, qr/control character/ ], [ 3, 'c' ], [ 3, $value ], [ 4, 'd' ]);
both_framed('two records on a line', qq({"ct":"a"} {"ct":"b"}{"ct":"c"}\n{"ct":"d"}\n), [ 1, 'a' ], [ 1, 'b' ], [ 1, 'c' ], [ 2, 'd' ]);
both_framed('what Java prints', qq({"ct":"a"}\n{index=7528, unique_id=fbe53c66, title=x}\n{"ct":"c"}\n), [ 1, 'a' ], [ 2, qr/key in double quotes/ ], [ 3, 'c' ]);
both_framed('what Python prints', qq({"ct":"a"}\n{'ct': 'b', 'x': None}\n{"ct":"c"}\n), [ 1, 'a' ], [ 2, qr/key in double quotes/ ], [ 3, 'c' ]);
both_framed('base64', qq(eyJpbmRleCI6NzUyOH0=\n{"ct":"b"}\n"eyJpbmRleCI6NzUyOH0="\n{"ct":"d"}\n), [ 1, $value ], [ 2, 'b' ], [ 3, $object ], [ 4, 'd' ]);
both_framed('strings', qq("{\\"ct\\":\\"a\\"}"\n""\n" { \\"ct\\" : \\"b\\" } "\n"[{}]"\n"{} x"\n{"ct":"z"}), [ 1, 'a' ], [ 2, $object ], [ 3, 'b' ], [ 4, $object ], [ 5, $object ], [ 6, 'z' ]);
both_framed('a last record that is cut off', qq({"ct":"a"}\n{"ct":"b), [ 1, 'a' ], [ 2, qr/./ ]);
both_framed('a record in the middle that is cut off', qq({"ct":"a"}\n{"ct":"b\n{"ct":"c"}\n), [ 1, 'a' ], [ 2, qr/control character/ ], [ 3, 'c' ]);
both_framed('an array that is cut off, among lines', qq([{"ct":"a"},{"ct":\n{"ct":"b"}\n{"ct":"c"}\n[{"ct":"d"}]\n{"ct":"e"}\n{"ct":"f"}\n),
	[ 1, 'a' ], [ 1, qr/./ ], [ 2, 'b' ], [ 3, 'c' ], [ 4, 'd' ], [ 5, 'e' ], [ 6, 'f' ]);
both_framed('an array without end, among lines', qq([{"ct":"a"}\n{"ct":"b"}\n{"ct":"c"}\n), [ 1, 'a' ], [ 2, qr/"," or "\]"/ ], [ 2, 'b' ], [ 3, 'c' ]);

foreach my $format ('auto', 'array')
{
	my $end = qr/has no end/;
	framed('an empty array', " [ ] \n", $format);
	framed('nested arrays', '[[{"ct":"a"}],{"ct":"b"}]', $format, [ 1, $object ], [ 1, 'b' ]);
	framed('an array of one', '[{"ct":"a"}]', $format, [ 1, 'a' ]);
	framed('an array without end', qq([{"ct":"a"},\n {"ct":"b"}\n), $format, [ 1, 'a' ], [ 2, 'b' ], [ 3, $end ]);
	framed('an array without anything', '[', $format, [ 1, $end ]);
	framed('a comma at the end', '[{"ct":"a"},]', $format, [ 1, 'a' ], [ 1, $value ]);
	framed('a comma that is missing', qq([{"ct":"a"} {"ct":"b"}\n,{"ct":"c"}]), $format, [ 1, 'a' ], [ 1, qr/"," or "\]"/ ], [ 1, 'b' ], [ 2, 'c' ]);
	framed('elements that are no objects', '[1,"x",null,{"ct":"d"},true,"{\"ct\":\"f\"}"]', $format,
		(map { [ 1, $object ] } 1 .. 3), [ 1, 'd' ], [ 1, $object ], [ 1, 'f' ]);
	framed('an error inside a pretty-printed array',
		qq([\n  {\n    "ct": "a"\n  },\n  {\n    "ct": b,\n    "x": [\n      1\n    ]\n  },\n  {\n    "ct": "c"\n  }\n]\n),
		$format, [ 2, 'a' ], [ 5, $value ], [ 11, 'c' ]);
}
framed('an error inside a pretty-printed object',
	qq({\n  "ct": "a"\n}\n{\n  "ct": tru,\n  "x": {\n    "y": 1\n  }\n}\n{\n  "ct": "c"\n}\n), 'auto', [ 1, 'a' ], [ 4, $value ], [ 10, 'c' ]);
framed('a pretty-printed object', qq({"ct":"a"}\n{\n"ct":"b"}\n{"ct":"c"}), 'lines', [ 1, 'a' ], [ 2, qr/does not end on its line/ ], [ 3, $object ], [ 3, $value ], [ 4, 'c' ]);
framed('no array', qq({"ct":"a"}\n[{"ct":"b"}]), 'array', [ 1, qr/no array here/ ], [ 2, 'b' ]);

# Everything that can be cut, cut at every byte by the end of the buffer
{
	my $buffer = 256 * 1024;
	my $tail = join('', qq({"ct":"\\ud83d\\ude00 \xF0\x9F\x98\x80 \\u00e9\\n","n":-1.5e+10,"b":[true,false,null]}\n),
		qq({"ct":bad}\n), qq("{\\"ct\\":\\"s\\"}"12 [{"ct":"x"} ,\n{"ct":"y"}]\n), qq({\n  "ct": nul,\n  "x": 1\n}\n{"ct":"end"}));
	my $where = foreign_table('postgres', 'cut', 'ct text', q(on_error 'set_null'));
	foreach my $k (0 .. length($tail) + 20)
	{
		my $first = '{"ct":"first","x":"' . 'x' x ($buffer - $k - 22) . "\"}\n";
		write_bytes(sprintf('%s/%03d.json', $where, $k), $first . $tail);
	}
	my $rows = run_sql('postgres', q{SELECT count(*), min(f), min(records) FROM (
		SELECT m_path AS f, string_agg(concat_ws('|', m_line, ct, m_error, CASE WHEN m_line > 1 THEN encode(m_value, 'escape') END), E'\n') AS records
		FROM (SELECT * FROM cut OFFSET 0) s GROUP BY 1) t GROUP BY records});
	my @kinds = split(/^(?=\d+\|file:)/m, $rows);
	is(scalar(@kinds), 1, 'records are the same wherever the buffer ends') or diag($rows);
	my $lines = join(' ', $rows =~ /^(?:\d+\|file:[^|]*\|)?(\d+)\|/mg);
	is($lines, '1 2 3 4 4 4 5 6 10', 'and so are their lines') or diag($rows);
	unlink glob("$where/*");
}

# Records larger than the buffer, and larger than they may be
{
	my $big = sub { my ($kilobytes, $name) = @_; return qq({"x":") . "\xC3\xA9" x ($kilobytes * 512 - 15) . qq(","ct":"$name"}\n) };
	my $small = qq({"ct":"small"}\n);
	my $large = qr/max_record_size/;
	both_framed('records larger than the buffer', $big->(255, 'a') . $big->(256, 'b') . $small . $big->(700, 'c') . $big->(1100, 'd') . $small,
		[ 1, 'a' ], [ 2, 'b' ], [ 3, 'small' ], [ 4, 'c' ], [ 5, 'd' ], [ 6, 'small' ]);
	$node->append_conf('postgresql.conf', "pinterest.max_record_size = '300kB'");
	$node->reload;
	both_framed('records larger than they may be', $big->(299, 'a') . $big->(302, 'b') . $small . $big->(5000, 'c') . $small . '{"ct":"' . 'x' x 2_000_000,
		[ 1, 'a' ], [ 2, $large ], [ 3, 'small' ], [ 4, $large ], [ 5, 'small' ], [ 6, $large ]);
	fails($node, 'ALTER FOREIGN TABLE one OPTIONS (SET on_error \'stop\'); SELECT * FROM one',
		{ state => '54000', like => [ qr/max_record_size/, qr/line 2/, qr/300 kB/ ] }, 'a record larger than it may be stops the scan');
}

done_testing();
